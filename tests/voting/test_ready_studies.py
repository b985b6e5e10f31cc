"""The studies that come with the project: each imports in one step, its grid lays, and what it claims is in it."""

import re
from math import comb
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from generation.core import images
from generation.core.grid import GridError
from generation.models import Grid, Job
from generation.services.drafts import draft_problems, grid_launch
from generation.services.packs import pack_read
from studyplatform.voting import services
from studyplatform.voting.models import Study
from studyplatform.voting.services import StudyError
from studyplatform.voting.services.study_file import ready_studies, ready_text, study_file, study_import
from tests import factories

pytestmark = pytest.mark.django_db
NAMES = [
    "arbitrary-toy",
    "defects-toy",
    "feedforward-toy",
    "geng2021",
    "geng2021-feedforward-toy",
    "lee2022",
    "lee2022-toy",
    "meng2023-learning-rate",
    "meng2023-weights",
    "zhang2016-real-or-fake",
]
FIXTURES = Path(settings.BASE_DIR) / "fixtures"


def photographs(folder: Path) -> None:
    """A folder of colour pictures, as large as the networks of the report want them."""
    folder.mkdir(parents=True)
    for number in range(12):
        picture = factories.pixels(f"photograph {number}", width=270, height=260)
        (folder / f"{number}.png").write_bytes(images.encode_png(picture))


def imported(name: str, owner: Any) -> Study:
    return study_import(data=ready_text(name), by=owner).study


def test_these_are_there_and_the_documentation_names_them():
    assert [study.name for study in ready_studies()] == NAMES
    page = (Path(settings.BASE_DIR) / "docs" / "studies.md").read_text("utf-8")
    assert [name for name in NAMES if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_its_source_did_and_where_it_departs(owner, name):
    study = imported(name, owner)
    assert study.slug == name
    assert study.hypothesis
    for words in ("did.", "What this study keeps.", "Where it departs."):
        assert words in study.prereg_notes
    # Participants read neither what is expected nor what is varied.
    read = f"{study.title} {study.introduction} {study.instructions}".lower()
    for telling in ("learning rate", "optimis", "loss", "weight", "setting", "prefer", "hypothes"):
        assert telling not in read
    assert study_file(study_import(data=study_file(study).encode(), by=owner).study).replace("-2", "") == study_file(
        study
    ).replace("-2", "")


@pytest.mark.parametrize("name", NAMES)
def test_its_grid_becomes_a_draft_that_lays(owner, name, settings, tmp_path):
    settings.VAR = tmp_path
    photographs(tmp_path / "photographs" / "coco")
    study = imported(name, owner)
    draft = study.grids.get()
    assert (draft.frozen, draft_problems(draft)) == (False, [])
    try:
        grid = grid_launch(grid=draft, by=owner)
    except GridError as error:
        if "weights" in str(error) or "download" in str(error):
            pytest.skip(f"the pretrained network of this grid is not here: {error}")
        raise
    assert (grid.pk, grid.frozen) == (draft.pk, True)
    assert Job.objects.exists()
    conditions = grid.conditions.filter(condition__role="grid").count()
    scenes = grid.cells.values("scene").distinct().count()
    real = study.questions.filter(preset="real").exists()
    offered = scenes * conditions if real else scenes * comb(conditions, 2) * study.questions.count()
    assert study.trials_per_session <= offered
    expected = {"meng2023-learning-rate": 11, "lee2022": 18, "lee2022-toy": 18, "geng2021": 17}
    expected |= {"feedforward-toy": 6, "arbitrary-toy": 5, "defects-toy": 19, "geng2021-feedforward-toy": 18}
    assert conditions == expected.get(name, conditions)


def test_the_learning_rates_are_hers():
    """Those of meng2023.toml under the weights of Table 1, word for word."""
    rates = {}
    for name in ("meng2023", "meng2023-learning-rate"):
        text = (FIXTURES / "grids" / f"{name}.toml").read_text("utf-8")
        rates[name] = re.findall(r"^learning_rate = (\[.*\])$", text, re.MULTILINE)[0]
    assert len(set(rates.values())) == 1


def test_zhangs_protocol_runs_on_the_pictures_that_are_there(owner):
    pack_read(owner=owner, folder=FIXTURES / "colour-tiny")
    made = study_import(data=ready_text("zhang2016-real-or-fake"), by=owner)
    study = made.study
    assert (made.notes, Grid.objects.count()) == ((), 1)
    assert (study.layout, study.exposure_ms, study.practice_trials, study.practice_feedback) == (
        "timed",
        1000,
        10,
        True,
    )
    assert [str(question) for question in study.questions.all()] == ["Which is the real photograph?"]
    services.study_transition(study=study, to="open", by=owner)
    who = factories.participant(study)
    kinds = list(who.trials.order_by("position").values_list("kind", flat=True))
    assert kinds == ["practice"] * 10 + ["real_fake"] * 16


def test_imported_by_name_in_one_step(owner, as_owner, capsys):
    page = as_owner.get("/admin/voting/study/import/").content.decode()
    assert all(f"<code>{name}</code>" in page for name in NAMES)
    made = as_owner.post("/admin/voting/study/import/", {"ready": "geng2021"}, follow=True).content.decode()
    assert "is imported. It is a draft of yours" in made
    assert "is not rendered yet" in made
    call_command("import_study", "geng2021", owner="owner")
    said = capsys.readouterr().out
    assert "called geng2021-2" in said
    assert "is a draft of yours: launch it" in said
    call_command("import_study")
    assert "zhang2016-real-or-fake: Which is the real photograph?" in capsys.readouterr().out
    assert Grid.objects.count() == 1


def test_no_other_name_reads_a_file(owner, as_owner):
    for name in ("", "nothing", "../demo/live", "geng2021.study.json"):
        with pytest.raises(StudyError, match=r"Known: arbitrary-toy, .*geng2021-feedforward-toy, lee2022"):
            ready_text(name)
        assert (
            "Known: arbitrary-toy"
            in as_owner.post("/admin/voting/study/import/", {"ready": name}, follow=True).content.decode()
        )
    assert not Study.objects.exists()
