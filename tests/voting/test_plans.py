"""What a session's plan holds: practice, catch pairs and repeats, and the strategies."""

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import Scene, Score
from studyplatform.voting import selectors
from studyplatform.voting.models import Block, Question, Study, Trial
from studyplatform.voting.services import (
    StudyError,
    study_transition,
)
from studyplatform.voting.services.pictures.catches import CATCHES
from studyplatform.voting.simulation import CATCH_UTILITIES
from tests import factories

pytestmark = pytest.mark.django_db


def pair(trial: Trial) -> frozenset[int]:
    return frozenset((trial.left_id, trial.right_id))


def test_a_plan_holds_practice_catch_pairs_and_repeats(owner):
    study = factories.study(
        owner=owner, trials_per_session=6, practice_trials=2, catch_trials=2, repeat_trials=1, state="open"
    )
    trials = list(factories.participant(study).trials.in_turn())
    kinds = [t.kind for t in trials]
    assert kinds[:2] == ["practice", "practice"]
    assert sorted(kinds) == [
        "catch",
        "catch",
        "main",
        "main",
        "main",
        "main",
        "main",
        "main",
        "practice",
        "practice",
        "repeat",
    ]
    for trial in trials:
        right = {"left": trial.left, "right": trial.right}.get(trial.expected)
        if trial.kind in ("practice", "catch"):
            assert {trial.left.role, trial.right.role} == {"catch"}
            assert right.label == "catch: identity"
        else:
            assert right is None
            assert {trial.left.role, trial.right.role} == {"grid"}
        assert 0 < trial.design_prob <= 1
    (repeat,) = [t for t in trials if t.kind == "repeat"]
    first = trials[repeat.repeats]
    assert (first.kind, first.left_id, first.right_id) == ("main", repeat.right_id, repeat.left_id)
    assert study.design["session"] == {"main": 6, "practice": 2, "catch": 2, "repeat": 1}
    assert selectors.pairs_in_session(study) == 11


def test_more_repeats_than_a_session_can_hold_are_refused_in_words(owner):
    study = factories.study(owner=owner, trials_per_session=2, repeat_trials=2)
    with pytest.raises(StudyError, match=r"No plan can be laid: .*repeat"):
        study_transition(study=study, to="open", by=owner)
    assert Study.objects.get().state == "draft"
    assert not Block.objects.exists()


@pytest.mark.parametrize(
    ("question", "better", "worse"),
    [
        ("natural", "identity", "scrambled"),
        ("content", "identity", "scrambled"),
        ("colours", "identity", "grey"),
        ("style", "style", "identity"),
    ],
)
def test_every_question_has_its_own_known_answer(owner, question, better, worse):
    study = factories.study(owner=owner, questions=(question,), catch_trials=2, state="open")
    assert {s.label for s in study.stimuli.filter(role="catch")} == {f"catch: {better}", f"catch: {worse}"}
    for trial in factories.participant(study).trials.filter(kind="catch"):
        assert getattr(trial, trial.expected).label == f"catch: {better}"
    sizes = {(s.width, s.height) for s in study.stimuli.exclude(role="reference")}
    assert len(sizes) == 1  # the size of a picture must not tell


def test_simulated_people_who_look_know_every_known_answer():
    assert set(CATCHES) == set(Question.Preset)
    for better, worse in CATCHES.values():
        assert CATCH_UTILITIES[f"catch: {better}"] >= CATCH_UTILITIES[f"catch: {worse}"] + 8


def test_where_no_catch_pair_can_be_made_opening_says_so(owner):
    study = factories.study(owner=owner, catch_trials=1)
    Scene.objects.update(content=None)
    with pytest.raises(StudyError, match="No pair with a known answer can be made for “Which looks more natural"):
        study_transition(study=study, to="open", by=owner)


def test_practice_tells_whether_the_answer_was_right_and_nothing_else_does(owner):
    study = factories.study(owner=owner, practice_trials=2, catch_trials=1, state="open")
    who = factories.participant(study)
    first, second = who.trials.in_turn()[:2]
    other = {"left": "right", "right": "left"}
    stored = factories.cast(who, first.expected, trial=first)
    assert stored.correct is True
    assert factories.cast(who, first.expected, trial=first).correct is True  # a replay says the same
    assert factories.cast(who, other[second.expected]).correct is False
    while (trial := factories.next_trial(who)) is not None:
        assert factories.cast(who, "left", trial=trial).correct is None
    silent = factories.study("silent", owner=owner, practice_trials=1, practice_feedback=False, state="open")
    assert factories.cast(factories.participant(silent)).correct is None


def test_all_pairs_shows_every_pair_once_to_everybody(owner):
    study = factories.study(owner=owner, strategy="all_pairs", trials_per_session=1, questions=("natural", "style"))
    study_transition(study=study, to="open", by=owner)
    for _ in range(2):
        trials = list(factories.participant(study).trials.all())
        assert len(trials) == 12  # 2 scenes x 3 pairs x 2 questions
        assert len({(t.question_id, pair(t)) for t in trials}) == 12
    page = Client().get(reverse("voting:landing", args=[study.slug])).content.decode()
    assert "<dd>12</dd>" in page


def test_focused_shows_the_minimum_of_each_scene_in_seven_of_ten_pairs(owner):
    grid = factories.rendered_grid("wide", owner=owner, learning_rates=(0.01, 0.05, 0.1, 0.5, 1.0))
    study = factories.study(
        owner=owner, grid=grid, strategy="focused", trials_per_session=10, sessions_planned=20, state="open"
    )
    losses = selectors.losses_of(study)
    stimuli = {s.pk: s for s in study.stimuli.all()}
    best = {
        scene: min((pk for pk in losses if stimuli[pk].scene_id == scene), key=lambda pk: losses[pk].value)
        for scene in {s.scene_id for s in stimuli.values()}
    }
    plans = [item for block in study.blocks.all() for item in block.plan]
    share = sum(best[i["scene"]] in (i["left"], i["right"]) for i in plans) / len(plans)
    assert share == pytest.approx(0.7, abs=0.03)
    assert {i["strategy"] for i in plans} == {"focused"}


def test_focused_without_values_says_what_to_do(owner):
    study = factories.study(owner=owner, strategy="focused")
    Score.objects.all().delete()
    with pytest.raises(StudyError, match="no comparable values for Cat"):
        study_transition(study=study, to="open", by=owner)
