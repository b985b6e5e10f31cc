"""What is kept of complete sessions says what their votes say, whoever writes to them, and pages say the same by it."""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from studyplatform.voting.core.answers import Answers
from studyplatform.voting.core.kept import Moments, packed, unpacked
from studyplatform.voting.models import Event, KeptAnswers, Participant, Session, Study, Trial, Vote
from studyplatform.voting.models.kept import triggers_lay, triggers_lift, triggers_stand
from studyplatform.voting.selectors.answers import answers_told
from studyplatform.voting.selectors.people_list import flagged
from studyplatform.voting.services import (
    participant_erase,
    participant_exclude,
    participant_include,
    preview_start,
    previews_end,
    reconcile,
    session_finish,
    session_withdraw,
    study_transition,
    study_unblind,
    vote_undo,
)
from studyplatform.voting.services.trials import trials_begin_again
from tests import factories

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def lively(owner: Any, **fields: Any) -> Study:
    """A study in which all happens that can happen to an answer."""
    asked = {
        "trials_per_session": 6,
        "catch_trials": 2,
        "repeat_trials": 2,
        "practice_trials": 2,
        "sessions_planned": 20,
    }
    study = factories.study(owner=owner, allow_ties=True, allow_undo=True, state="open", **asked | fields)
    rng = random.Random(7)
    for n in range(12):
        who = factories.participant(study)
        while (trial := factories.next_trial(who)) is not None:
            if n > 9 and trial.turn > n - 6:
                break
            choice = (
                "left" if n == 3 else rng.choice(["left", "right", "right", "tie", *(["skip"] if n % 4 == 1 else [])])
            )
            rt = None if rng.random() < 0.1 else rng.randint(100 if n == 4 else 400, 4000)
            factories.cast(who, choice, rt_ms=rt)
            if n == 5 and trial.turn == 3 and trial.supersedes_id is None:
                vote_undo(session=who.session)
            if n == 6 and trial.turn == 4 and who.trials.filter(supersedes__isnull=False).count() == 0:
                trials_begin_again(session=who.session)
        else:
            session_finish(session=who.session)
        if n == 7:
            participant_exclude(participant=who, by=owner, reason="looked away")
        if n == 8:
            session_withdraw(session=who.session)
    study.blocks.filter(holder=who).update(state="done")  # the last one stopped
    return study


def by_row(study: Study) -> tuple[Answers, list[str]]:
    """The independent way: every vote of the study in Python, and the hour in which each was stored."""
    trials = {trial.pk: trial for trial in Trial.objects.filter(study=study)}
    votes = {vote.trial_id: vote for vote in Vote.objects.filter(study=study)}
    answered = [trials[pk] for pk in votes]
    replaced = {pk for trial in answered for pk in (trial.supersedes_id, trial.reasks_id)}
    standing = sorted((t for t in answered if t.pk not in replaced), key=lambda t: (t.participant_id, t.turn))
    rows = [
        (
            t.participant_id, t.turn, t.kind, votes[t.pk].choice, votes[t.pk].rt_ms, t.expected, t.repeats,
            t.question_id, t.left_id, t.right_id,
        )
        for t in standing
    ]  # fmt: skip
    return Answers.of(rows), [f"{votes[t.pk].submitted_at:%Y-%m-%d %H}" for t in standing]


def same(a: Answers, b: Answers) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in Answers.__dataclass_fields__)


def agrees(study: Study) -> bool:
    """Whether what pages read is what the votes say."""
    told, (answers, hours) = answers_told(study).of, by_row(study)
    return (
        same(told.answers, answers) and [str(np.datetime64(int(h), "h")).replace("T", " ") for h in told.hour] == hours
    )


def kept_of(study: Study) -> int:
    return KeptAnswers.objects.filter(session__study=study).count()


def at(study: Study, name: str) -> str:
    return reverse(f"admin:voting_study_{name}", args=[study.pk])


def pages(client: Client, study: Study) -> list[str]:
    """Everything that is reckoned from the answers of all: page, JSON, figures, lists by flag."""
    looks = [client.get(at(study, "live")), client.get(at(study, "live_data"))]
    looks += [client.get(figure["src"]) for figure in looks[1].json()["figures"].values()]
    looks += [client.get(at(study, "participants"), {"flag": flag}) for flag in ("any", "too_fast", "same_side_run")]
    looks.append(client.get(at(study, "flagged")))
    assert {look.status_code for look in looks} == {200}
    return [re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", look.content.decode()) for look in looks]


@pytest.mark.parametrize("look", ["sealed", "unblinded", "closed", "pilot"])
def test_pages_are_the_same_bytes_from_what_is_kept_and_from_the_votes(as_owner, owner, monkeypatch, look):
    study = lively(owner, flag_run=5, flag_side_p=0.01)
    if look == "unblinded":
        study_unblind(study=study, by=owner, reason="a picture is broken")
    if look == "closed":
        study_transition(study=study, to="closed", by=owner)
    if look == "pilot":
        Study.objects.filter(pk=study.pk).update(state="pilot")
        study.participants.filter(pk__gt=study.participants.earliest("pk").pk).update(is_pilot=True)
    now = timezone.now()
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)  # the projected finish goes with the clock
    assert kept_of(study) == 10
    assert agrees(study)
    kept = pages(as_owner, study)
    KeptAnswers.objects.all().delete()
    assert agrees(study)
    assert pages(as_owner, study) == kept


def test_sessions_that_are_over_are_read_without_their_votes(as_owner, owner):
    study = factories.study(owner=owner, state="open")
    for _ in range(3):
        factories.finished(study)
    with CaptureQueriesContext(connection) as found:
        as_owner.get(at(study, "live_data"))
        flagged(study)
    assert not [query["sql"] for query in found if "voting_vote" in query["sql"]]
    going = factories.participant(study)
    factories.cast(going)
    with CaptureQueriesContext(connection) as found:
        as_owner.get(at(study, "live_data"))
    (first, _asked_again) = [query["sql"] for query in found if "voting_vote" in query["sql"]]
    assert f"IN ({going.pk})" in first
    assert agrees(study)


def sql(command: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(command, values)


def another_vote(who: Participant) -> None:
    """An answer past every service: a trial that replaces another, and its vote."""
    first = who.trials.order_by("turn")[0]
    again = Trial.objects.get(pk=first.pk)
    again.pk, again.position, again.supersedes = None, 99, first
    again.save()
    Vote.objects.bulk_create(
        [Vote(study_id=who.study_id, uuid=uuid4(), trial=again, choice="right", submitted_at=timezone.now())]
    )


def of_another(who: Participant) -> None:
    """A trial of somebody else is made theirs."""
    other = Participant.objects.filter(study=who.study).exclude(pk=who.pk).earliest("pk")
    trial = other.trials.order_by("turn")[0]
    Trial.objects.filter(pk=trial.pk).update(participant=who, session=who.session, position=98, turn=98)


def other_trial(who: Participant) -> None:
    """An answer is moved to a trial that has none."""
    vote = Vote.objects.get(trial=who.trials.order_by("turn")[0])
    spare = Trial.objects.get(pk=vote.trial_id)
    spare.pk, spare.position, spare.turn = None, 97, 97
    spare.save()
    Vote.objects.filter(trial=vote.trial_id).update(trial=spare)


WRITERS: dict[str, Callable[[Participant], object]] = {
    "a choice": lambda who: Vote.objects.filter(trial__participant=who).update(choice="right"),
    "a time, in SQL": lambda who: sql(
        "UPDATE voting_vote SET rt_ms = 77 WHERE trial_id IN (SELECT id FROM voting_trial WHERE participant_id = %s)",
        who.pk,
    ),
    "a moment": lambda who: Vote.objects.filter(trial__participant=who).update(submitted_at=LONG_AGO),
    "a vote deleted": lambda who: Vote.objects.filter(trial=who.trials.order_by("turn")[0]).delete(),
    "a vote added": another_vote,
    "a vote moved": other_trial,
    "pictures change places": lambda who: who.trials.update(left=F("right"), right=F("left")),
    "a right answer": lambda who: who.trials.filter(kind="catch").update(expected="tie"),
    "a kind, in SQL": lambda who: sql("UPDATE voting_trial SET kind = 'practice' WHERE participant_id = %s", who.pk),
    "a trial moved": of_another,
    "a trial deleted": lambda who: (
        Vote.objects.filter(trial=who.trials.order_by("turn")[0]).delete(),
        who.trials.order_by("turn")[0].delete(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS)
def test_whoever_writes_to_a_complete_session_is_seen(owner, writer):
    study = factories.study(owner=owner, catch_trials=1, state="open")
    factories.finished(study)
    who, beside = factories.finished(study), factories.finished(study)
    before = answers_told(study).of
    assert kept_of(study) == 3
    WRITERS[writer](who)
    assert not KeptAnswers.objects.filter(session=who.session).exists()
    assert KeptAnswers.objects.filter(session=beside.session).exists()
    assert agrees(study)
    assert not same(before.answers, answers_told(study).of.answers) or writer == "a moment"
    call_command("hold_answers", study.slug, stdout=StringIO())
    assert kept_of(study) == 3
    assert agrees(study)


def test_services_that_write_leave_what_is_kept_right(owner):
    study = factories.study(owner=owner, allow_undo=True, state="open")
    done, out, gone, erased = (factories.finished(study) for _ in range(4))
    waiting = factories.participant(study)
    factories.answer_all(waiting)
    assert kept_of(study) == 4
    participant_exclude(participant=out, by=owner, reason="looked away")
    participant_include(participant=out, by=owner, reason="looked after all")
    session_withdraw(session=gone.session)
    assert agrees(study)
    participant_erase(participant=erased, by=owner)
    assert (kept_of(study), agrees(study)) == (3, True)
    assert reconcile(study=study, mend=True, by=owner).mended == [waiting.pk]
    assert (kept_of(study), agrees(study)) == (4, True)
    session_finish(session=done.session)
    assert (kept_of(study), agrees(study)) == (4, True)


def test_a_preview_takes_what_was_kept_of_it_along(owner):
    study = factories.study(owner=owner)
    looks = preview_start(study=study, by=owner)
    Session.objects.filter(pk=looks.session.pk).update(consented_at=timezone.now(), admitted_at=timezone.now())
    factories.answer_all(looks)
    session_finish(session=looks.session)
    assert KeptAnswers.objects.count() == 1
    previews_end(study=study)
    assert KeptAnswers.objects.count() == 0


def test_a_vote_that_is_refused_or_sent_again_drops_nothing(open_study):
    who = factories.finished(open_study)
    factories.cast(who, "right", trial=who.trials.order_by("turn")[0])
    factories.cast(who, "left", trial=who.trials.order_by("turn")[0])
    Event.objects.create(session=who.session, kind="help", at=timezone.now())
    assert kept_of(open_study) == 1


@contextmanager
def without_triggers() -> Iterator[None]:
    with connection.schema_editor() as editor:
        triggers_lift(editor)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            triggers_lay(editor)


@pytest.mark.django_db(transaction=True)
def test_a_change_past_the_triggers_is_found_and_mended():
    """The planted fault: somebody took the triggers away, changed an answer and brought them back."""
    study = factories.study(state="open")
    who = factories.finished(study)
    factories.finished(study)
    with without_triggers():
        assert not triggers_stand(connection)
        Vote.objects.filter(trial__participant=who).update(choice="right")
        assert agrees(study)  # without its triggers nothing that is kept is believed
    assert triggers_stand(connection)
    assert not agrees(study)
    said = StringIO()
    with pytest.raises(CommandError, match="answers of 1 sessions had changed past the database's triggers"):
        call_command("hold_answers", stdout=said)
    assert "2 complete sessions looked at, 0 kept from now on." in said.getvalue()
    assert agrees(study)
    call_command("hold_answers", study.slug)
    with pytest.raises(CommandError, match="There is no study 'another'"):
        call_command("hold_answers", "another")


def test_what_is_kept_in_another_form_is_read_from_the_votes(open_study):
    who = factories.finished(open_study)
    KeptAnswers.objects.update(form="older", answers=b"anything")
    assert agrees(open_study)
    call_command("hold_answers", stdout=StringIO())
    assert KeptAnswers.objects.get().form != "older"
    Session.objects.filter(pk=who.session.pk).update(outcome="")  # no longer over: when they were last seen is told
    assert agrees(open_study)
    assert list(answers_told(open_study).last) == [who.pk]


def test_a_number_that_has_no_room_is_not_kept(open_study):
    rows = [(5, 0, "main", "left", 900, "", None, 1, 2, 3), (5, 1, "catch", "tie", None, "right", 0, 1, 2, 3)]
    moments = Moments(Answers.of(rows), np.array([7, 2**20]))
    back = unpacked([5], [packed(moments) or b""])
    assert back.hour.tolist() == [7, 2**20]
    for name in Answers.__dataclass_fields__:
        assert getattr(back.answers, name).tolist() == getattr(moments.answers, name).tolist()
    large = Answers.of([(5, 0, "main", "left", 900, "", None, 1, 2, 2**31)])
    assert packed(Moments(large, np.array([7]))) is None
