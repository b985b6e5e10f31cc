"""What the explorer is given: who may have it, that it is what the analysis says, that pictures are small."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from PIL import Image

from evaluation.core.analysis import analyse
from evaluation.core.options import Options
from evaluation.explorer import THUMBNAIL_PX, pairs_json, pictures_json, votes_json
from evaluation.inputs import study_data
from evaluation.models import Analysis
from evaluation.services import analysis_run
from generation.models import Metric
from studyplatform.voting.models import Study
from tests import factories


@pytest.fixture
def study(owner: User) -> Study:
    """Three people, who always choose the left picture, and finished."""
    made = factories.study(owner=owner, slug="looked-at", state="open", trials_per_session=6)
    for _ in range(3):
        factories.finished(made)
    return made


@pytest.fixture
def analysis(study: Study) -> Analysis:
    results = analyse(study_data(study), Options(draws=99))
    return Analysis.objects.create(
        study=study, question=study.questions.get(), data_digest="d", code_version="1", results=results
    )


def address(name: str, analysis: Analysis) -> str:
    return reverse(f"evaluation:{name}", args=[analysis.study.slug, analysis.pk])


def test_every_picture_stands_at_its_loss_and_score(analysis: Analysis) -> None:
    found = pictures_json(analysis)
    assert [group["label"] for group in found["groups"]] == ["All scenes", "Cat", "Coffee"]
    assert found["parameters"] == ["lr"]
    assert [c["params"] for c in found["conditions"]] == [[0.01], [0.1], [1.0]]
    cells = [(picture["scene"], picture["condition"]) for picture in found["pictures"]]
    assert sorted(cells) == [(scene, condition) for scene in (1, 2) for condition in (0, 1, 2)]
    total = [m["id"] for m in found["metrics"]].index(found["primary"])
    test = next(m for m in analysis.results["metrics"] if m["id"] == found["primary"])["tests"][1]
    ids = [c["id"] for c in analysis.results["conditions"]]
    assert found["groups"][1]["values"][total] == pytest.approx([test["minimum"]["values"][i] for i in ids], rel=1e-5)
    shares = [row["share"] for row in analysis.results["groups"][0]["rows"]]
    assert [row[0] for row in found["groups"][0]["votes"]] == pytest.approx(shares, rel=1e-5)


@pytest.mark.parametrize(("direction", "best"), [("lower_better", 0), ("higher_better", 2)])
def test_the_minimisers_are_those_of_the_analysis_and_z_is_turned(study: Study, direction: str, best: int) -> None:
    Metric.objects.filter(key="content_loss").update(direction=direction)  # it rises with the learning rate
    [analysis] = analysis_run(study=study, options=Options(draws=99), unblind=True)
    found = pictures_json(analysis)
    content = [m["id"] for m in found["metrics"]].index("content_loss")
    for group in found["groups"]:
        assert group["minima"][content] == [best]
        assert group["z"][content][best] == min(group["z"][content])
    assert found["groups"][0]["values"] == found["groups"][0]["z"]
    raw = found["groups"][1]["values"][content]
    assert raw == sorted(raw)


def test_half_a_tie_on_each_side_is_told_as_a_tie(analysis: Analysis) -> None:
    one, two = (c["id"] for c in analysis.results["conditions"][:2])
    scene = analysis.results["groups"][2]["scene"]
    row: dict[str, Any] = {"scene_id": scene, "condition_1": one, "condition_2": two}
    halves = row | {"wins_1": 3.5, "wins_2": 1.5, "ties": 1, "n": 5}
    apart = row | {"wins_1": 3, "wins_2": 1, "ties": 1, "n": 5}
    for given in (halves, apart):
        analysis.results["tables"] = {"pairs": [given]}
        assert pairs_json(analysis) == {"pairs": [[2, 0, 1, 3, 1, 1]]}
    analysis.results["sections"] = {"pairs": {"listed": False, "sentence": "Too many."}}
    assert pairs_json(analysis) == {"pairs": None, "sentence": "Too many."}
    analysis.results["tables"] = {}
    assert "evaluate the study again" in pairs_json(analysis)["sentence"]


def test_single_votes_are_those_of_the_analysis_set(
    analysis: Analysis, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("evaluation.inputs.pictures.curves")  # a click must not read the loss curves of the study
    everything = votes_json(analysis, scene=0, conditions=[0, 1, 2])
    assert everything["total"] == len(everything["votes"]) == 18
    assert {vote["choice"] for vote in everything["votes"]} == {"left"}
    among = votes_json(analysis, scene=1, conditions=[0, 2])
    assert {frozenset((v["left"], v["right"])) for v in among["votes"]} == {frozenset(("lr 0.01", "lr 1"))}
    assert {v["scene"] for v in among["votes"]} == {"Cat"}
    alone = votes_json(analysis, scene=0, conditions=[1])
    assert 0 < alone["total"] < 18
    assert all("lr 0.1" in (v["left"], v["right"]) for v in alone["votes"])
    token = study.participants.first().token  # type: ignore[union-attr]
    assert not any(token.startswith(v["voter"]) for v in everything["votes"])


def test_the_browser_keeps_what_never_changes(analysis: Analysis, as_owner: Client) -> None:
    for part in ("pictures", "pairs"):
        first = as_owner.get(address(part, analysis))
        assert first.status_code == 200
        again = as_owner.get(address(part, analysis), headers={"if-none-match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert as_owner.get(address(part, analysis), headers={"if-none-match": '"other"'}).status_code == 200


def test_who_may_look_and_who_sees_single_votes(analysis: Analysis, as_owner: Client, stranger: User) -> None:
    inside = Client()
    inside.force_login(stranger)
    votes = address("votes", analysis) + "?scene=0&condition=0"
    for part in ("pictures", "pairs", "votes"):
        assert inside.get(address(part, analysis)).status_code == 404
    # While people vote nobody sees who chose what.
    sealed = as_owner.get(votes)
    assert sealed.status_code == 409
    assert "Until it is closed nobody sees who chose what" in sealed.json()["sentence"]
    Study.objects.filter(pk=analysis.study_id).update(state="closed", public_report=True)
    assert [inside.get(address(part, analysis)).status_code for part in ("pictures", "pairs")] == [200, 200]
    assert inside.get(votes).status_code == 403
    assert as_owner.get(votes).json()["total"] > 0
    for wrong in ("", "?scene=9&condition=0", "?scene=0&condition=99", "?scene=-1&condition=0", "?condition=x"):
        assert as_owner.get(address("votes", analysis) + wrong).status_code == 404


def test_thumbnails_are_small_and_made_once_and_the_way_to_the_picture_serves_without_one(
    study: Study, as_owner: Client, stranger: User
) -> None:
    [analysis] = analysis_run(study=study, options=Options(draws=99), unblind=True)
    picture, lost = pictures_json(analysis)["pictures"][:2]
    response = as_owner.get(picture["thumb"])
    assert (response.status_code, response["Content-Type"]) == (200, "image/webp")
    with Image.open(io.BytesIO(response.content)) as small:
        assert max(small.size) <= THUMBNAIL_PX
    assert len(response.content) < storages["stimuli"].size(picture["url"].removeprefix("/stimuli/"))
    for one in (picture, lost):
        storages["stimuli"].delete(one["url"].removeprefix("/stimuli/"))
    assert as_owner.get(picture["thumb"]).content == response.content
    assert as_owner.get(lost["thumb"])["Location"] == lost["url"]
    inside = Client()
    inside.force_login(stranger)
    assert inside.get(picture["thumb"]).status_code == 404
    assert as_owner.get(reverse("evaluation:thumbnail", args=["looked-at", "nothing"])).status_code == 404


def test_the_tables_of_an_analysis_are_for_those_who_may_download(analysis: Analysis, as_owner: Client) -> None:
    there = reverse("evaluation:derived", args=["looked-at", analysis.pk, "hypothesis_tests"])
    response = as_owner.get(there)
    assert response.status_code == 200
    assert response.content.startswith(b"test_id,")
    assert as_owner.get(there.replace("hypothesis_tests", "secrets")).status_code == 404
    Study.objects.filter(pk=analysis.study_id).update(state="closed", public_report=True)
    assert Client().get(there).status_code == 403


def test_the_next_grid_is_a_file_or_a_sentence(analysis: Analysis, as_owner: Client) -> None:
    there = reverse("evaluation:next-grid", args=["looked-at"])
    response = as_owner.get(there)
    assert response.status_code == 409
    assert "still takes votes" in response.content.decode()
    Study.objects.filter(pk=analysis.study_id).update(public_report=True, state="closed")
    assert Client().get(there).status_code == 403
    assert as_owner.get(there).status_code == 409  # this grid was never written as a file


def test_an_analysis_of_an_earlier_version_stays_readable(analysis: Analysis, as_owner: Client) -> None:
    old = {key: value for key, value in analysis.results.items() if key not in ("sections", "tables")}
    Analysis.objects.filter(pk=analysis.pk).update(results=old)
    response = as_owner.get(reverse("evaluation:report", args=["looked-at"]))
    assert response.status_code == 200
    html = response.content.decode()
    assert "keeps no list of its tests" in html
    assert "Votes per condition" in html
    assert "How often votes agree with a metric" in html
    assert as_owner.get(address("pictures", analysis)).status_code == 200
    assert as_owner.get(address("pairs", analysis)).json()["pairs"] is None
