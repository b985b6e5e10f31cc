"""What a session holds besides votes: practice, catch pairs, repeats, undo, skips, checks, gaps, the end."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.models import Scene, Score
from studyplatform.voting import selectors
from studyplatform.voting.core import screens
from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import Block, Event, Panel, Participant, Session, Study, Tombstone, Trial, Vote
from studyplatform.voting.services import (
    NotTakingPart,
    StudyError,
    VoteStored,
    blocks_release_expired,
    checks_answer,
    consent_decline,
    consent_give,
    debrief_answer,
    participant_erase,
    participant_exclude,
    participant_include,
    participant_join,
    reconcile,
    session_finish,
    session_resume,
    study_transition,
    vote_undo,
)
from tests import factories

pytestmark = pytest.mark.django_db


def pair(trial: Trial) -> frozenset[int]:
    return frozenset((trial.left_id, trial.right_id))


def answer_all(who: Participant, choice: str = "left") -> None:
    while factories.next_trial(who):
        assert isinstance(factories.cast(who, choice), VoteStored)


def later(who: Participant, minutes: int) -> None:
    """As if everything so far had happened ``minutes`` ago."""
    ago = timedelta(minutes=minutes)
    Session.objects.filter(participant=who).update(instructed_at=F("instructed_at") - ago)
    Vote.objects.filter(trial__participant=who).update(submitted_at=F("submitted_at") - ago)
    who.session.refresh_from_db()


# --- practice, catch pairs, repeats ------------------------------------------------------------


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


# --- undo and skip ------------------------------------------------------------


def test_an_answer_taken_back_is_asked_again_at_once_and_both_stay(owner):
    study = factories.study(owner=owner, allow_undo=True, state="open")
    who = factories.participant(study)
    factories.cast(who, "left")
    first = who.trials.get(votes__isnull=False)
    again = vote_undo(session=who.session)
    assert vote_undo(session=who.session) == again  # the answer was lost: asking twice is once
    assert (pair(again), again.left_id, again.supersedes, again.turn) == (pair(first), first.left_id, first, first.turn)
    assert selectors.next_trial(who.session) == again
    plan = selectors.plan_of(who.session)
    assert (len(plan), plan[0]["id"]) == (4, again.pk)
    refused = factories.cast(who, "left", trial=who.trials.get(position=1))
    assert (refused.code, refused.expected) == ("out_of_order", again.pk)
    assert isinstance(factories.cast(who, "right"), VoteStored)
    with pytest.raises(NotTakingPart, match="no answer to take back"):
        vote_undo(session=who.session)  # once
    assert [v.choice for v in Vote.objects.order_by("submitted_at")] == ["left", "right"]
    assert Event.objects.get().kind == "undo"
    assert selectors.progress_of(who.session).answered == 1
    factories.cast(who, "left")
    vote_undo(session=who.session)  # the next answer can be taken back again
    answer_all(who)
    session_finish(session=who.session)
    with pytest.raises(NotTakingPart):
        vote_undo(session=who.session)  # what is complete is complete


def test_undo_is_refused_where_the_study_does_not_allow_it(open_study):
    who = factories.participant(open_study)
    factories.cast(who)
    with pytest.raises(NotTakingPart) as refusal:
        vote_undo(session=who.session)
    assert refusal.value.code == "nothing_to_undo"
    assert who.trials.count() == 4


def test_a_pair_that_cannot_load_is_asked_again_at_the_end_and_given_up_after_that(open_study):
    who = factories.participant(open_study)
    first = factories.next_trial(who)
    skipped = factories.cast(who, "skip")
    replay = factories.cast(who, "skip", trial=first)
    assert replay.replayed
    assert replay.appended["id"] == skipped.appended["id"]
    again = Trial.objects.get(pk=skipped.appended["id"])
    assert (pair(again), again.reasks, again.position) == (pair(first), first, 4)
    assert [p["id"] for p in selectors.plan_of(who.session)][-1] == again.pk
    assert len(selectors.plan_of(who.session)) == 4  # the skipped one does not stand any more
    for _ in range(3):
        factories.cast(who)
    with pytest.raises(NotTakingPart):
        session_finish(session=who.session)
    appended = factories.cast(who, "skip").appended
    assert appended is not None
    assert factories.cast(who, "skip").appended is None  # never endless
    session_finish(session=who.session)
    assert who.session.outcome == "complete"


def test_a_skip_by_two_tabs_at_once_is_asked_again_once(open_study):
    who = factories.participant(open_study)
    trial = factories.next_trial(who)
    for _ in range(3):
        factories.cast(who, "skip", trial=trial)
    assert who.trials.count() == 5


def test_a_pair_answered_after_a_skip_is_not_dealt_again(owner):
    study = factories.study(owner=owner, sessions_planned=1, hold_minutes=10, state="open")
    who = factories.participant(study)
    plan = who.blocks.get().plan
    factories.cast(who, "skip")
    for _ in range(3):
        factories.cast(who)
    factories.cast(who, "left")  # the first pair, asked again
    blocks_release_expired(study=study, now=timezone.now() + timedelta(minutes=11))
    assert not study.blocks.filter(state=Block.State.FREE).exists()
    other = factories.study("other", owner=owner, sessions_planned=1, hold_minutes=10, state="open")
    who = factories.participant(other)
    plan = who.blocks.get().plan
    factories.cast(who, "skip")
    blocks_release_expired(study=other, now=timezone.now() + timedelta(minutes=11))
    assert len(other.blocks.get(state=Block.State.FREE).plan) == len(plan)


# --- what others left ------------------------------------------------------------


def test_what_others_left_grows_to_whole_sessions_and_is_dealt_last(owner):
    study = factories.study(
        owner=owner, sessions_planned=4, hold_minutes=10, practice_trials=1, catch_trials=1, state="open"
    )
    for _ in range(3):
        who = factories.participant(study)
        factories.cast(who)  # practice
        factories.cast(who)
        if factories.next_trial(who).kind == "catch":
            factories.cast(who)
    blocks_release_expired(study=study, now=timezone.now() + timedelta(minutes=11))
    left = study.blocks.filter(state=Block.State.FREE, is_remainder=True)
    assert all(sum(i["kind"] == "main" for i in block.plan) <= 4 for block in left)
    assert sum(sum(i["kind"] == "main" for i in block.plan) for block in left) == 9
    for block in left:
        assert [i["kind"] for i in block.plan].count("practice") == 1
        assert "catch" in {i["kind"] for i in block.plan}
        mains = [frozenset((i["left"], i["right"])) for i in block.plan if i["kind"] == "main"]
        assert len(set(mains)) == len(mains)
    assert not factories.participant(study).blocks.get().is_remainder
    assert factories.participant(study).blocks.get().is_remainder


# --- screen checks ------------------------------------------------------------


def right_answers(session: Session) -> dict[str, Any]:
    seed = selectors.check_seed(session)
    plates = tuple(screens.plate_number(seed, number) for number in range(screens.PLATES))
    tries = session.checks.get("attempts", 0)
    return {"tries": tries, "shapes": screens.brightness_shapes(seed)[1], "plates": plates, "px_per_mm": 3.8}


@pytest.fixture
def checked(owner) -> Study:
    checks = {"check_window": True, "check_brightness": True, "check_colour": True}
    return factories.study(owner=owner, screen_out=True, state="open", **checks)


def test_votes_wait_for_the_screen_checks(checked):
    who = factories.participant(checked)
    assert selectors.step_of(who.session) == "checks"
    refused = factories.cast(who)
    assert (refused.status, refused.code) == (403, "checks")
    assert checks_answer(session=who.session, **right_answers(who.session))
    assert who.session.checks["px_per_mm"] == 3.8
    assert isinstance(factories.cast(who), VoteStored)


def test_who_fails_twice_is_thanked_and_the_pairs_go_to_somebody_else(checked):
    who = factories.participant(checked)
    first = right_answers(who.session)
    for _ in range(2):  # a double click is one answer
        assert not checks_answer(session=who.session, tries=0, shapes=0, plates=("1", "2", "3"))
    assert (who.session.outcome, who.session.checks["attempts"]) == ("", 1)
    assert right_answers(who.session) != first  # new pictures
    assert not checks_answer(session=who.session, tries=1, shapes=0)
    assert who.session.outcome == "screened_out"
    assert selectors.step_of(who.session) == "ended"
    assert checked.blocks.filter(state=Block.State.FREE, is_remainder=True).count() == 1
    assert factories.cast(who).code == "ended"
    with pytest.raises(NotTakingPart):
        session_finish(session=who.session)


def test_without_screening_out_a_failed_check_is_only_recorded(owner):
    study = factories.study(owner=owner, check_brightness=True, state="open")
    who = factories.participant(study)
    assert checks_answer(session=who.session, tries=0, shapes=None)
    assert who.session.checks["passed"] is False


# --- gaps, the end, declining ------------------------------------------------------------


@pytest.mark.parametrize("policy", ["resume", "instructions", "restart", "block"])
def test_who_comes_back_after_a_gap(owner, policy):
    study = factories.study(owner=owner, resume=policy, resume_after_minutes=30, state="open")
    who = factories.participant(study)
    factories.cast(who, "left")
    factories.cast(who, "right")
    later(who, 20)
    session_resume(session=who.session)
    assert selectors.step_of(who.session) == "trial"  # a short pause changes nothing
    later(who, 20)
    session_resume(session=who.session)
    step = {"resume": "trial", "instructions": "instructions", "restart": "instructions", "block": "ended"}[policy]
    assert selectors.step_of(who.session) == step
    assert Event.objects.filter(kind="gap").count() == (0 if policy == "resume" else 1)
    session_resume(session=who.session)
    progress = selectors.progress_of(who.session)
    assert (progress.answered, progress.total) == ((0 if policy == "restart" else 2), 4)
    if policy == "restart":
        assert pair(selectors.next_trial(who.session)) == pair(who.trials.get(position=0))
        answer_all(who)
        session_finish(session=who.session)
        assert Vote.objects.count() == 6
    if policy == "block":
        assert who.session.outcome == "failed"
        assert isinstance(factories.cast(who), VoteStored)  # answered before the gap, kept offline until now
        assert len(study.blocks.get(is_remainder=True).plan) == 2


def test_to_decline_stores_no_consent_and_frees_the_place(open_study):
    who = factories.participant(open_study, ready=False)
    consent_decline(session=who.session)
    assert (who.session.outcome, selectors.step_of(who.session)) == ("no_consent", "ended")
    consent_give(session=who.session)
    assert who.session.consented_at is None
    assert len(open_study.blocks.get(is_remainder=True).plan) == 4


def test_the_session_is_complete_before_the_two_questions_are_answered(owner):
    study = factories.study(owner=owner, ask_debrief=True, state="open")
    who = factories.participant(study)
    answer_all(who)
    session_finish(session=who.session)
    assert (selectors.step_of(who.session), who.session.outcome) == ("debrief", "complete")
    debrief_answer(session=who.session, answers={"trouble": "  ", "looked_at": " the sky "})
    assert (who.session.debrief, selectors.step_of(who.session)) == ({"looked_at": "the sky"}, "thanks")


def test_the_own_result_counts_pairs_in_which_the_lower_loss_was_chosen(owner):
    study = factories.study(owner=owner, show_own_result=True, trials_per_session=6, state="open")
    losses = selectors.losses_of(study)

    def take_part(lower: int) -> Participant:
        who = factories.participant(study)
        for number, trial in enumerate(who.trials.in_turn()):
            low = "left" if losses[trial.left_id].value < losses[trial.right_id].value else "right"
            factories.cast(who, low if number < lower else {"left": "right", "right": "left"}[low])
        assert selectors.own_result(who.session) is None  # only after the last vote
        session_finish(session=who.session)
        return who

    first = take_part(3)
    assert selectors.own_result(first.session) == selectors.OwnResult(50, None)
    second = take_part(6)
    assert selectors.own_result(second.session) == selectors.OwnResult(100, 50)
    study.show_own_result = False
    second.session.study = study
    assert selectors.own_result(second.session) is None


# --- leaving out, erasing, reconciling ------------------------------------------------------------


def test_who_is_left_out_stays_stored_and_the_pairs_go_to_somebody_else(owner):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    who = factories.finished(study)
    with pytest.raises(StudyError, match="Say why"):
        participant_exclude(participant=who, by=owner, reason=" ")
    participant_exclude(participant=who, by=owner, reason="failed the catch pairs")
    with pytest.raises(StudyError, match="left out already"):
        participant_exclude(participant=who, by=owner, reason="again")
    assert len(study.blocks.get(state=Block.State.FREE).plan) == 4
    assert Vote.objects.count() == 4
    participant_include(participant=who, by=owner)
    assert not who.exclusions.filter(undone_at=None).exists()
    assert study.blocks.filter(state=Block.State.FREE).count() == 1


def test_erasing_leaves_a_tombstone_and_nothing_else(owner):
    study = factories.study(owner=owner, sessions_planned=2, allow_undo=True, state="open")
    stays = factories.finished(study)
    who = factories.participant(study)
    factories.cast(who)
    vote_undo(session=who.session)
    factories.cast(who, "right")
    factories.cast(who, "skip")
    token, name = who.token, selectors.participant_hash(study, who.token)
    assert selectors.participants_named(study, name) == [who]
    participant_erase(participant=who, by=owner)
    tombstone = Tombstone.objects.get()
    assert (tombstone.trials, tombstone.votes) == (6, 3)
    assert not Participant.objects.filter(token=token).exists()
    assert Vote.objects.count() == stays.trials.count() == 4
    assert not Session.objects.exclude(participant=stays).exists()
    assert len(study.blocks.get(state=Block.State.FREE).plan) == 4  # the whole plan is there for somebody else
    assert "erased" in study.audit.first().action


def test_with_a_panel_that_has_one_code_the_ids_are_compared(owner):
    study = factories.study(owner=owner, state="open")
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    people = {name: participant_join(study=study, arrival=Arrival("prolific", name, {})) for name in ("a", "b", "c")}
    for name in ("a", "b"):
        consent_give(session=people[name].session)
        answer_all(people[name])
        session_finish(session=people[name].session)
    assert reconcile(study=study, codes=["a", "b"]).sentences == []
    assert reconcile(study=study, codes=["a", "c", "d"]).sentences == [
        "d was handed in and never came here.",
        "c was handed in; the session here is not complete.",
        "b is complete here and was not handed in.",
    ]


def test_an_archived_study_keeps_its_grace(owner):
    study = factories.study(owner=owner, state="open")
    who = factories.participant(study)
    for step in ("closed", "archived"):
        study_transition(study=study, to=step, by=owner)
    stored = factories.cast(who)
    assert stored.late
    Study.objects.update(votes_until=timezone.now() - timedelta(hours=1))
    assert factories.cast(who).code == "closed"


def test_reconcile_finds_what_does_not_agree_and_mends_it(owner):
    study = factories.study(owner=owner, state="open")
    done = factories.finished(study)
    lost = factories.participant(study)
    answer_all(lost)  # every vote arrived, the last request did not
    stuck = factories.participant(study)
    factories.cast(stuck)
    found = reconcile(study=study)
    assert (found.complete, found.codes, len(found.sentences)) == (1, 1, 1)
    assert "never completed" in found.sentences[0]
    assert reconcile(study=study, mend=True).sentences == []
    code, way_out = done.completion_code.code, selectors.exit_code(stuck.token)
    handed_in = reconcile(study=study, codes=[code, way_out, "AAAAA-AAAAA"]).sentences
    for words in ("AAAAA-AAAAA was never given out", f"{way_out} is the way out of", "was given out and not handed in"):
        assert any(words in sentence for sentence in handed_in), handed_in
    assert len(handed_in) == 3
