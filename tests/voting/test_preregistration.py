"""The preregistration: the same text and numbers from the same study, shown before it opens, frozen when it does."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.inputs import study_data
from generation.core.spec import digest
from generation.models import GridMetric, Scene
from studyplatform.voting.core.claims import claims, logit
from studyplatform.voting.core.preregistration import Plan, files, preregister, weak_points
from studyplatform.voting.models import Preregistration, Quota, Study
from studyplatform.voting.selectors.preregistration import first_vote_at, prereg_departures
from studyplatform.voting.services import DESIGN_FIELDS, prereg_plan, study_transition
from tests import factories

GOLDEN = Path(__file__).parent / "preregistration.md"


def plan(**changes: Any) -> Plan:
    """A study of four scenes and five conditions, all defaults but what a golden text should show."""
    study = {name: Study._meta.get_field(name).get_default() for name in DESIGN_FIELDS}
    study |= {"title": "Learning rates", "slug": "rates", "hypothesis": "The lowest loss does not win.", "seed": 7}
    study |= {"allow_ties": True, "sessions_planned": 60, "prereg_notes": "We expect no effect of age.\n\nNo more."}
    study |= changes.pop("study", {})
    questions = [{"preset": "natural", "text": "Which looks more natural?", "reference": ""}]
    session = {"main": 30, "practice": 2, "catch": 3, "repeat": 0}
    design = {"version": 1, "study": study, "questions": questions, "session": session, "grids": [], "stimuli": []}
    design |= changes.pop("design", {})
    fields: dict[str, Any] = {
        "design": design,
        "design_sha256": digest(design),
        "primary": {"rates": ["total_loss"]},
        "primary_label": "Total loss",
        "others": ["Content loss", "Style loss"],
        "scenes": ["Cat", "Coffee", "Dog", "Tea"],
        "conditions": ["lr 0.01", "lr 0.02", "lr 0.05", "lr 0.1", "lr 1"],
        "shared": 5,
        "layout": "side by side",
        "strategy": "balanced: every pair equally often over participants",
        "opens_at": "2027-01-01T08:00:00Z",
        "ends_at": "2027-02-01T20:30:00Z",
        "quotas": ["at most 20 with device phone"],
        "pilots": 3,
    }
    return Plan(**(fields | changes))


def said(made: Plan, question: int) -> str:
    row = preregister(made)[0]["form"][question - 1]
    return " ".join(row["answer"])


def test_the_text_is_the_golden_one_and_the_content_vouches_for_it():
    content, text = preregister(plan())
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert preregister(plan()) == (content, text)
    assert content["text_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert content["analysis"]["delta"] == logit(0.55) == pytest.approx(0.2007, abs=1e-4)
    assert content["seeds"] == {"order_and_sides": 7, "resampling": 1}
    assert content["screening"]["side_p_below"] == 0.001
    assert [c["reachable"] for c in content["claim_levels"]] == [True, True, True]
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    found = files(content, text)
    assert hashlib.sha256(found["prereg.json"]).hexdigest() == digest(content)
    assert found["prereg.md"].decode() == text


@pytest.mark.parametrize("name", [n for n in DESIGN_FIELDS if n != "hypothesis"])
def test_whatever_changes_in_the_design_changes_the_digest(name):
    value = plan().study[name]
    other = (not value) if isinstance(value, bool) else f"{value}x" if isinstance(value, str) else value + 1
    if name == "margin":
        other = 0.6
    changed = preregister(plan(study={name: other}))[0]
    assert digest(changed) != digest(preregister(plan())[0])
    assert changed["text_sha256"] != preregister(plan())[0]["text_sha256"]


@pytest.mark.parametrize(
    ("changes", "question", "words"),
    [
        ({"study": {"hypothesis": " "}}, 2, "No expectation was written down"),
        ({"study": {"allow_ties": False}}, 3, "(left or right)"),
        ({"study": {"layout": "timed", "exposure_ms": 500}}, 3, "shown for 500 ms"),
        ({"study": {"allow_undo": True}}, 3, "taken back once"),
        ({"shared": 3}, 4, "3 of the conditions are shown in every scene"),
        ({"study": {"show_photograph": True}}, 4, "photograph is shown too"),
        ({"study": {"alpha": 0.01, "margin": 0.6}}, 5, "At the level 0.01"),
        ({"study": {"margin": 0.6}}, 5, "60 of 100 meetings or more (0.405 logit)"),
        ({"primary_label": ""}, 5, "no test of a metric is confirmatory"),
        ({"scenes": ["Cat"]}, 5, "it has 1 scene and 4 are needed"),
        ({"shared": 3}, 5, "the smallest two-sided p is 0.33"),
        ({"study": {"flag_run": 20}}, 6, "20 answers or more in a row"),
        ({"study": {"screen_out": True}}, 6, "leaves before the first pair"),
        ({"opens_at": ""}, 7, "may start from the opening to 2027-02-01 20:30 UTC"),
        ({"quotas": ()}, 7, "60 sessions of 30 pairs"),
        ({"study": {"prereg_notes": ""}}, 8, "Nothing."),
        ({"study": {"simulated": True}}, 10, "rehearsal"),
    ],
)
def test_each_answer_follows_from_the_study(changes, question, words):
    assert words in said(plan(**changes), question)
    assert words not in said(plan(), question) or words == "60 sessions of 30 pairs"


def test_a_study_of_real_photographs_promises_nothing_of_a_minimum():
    asked = [{"preset": "real", "text": "Which is the real photograph?", "reference": "", "kind": "real_fake"}]
    made = plan(design={"questions": asked})
    content, text = preregister(made)
    assert "question" not in content
    assert "one half" in content["real_or_fake"]
    assert [f["family"] for f in content["analysis"]["families"] if f["confirmatory"]] == ["fooling"]
    assert "minimum is refuted" not in text


def test_what_a_researcher_typed_cannot_become_a_part_of_the_form():
    text = preregister(plan(study={"title": "A\n## 11. More", "hypothesis": "B\n\n# C"}))[1]
    assert sum(line.startswith("#") for line in text.splitlines()) == 11


@pytest.mark.parametrize(
    ("numbers", "reachable"),
    [((7, 10, 10), ""), ((8, 1, 2), "C1"), ((8, 4, 2), "C1 C2"), ((8, 3, 5), "C1 C3"), ((8, 4, 5), "C1 C2 C3")],
)
def test_the_ladder_says_what_a_design_can_reach_and_what_is_missing(numbers, reachable):
    found = claims(participants=numbers[0], scenes=numbers[1], conditions=numbers[2])
    assert " ".join(c.level for c in found if c.reachable) == reachable
    assert all("needed" in c.sentence for c in found if not c.reachable)


def test_a_rung_names_everything_that_is_missing():
    first, second, third = (c.sentence for c in claims(participants=6, scenes=1, conditions=2))
    people = "6 participants are planned and 8 are needed"
    assert first.endswith(f"for {people}.")
    assert second.endswith(f"for {people}; and it has 1 scene and 4 are needed.")
    assert f"for {people}; and its scenes share 2 conditions and 5 are needed" in third
    assert "share 1 condition and a test compares two" in claims(participants=8, scenes=4, conditions=1)[1].sentence


def test_weak_points_are_named_with_their_mend_and_a_sound_study_has_none():
    assert weak_points(plan()) == []
    none = replace(plan(), primary_label="", shared=2)
    weak = " ".join(weak_points(none)) + " ".join(weak_points(plan(study={"hypothesis": "", "simulated": True})))
    for words in ("No hypothesis is written", "no common primary metric", "5 are needed", "binds nobody"):
        assert words in weak


# --- with rows ------------------------------------------------------------------------------------------------------


@pytest.fixture
def draft(owner: Any) -> Study:
    study = factories.study(owner=owner, hypothesis="It does not.", catch_trials=3, sessions_planned=9)
    Quota.objects.create(study=study, kind="device", value="phone", most=4)
    return study


def page(client: Client, study: Study) -> str:
    return client.get(reverse("admin:voting_study_preregistration", args=[study.pk])).content.decode()


@pytest.mark.django_db
def test_what_is_previewed_is_what_opening_freezes(draft, owner, as_owner):
    content, text = preregister(prereg_plan(study=draft))
    shown = page(as_owner, draft)
    assert all(row["question"] in shown for row in content["form"])
    assert "C2, other scenes of this kind too: cannot be tested" in shown
    assert not Preregistration.objects.exists()
    study_transition(study=draft, to="open", by=owner)
    written = Preregistration.objects.get(study=draft)
    assert (written.content, written.text, written.sha256) == (content, text, digest(content))
    assert "at most 4 with device phone" in written.text
    assert "3 conditions: lr 0.01; lr 0.1; lr 1." in written.text
    assert written.content["primary_metric"] == {"tiny": ["total_loss"]}


@pytest.mark.django_db
def test_scenes_of_one_label_are_as_many_as_they_are(draft, owner):
    Scene.objects.update(label="Picture")
    made = prereg_plan(study=draft)
    marks = sorted(scene.digest[:4] for scene in Scene.objects.all())
    assert list(made.scenes) == [f"Picture ({mark})" for mark in marks]
    assert len(made.scenes) == 2
    study_transition(study=draft, to="open", by=owner)
    assert sorted(scene.label for scene in study_data(draft).scenes) == list(made.scenes)
    assert "2 scenes: Picture (" in draft.preregistration.text


@pytest.mark.django_db
def test_a_pilots_people_are_said_and_a_rehearsal_too(owner):
    study = factories.study(owner=owner, state="pilot")
    factories.finished(study)
    study_transition(study=study, to="open", by=owner)
    assert "1 person took part in a pilot" in study.preregistration.text
    rehearsal = factories.study("rehearsal", owner=owner, state="open", simulated=True)
    assert "SIMULATED" in rehearsal.preregistration.text


@pytest.mark.django_db
def test_after_opening_the_page_shows_what_was_frozen_and_gives_both_files(draft, owner, as_owner):
    study_transition(study=draft, to="open", by=owner)
    assert "none yet" in page(as_owner, draft)
    who = factories.participant(draft)
    factories.cast(who)
    shown = page(as_owner, draft)
    assert draft.preregistration.sha256 in shown
    assert "nothing has changed" in shown
    assert first_vote_at(draft) is not None
    for name in ("prereg.json", "prereg.md"):
        answer = as_owner.get(reverse("admin:voting_study_preregistration_file", args=[draft.pk, name]))
        assert answer["Content-Disposition"] == f'attachment; filename="study-{name}"'
        if name.endswith("json"):
            assert hashlib.sha256(answer.content).hexdigest() == draft.preregistration.sha256
    assert as_owner.get(reverse("admin:voting_study_preregistration_file", args=[draft.pk, "x.txt"])).status_code == 404


@pytest.mark.django_db
def test_what_stands_in_the_way_is_said_in_place_of_a_preview(draft, as_owner):
    draft.grids.clear()
    assert "Choose at least one rendered grid." in page(as_owner, draft)


@pytest.mark.django_db
def test_an_early_preregistration_is_shown_and_departs_from_nothing(draft, owner, as_owner):
    study_transition(study=draft, to="open", by=owner)
    row = draft.preregistration
    keys = ("title", "hypothesis", "question", "primary_metric", "stopping_rule", "design_sha256", "design")
    content = {key: row.content[key] for key in keys}
    Preregistration.objects.filter(pk=row.pk).update(content=content, text="", sha256=digest(content))
    shown = page(as_owner, draft)
    assert "It does not." in shown
    assert "9 sessions of 4 pairs" in shown
    assert prereg_departures(Study.objects.get(pk=draft.pk)) == []


@pytest.mark.django_db
def test_a_changed_row_is_said_on_the_page(draft, owner, as_owner):
    study_transition(study=draft, to="open", by=owner)
    GridMetric.objects.filter(grid__studies=draft).update(is_primary=False)
    assert "The primary metric of the grids is not the one" in page(as_owner, draft)


@pytest.mark.django_db
def test_bots_and_pilots_give_no_first_vote(owner):
    study = factories.study(owner=owner, state="pilot")
    factories.finished(study)
    study_transition(study=study, to="open", by=owner)
    assert first_vote_at(study) is None
