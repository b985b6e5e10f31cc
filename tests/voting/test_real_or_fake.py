"""The photograph beside a generated picture: what is published, who meets whom, what stays as it was."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from django.core.files.storage import storages
from django.urls import reverse
from django.utils import timezone

from generation.core import images
from generation.models import Scene
from generation.services import artifact_bytes
from studyplatform.voting import selectors
from studyplatform.voting.models import Block, Study, Trial
from studyplatform.voting.services import (
    StudyError,
    VoteStored,
    blocks_release_expired,
    pictures_of,
    session_plan,
    study_transition,
)
from tests import factories

pytestmark = pytest.mark.django_db


def asked(owner, questions=("real",), **fields) -> Study:
    return factories.study(owner=owner, questions=questions, **{"state": "open", "trials_per_session": 6, **fields})


def photograph_of(trial: Trial) -> str:
    """The side of the photograph; the other side is a picture of the grid, of the same scene and size."""
    sides = {"left": trial.left, "right": trial.right}
    (side,) = [name for name, shown in sides.items() if shown.role == "control"]
    real, fake = sides.pop(side), *sides.values()
    assert (real.render.condition.method, fake.role) == ("identity", "grid")
    assert real.scene_id == fake.scene_id == trial.scene_id
    assert (real.width, real.height) == (fake.width, fake.height)
    return side


def shown_to(study: Study) -> list[Trial]:
    shown = ("left__render__condition", "right__render__condition", "question")
    return list(factories.participant(study).trials.in_turn().select_related(*shown))


def test_each_picture_of_the_grid_meets_the_photograph_of_its_scene_and_nothing_else(owner):
    study = asked(owner, sessions_planned=8)
    assert Counter(s.role for s in study.stimuli.all()) == {"grid": 6, "control": 2}
    met, sides = Counter(), Counter()
    for _ in range(8):
        trials = shown_to(study)
        assert {t.kind for t in trials} == {"real_fake"}
        assert len({t.left_id for t in trials} | {t.right_id for t in trials}) == 8
        for trial in trials:
            side = photograph_of(trial)
            assert trial.expected == side
            fake = trial.right if side == "left" else trial.left
            met[fake.pk] += 1
            sides[fake.pk, side] += 1
    assert set(met.values()) == {8}
    assert set(sides.values()) == {4}


def test_the_photograph_is_published_like_every_other_picture(owner):
    study = asked(owner)
    for stimulus in study.stimuli.select_related("render__condition"):
        with storages["stimuli"].open(stimulus.path) as file:
            data = file.read()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert (data[24], data[25]) == (8, 2)  # eight bits a channel, RGB, whatever it is a picture of
        assert images.decode(data).shape == (64, 96, 3)
        assert np.array_equal(images.decode(data), images.decode(artifact_bytes(stimulus.render.image_id)))


def test_beside_a_question_of_taste_each_question_keeps_its_own_pairs(owner):
    study = asked(owner, ("natural", "real"), trials_per_session=12)
    for _ in range(2):
        for trial in shown_to(study):
            if trial.question.preset == "real":
                assert trial.kind == "real_fake"
                photograph_of(trial)
            else:
                assert (trial.kind, trial.expected) == ("main", "")
                assert {trial.left.role, trial.right.role} == {"grid"}, "the photograph is shown to be told, not to win"


def test_where_the_photograph_is_to_be_compared_too_it_is(owner):
    study = asked(owner, ("natural", "real"), trials_per_session=12, show_photograph=True, sessions_planned=20)
    mains = [t for _ in range(20) for t in shown_to(study) if t.kind == "main"]
    assert Counter(s.role for s in study.stimuli.all()) == {"grid": 6, "control": 2}
    assert sum("control" in (t.left.role, t.right.role) for t in mains) == len(mains) / 2  # 3 of a scene's 6 pairs


def test_the_grids_own_photograph_is_the_one_that_is_shown(owner):
    grid = factories.rendered_grid("own", owner=owner, contents=("cat",))
    factories.control(grid, "identity")
    factories.control(grid, "grey")
    study = asked(owner, grid=grid, trials_per_session=3)
    assert study.stimuli.get(role="control").render.cells.exists()
    assert {photograph_of(t) for t in shown_to(study)} <= {"left", "right"}


def test_one_picture_and_its_photograph_are_enough_unless_pictures_are_to_be_compared(owner):
    grid = factories.rendered_grid("single", owner=owner, learning_rates=(0.1,))
    study = asked(owner, grid=grid, trials_per_session=2)
    assert len(shown_to(study)) == 2
    with pytest.raises(StudyError, match="a pair needs two"):
        asked(owner, ("natural", "real"), slug="both", grid=grid, trials_per_session=2)


def test_a_scene_without_its_photograph_says_so(owner):
    study = asked(owner, state="draft")
    Scene.objects.filter(label="Cat").update(content=None)
    with pytest.raises(
        StudyError, match=r"“Which is the real photograph\?” shows the photograph, but .*Cat.* has none"
    ):
        study_transition(study=study, to="open", by=None)


def test_a_photograph_of_another_shape_would_be_seen_and_is_refused(owner):
    pictures = {("cat", lr): factories.pixels(str(lr), width=96, height=60) for lr in factories.LEARNING_RATES}
    grid = factories.rendered_grid("shapes", owner=owner, contents=("cat",), pictures=pictures)
    with pytest.raises(StudyError, match="differ in size \\(96 × 60, 96 × 64\\)"):
        asked(owner, grid=grid, trials_per_session=3)


@pytest.mark.parametrize(
    ("questions", "most", "said"),
    [
        (("real",), 6, "the pictures offer 6 different pairs per question"),
        (("natural", "real"), 8, "the pictures offer 4 different pairs for “Which is the real photograph?”, and its 2"),
    ],
)
def test_more_pairs_than_there_are_pictures_are_refused(owner, questions, most, said):
    grid = factories.rendered_grid("wide", owner=owner, contents=("cat",), learning_rates=(0.1, 0.2, 0.3, 0.4))
    grid = grid if len(questions) > 1 else None
    study = asked(owner, questions, state="draft", grid=grid, trials_per_session=most + 1)
    with pytest.raises(StudyError) as error:
        study_transition(study=study, to="open", by=owner)
    assert said in str(error.value)
    assert f"to {most} or less" in str(error.value)
    study.trials_per_session = most
    study.save()
    study_transition(study=study, to="open", by=owner)
    trials = shown_to(study)
    assert len({(t.question_id, frozenset((t.left_id, t.right_id))) for t in trials}) == most


def test_all_pairs_are_all_pictures_once_beside_all_pairs_of_the_other_question(owner):
    study = asked(owner, ("natural", "real"), strategy="all_pairs")
    assert study.design["session"]["main"] == session_plan(study, pictures_of(study))["main"] == 12
    assert Counter(t.kind for t in shown_to(study)) == {"main": 6, "real_fake": 6}


def test_a_focused_study_deals_them_level(owner):
    study = asked(owner, strategy="focused", trials_per_session=3, sessions_planned=8)
    shown = Counter(s for _ in range(8) for t in shown_to(study) for s in (t.left, t.right) if s.role == "grid")
    assert set(shown.values()) == {4}


def test_catch_pairs_and_repeats_are_those_of_every_study_and_only_practice_tells(owner):
    study = asked(owner, practice_trials=2, catch_trials=2, repeat_trials=2)
    who = factories.participant(study)
    for trial in who.trials.in_turn():
        right = trial.expected
        assert right in ("left", "right")
        if trial.kind in ("practice", "catch"):
            assert getattr(trial, right).label == "catch: identity"
        else:
            assert photograph_of(trial) == right
        stored = factories.cast(who, right)
        assert isinstance(stored, VoteStored)
        assert stored.correct is (True if trial.kind == "practice" else None)
    assert Counter(who.trials.values_list("kind", flat=True)) == {
        "practice": 2, "real_fake": 6, "catch": 2, "repeat": 2,
    }  # fmt: skip


def test_a_participant_is_told_no_kind_and_no_right_answer(owner):
    study = asked(owner, catch_trials=1)
    for pair in selectors.plan_of(factories.participant(study).session):
        assert set(pair) == {"id", "position", "question", "left", "right", "reference", "answered", "practice"}
        assert set(pair["left"]) == {"src", "width", "height"}


def test_what_somebody_leaves_is_dealt_again(owner):
    study = asked(owner, ("natural", "real"), trials_per_session=12, sessions_planned=1)
    who = factories.participant(study)
    for _ in range(3):
        factories.cast(who)
    left = {(t.question_id, t.left_id, t.right_id, t.kind) for t in who.trials.filter(votes=None)}
    assert blocks_release_expired(study=study, now=timezone.now() + timedelta(days=30)) == 1
    again = Block.objects.get(study=study, is_remainder=True).plan
    assert {(i["question"], i["left"], i["right"], i["kind"]) for i in again} == left
    assert {kind for *_, kind in left} == {"main", "real_fake"}


def test_what_was_fixed_says_what_is_asked(owner):
    both = asked(owner, ("natural", "real"), slug="both")
    assert [q.get("kind") for q in both.design["questions"]] == [None, "real_fake"]
    written = both.preregistration.content
    assert written["question"].startswith("Does the image with the minimum loss")
    assert "called real" in written["real_or_fake"]
    only = asked(owner, slug="only").preregistration.content
    assert "question" not in only
    plain = asked(owner, ("natural",), slug="plain")
    assert "real_or_fake" not in plain.preregistration.content
    assert plain.design["questions"] == [{"preset": "natural", "text": "Which looks more natural?", "reference": ""}]


def test_the_opening_page_says_how_many_pairs_there_are_and_when_a_photograph_is_known_again(owner, client):
    client.force_login(owner)
    grid = factories.rendered_grid("four", owner=owner, learning_rates=(0.1, 0.2, 0.3, 0.4))

    def page(**fields) -> str:
        study = asked(owner, ("natural", "real"), state="draft", grid=grid, **fields)
        address = reverse("admin:voting_study_transition", args=[study.pk])
        return client.get(address, {"to": "open"}).content.decode()

    text = page(slug="often", trials_per_session=8)
    assert "the pictures offer 12 for “Which looks more natural?”, 8 for “Which is the real photograph?”" in text
    assert "(the photograph beside each picture of the grid)" in text
    assert "may know it again. With 4 pairs per person or fewer" in text
    assert "know it again" not in page(slug="once", trials_per_session=4)


def test_a_study_that_was_opened_before_goes_on_with_the_pairs_it_laid(owner):
    """An earlier version laid pairs of any two pictures under this question, of the kind ``main``."""
    study = asked(owner, show_photograph=True, sessions_planned=1)
    block = study.blocks.get()
    block.plan = [item | {"kind": "main", "expected": ""} for item in block.plan]
    block.save()
    who = factories.participant(study)
    assert {(t.kind, t.expected) for t in who.trials.all()} == {("main", "")}
    factories.cast(who)
    blocks_release_expired(study=study, now=timezone.now() + timedelta(days=30))
    assert {i["kind"] for i in Block.objects.get(study=study, is_remainder=True).plan} == {"main"}
