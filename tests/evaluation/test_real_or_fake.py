"""From simulated people who are fooled as often as was planted to the page that says how often they were."""

import io
import json
import math
import re
import zipfile
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from evaluation.core import bundle
from evaluation.core.options import Options
from evaluation.core.sessions import pairs_counted
from evaluation.exports import Export, bundle_zip
from evaluation.inputs import study_data
from evaluation.models import Analysis
from evaluation.plan import design_of
from evaluation.services import EvaluationError, analysis_run
from studyplatform.voting.core.observers import Observers
from studyplatform.voting.models import Study
from studyplatform.voting.simulation import simulate_study
from tests import factories

FAST = Options(draws=199)
#: How often each condition is taken for the photograph.
PLANTED = {"lr 0.01": 0.12, "lr 0.1": 0.35, "lr 1": 0.6}
SCENES = ("cat", "coffee", "clock", "coins")
PEOPLE = 16


def study(owner: User, *questions: str, **fields: object) -> Study:
    grid = factories.rendered_grid("four", owner=owner, contents=SCENES)
    return factories.study(
        "fooled",
        owner=owner,
        grid=grid,
        questions=questions,
        **{"simulated": True, "state": "open", "trials_per_session": 12, "sessions_planned": PEOPLE, **fields},
    )


def fooled(made: Study, url: str) -> None:
    """Everybody takes part, over HTTP: a picture is chosen against the photograph as often as was planted."""
    odds = {label: math.log(share / (1 - share)) for label, share in PLANTED.items()}
    crowd = {(scene.title(), label): logit for scene in SCENES for label, logit in odds.items()}
    observers = Observers(crowd, taste_sd=0.0, side_bias=(0.0, 0.0), lapse=0.0, seed=5)
    played = simulate_study(study=made, base_url=url, observers=observers, participants=PEOPLE)
    assert played.finished == PEOPLE


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " ")


@pytest.mark.django_db(transaction=True)
def test_what_was_planted_is_found_and_told(
    owner: User, live_server: object, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = study(owner, "real", repeat_trials=2, catch_trials=2)
    fooled(made, live_server.url)
    [analysis] = analysis_run(study=made)
    results = analysis.results
    found = results["sections"]["fooling"]
    assert (found["n_trials"], found["n_participants"], found["reason"]) == (PEOPLE * 12, PEOPLE, None)
    rates = {row["label"]: row for row in found["rates"]}
    assert set(rates) == set(PLANTED)
    for label, planted in PLANTED.items():
        row = rates[label]
        assert row["n_trials"] == PEOPLE * 4
        assert abs(row["estimate"] - planted) < 3.3 * math.sqrt(planted * (1 - planted) / row["n_trials"])
        assert row["ci_low"] < planted < row["ci_high"]
    # The analysis and what it says: rates, and no verdict on a minimum that nobody compared.
    head = results["headline"]
    assert results["question"]["kind"] == "real_fake"
    assert (head["verdict"], head["p"], head["favourite"]) == ("not_computable", None, None)
    assert head["answer"] == f"In {100 * found['rate']:.0f} of 100 trials."
    assert results["flow"][0]["n_trials"] == PEOPLE * 16
    assert results["flow"][-1] == {
        "step": "one_generated",
        "words": "of one image of the grid beside one that is not",
        "n_trials": PEOPLE * 12,
        "n_participants": PEOPLE,
    }
    tests = results["tables"]["hypothesis_tests"]
    assert {t["family"]: t["confirmatory"] for t in tests} == {
        "fooling": True, "fooling_differences": False, "fooling_metrics": False,
    }  # fmt: skip
    assert json.dumps(results, allow_nan=False)
    found_again = results["sections"]["quality"]["repeats"]["same"]
    assert found_again > PEOPLE
    # The page.
    client.force_login(owner)
    html = client.get(reverse("evaluation:report", args=[made.slug])).content.decode()
    text = words_of(html)
    assert "How often do simulated voters take a generated picture for the real photograph?" in text
    assert "no metric’s minimum was put to the test" in text
    assert "How often each was called real" in text
    assert "Condition against condition" in text
    assert "nobody has compared" not in text.lower()
    assert "lr 0.1 was called real in" in text.lower()
    assert "lr 0.01 was called real less often than lr 0.1 by" in text.lower()
    assert f"Of {PEOPLE * 12} votes none was a tie; half of the votes took less than" in text
    assert f"chose the same picture in {found_again} of {PEOPLE * 2} cases" in text
    assert "none of them is left out of the analysis" in text
    for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", html, re.DOTALL):
        assert words_of(cell).strip()
        assert not re.search(r"NC_[A-Z]|\bnan\b|\bNone\b|\binf\b", words_of(cell), re.IGNORECASE)
    # The export reads back, and its trials say what they were.
    archive = zipfile.ZipFile(io.BytesIO(b"".join(bundle_zip(Export(made)))))
    names = {Path(name).name: archive.read(name) for name in archive.namelist()}
    lines = names["trials.csv"].decode().splitlines()
    assert sum(",real_fake," in line for line in lines) == PEOPLE * 12
    assert len(names["fooling.csv"].decode().splitlines()) == 1 + 3 + 3 + 3
    data = study_data(made)
    assert bundle.read(bundle.write(data)).data.digest == data.digest
    archive.extractall(tmp_path / "export")
    [folder] = (tmp_path / "export").iterdir()
    call_command("evaluate", "--bundle", str(folder), "--out", str(tmp_path / "out"))
    assert "real photograph" in (tmp_path / "out" / "real" / "report.html").read_text()
    assert "of 100 trials" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_beside_a_question_of_taste_each_has_its_own_analysis(owner: User, live_server: object, client: Client) -> None:
    made = study(owner, "natural", "real")
    fooled(made, live_server.url)
    taste, real = (a.results for a in analysis_run(study=made, options=FAST))
    assert taste["headline"]["favourite_label"] == "lr 1"
    assert taste["headline"]["verdict"] != "not_computable"
    assert taste["sections"]["fooling"]["reason"]["code"] == "NC_NOT_ASKED"
    assert real["sections"]["fooling"]["n_trials"] == PEOPLE * 6
    assert taste["flow"][-1]["n_trials"] == real["flow"][-1]["n_trials"] == PEOPLE * 6
    client.force_login(owner)
    text = words_of(client.get(reverse("evaluation:report", args=[made.slug])).content.decode())
    assert "Another question: Which is the real photograph?" in text
    assert Analysis.objects.count() == 2


@pytest.mark.django_db
def test_a_power_plan_is_for_questions_that_compare_pictures(owner: User) -> None:
    with pytest.raises(EvaluationError, match="asks only which picture is the real photograph"):
        design_of(study(owner, "real", state="draft"))
    both = study_with_both(owner)
    assert pairs_counted(design_of(both)) == 6


def study_with_both(owner: User) -> Study:
    grid = factories.rendered_grid("more", owner=owner, contents=SCENES)
    return factories.study("both", owner=owner, grid=grid, questions=("natural", "real"), trials_per_session=12)
