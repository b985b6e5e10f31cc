"""Eight answers to one pair at the same moment, over HTTP (faults F1 and F3), and ballots of others (F4).

What is planted here is what is natural to write instead of the one statement: look first and insert then, let the
latest answer stand, find a pair by its number alone.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from generation.models import Grid
from studyplatform.voting import services
from studyplatform.voting.identity import participant_key
from studyplatform.voting.models import Participant, Study, Trial, Vote
from studyplatform.voting.models.kept import triggers_lay
from studyplatform.voting.services import VoteRefused, VoteStored
from tests import factories
from tests.fault_table import FULL

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8
PAIRS = 64 if FULL else 20


def many_pairs() -> Grid:
    """A grid whose nine conditions of two scenes make 72 different pairs."""
    return factories.rendered_grid(learning_rates=[place / 10 for place in range(1, 10)])


def post(study: Study, who: Participant, trial: int, uuid: UUID, choice: str) -> tuple[int, dict[str, Any]]:
    """The ballot sent to the API: status and body; a server error is a page without a body."""
    answer = Client(raise_request_exception=False).post(
        f"/api/v1/studies/{study.slug}/session/votes/",
        json.dumps({"uuid": str(uuid), "trial": trial, "choice": choice}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {participant_key(who)}"},
    )
    return answer.status_code, answer.json() if "json" in answer["Content-Type"] else {}


def race(study: Study, who: Participant, choices: list[str]) -> list[list[tuple[int, dict[str, Any]]]]:
    """Eight threads answer each trial of a session at once, with one ballot number if all choose the same."""
    trials = [(t.pk, uuid4()) for t in who.trials.order_by("position")]
    barrier, answers = threading.Barrier(THREADS, timeout=60), [[] for _ in trials]

    def vote(number: int) -> None:
        try:
            for place, (trial, uuid) in enumerate(trials):
                barrier.wait()
                number_of_ballot = uuid if len(set(choices)) == 1 else uuid4()
                answers[place].append(post(study, who, trial, number_of_ballot, choices[number]))
        finally:
            connection.close()

    threads = [threading.Thread(target=vote, args=(number,)) for number in range(THREADS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [len(of_one) for of_one in answers] == [THREADS] * len(trials)
    return answers


def one_vote_each(answers: list[list[tuple[int, dict[str, Any]]]]) -> None:
    """Of the same ballot, one answer is 201 and all others 200, with the same body; one row each."""
    for of_one in answers:
        assert Counter(status for status, _ in of_one) == {201: 1, 200: THREADS - 1}, of_one
        assert Counter(body.pop("replayed") for _, body in of_one) == {False: 1, True: THREADS - 1}
        assert all(body == of_one[0][1] for _, body in of_one), of_one
    assert Vote.objects.count() == len(answers)


def first_stands(answers: list[list[tuple[int, dict[str, Any]]]]) -> int:
    """Of different choices, the one answered 201 is stored; the same is 200 and any other 409. Returns how many 409."""
    stored = dict(Vote.objects.values_list("trial", "choice"))
    assert len(stored) == len(answers)
    refused = 0
    for of_one in answers:
        (first,) = [body for status, body in of_one if status == 201]
        assert stored[first["trial"]] == first["choice"]
        for status, body in of_one:
            assert status in (201, 200, 409), of_one
            assert status == 409 or body["choice"] == first["choice"]
            assert status != 409 or body["code"] == "conflict"
            refused += status == 409
    return refused


def check_then_insert(*, study: str, participant: str, trial: int, uuid: UUID, choice: str, **more: Any) -> VoteStored:
    """The planted fault: look first, insert then, as is natural to write."""
    row = Vote.objects.filter(trial=trial).first()
    if row is not None:
        return VoteStored(trial, str(row.uuid), row.choice, row.submitted_at.isoformat(), False, replayed=True)
    time.sleep(0.02)
    now = timezone.now()
    of = Study.objects.get(slug=study)
    Vote.objects.bulk_create([Vote(study=of, trial_id=trial, uuid=uuid4(), choice=choice, submitted_at=now)])
    return VoteStored(trial, str(uuid), choice, now.isoformat(), late=False, replayed=False)


def latest_stands(*, study: str, participant: str, trial: int, uuid: UUID, choice: str, **more: Any) -> Any:
    """The planted fault: who comes last overwrites the answer that was acknowledged, as an upsert does."""
    answer = services.votes.vote_cast(
        study=study, participant=participant, trial=trial, uuid=uuid, choice=choice, **more
    )
    if isinstance(answer, VoteRefused):
        Vote.objects.filter(trial=trial).update(choice=choice)
    return answer


def anybodys_trial(*, participant: str, trial: int, **ballot: Any) -> Any:
    """The planted fault: the pair is looked up by its number alone, whoever asks."""
    row = Trial.objects.filter(pk=trial).select_related("participant").first()
    return services.votes.vote_cast(participant=row.participant.token if row else participant, trial=trial, **ballot)


@contextmanager
def without_the_unique_key() -> Iterator[None]:
    """The table as it would be without `one_vote_per_trial`."""
    constraints = Vote._meta.constraints
    (key,) = (c for c in constraints if c.name == "one_vote_per_trial")
    Vote._meta.constraints = [c for c in constraints if c is not key]  # SQLite makes the table anew from these
    with connection.schema_editor() as editor:
        editor.remove_constraint(Vote, key)
    try:
        yield
    finally:
        Vote.objects.all().delete()
        Vote._meta.constraints = constraints
        with connection.schema_editor() as editor:
            editor.add_constraint(Vote, key)
            triggers_lay(editor)  # SQLite lost them with the table


@pytest.mark.fault("F1")
def test_the_same_ballot_eight_times_at_once_is_one_vote(tried: Callable[..., None]):
    study = factories.study(grid=many_pairs(), trials_per_session=PAIRS, state="open")
    answers = race(study, factories.participant(study), ["left"] * THREADS)
    one_vote_each(answers)
    tried("F1", raced_requests=PAIRS * THREADS, duplicates=0, server_errors=0)


@pytest.mark.fault("F1", planted=True)
def test_the_race_sees_check_then_insert_when_no_key_stops_it(monkeypatch: pytest.MonkeyPatch):
    """Where no key stops it, the natural code makes duplicates; with the key back and our statement there are none."""
    study = factories.study(trials_per_session=6, state="open")
    who = factories.participant(study)
    with without_the_unique_key(), monkeypatch.context() as planted:
        planted.setattr(services, "vote_cast", check_then_insert)
        answers = race(study, who, ["left"] * THREADS)
        assert Vote.objects.count() > 6
        with pytest.raises(AssertionError):
            one_vote_each(answers)
    assert Vote.objects.count() == 0
    one_vote_each(race(study, who, ["left"] * THREADS))


@pytest.mark.fault("F3")
def test_different_choices_at_once_keep_the_one_that_was_stored_first(tried: Callable[..., None]):
    study = factories.study(grid=many_pairs(), trials_per_session=PAIRS, allow_ties=True, state="open")
    answers = race(study, factories.participant(study), ["left", "right", "tie", "skip"] * (THREADS // 4))
    refused = first_stands(answers)
    assert refused == PAIRS * (THREADS - THREADS // 4)
    tried("F3", raced_requests=PAIRS * THREADS, overwritten=0, refused_with_409=refused)


@pytest.mark.fault("F3", planted=True)
def test_the_race_sees_a_server_that_overwrites(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(services, "vote_cast", latest_stands)
    study = factories.study(trials_per_session=6, state="open")
    answers = race(study, factories.participant(study), ["left", "right"] * (THREADS // 2))
    with pytest.raises(AssertionError):
        first_stands(answers)


def foreign_ballots_meet_nothing(study: Study, other_study: Study) -> int:
    """Send what is not one's own in every way; 4xx, no row, no word about its owner. Returns how many were sent."""
    who, other, elsewhere = (factories.participant(s) for s in (study, study, other_study))
    answered = factories.cast(other)
    assert isinstance(answered, VoteStored)
    theirs = factories.next_trial(other)
    far = factories.next_trial(elsewhere)
    own = factories.next_trial(who)
    assert theirs is not None
    assert far is not None
    assert own is not None
    before = set(Vote.objects.values_list("pk", "choice"))
    private = {other.token, elsewhere.token, answered.submitted_at, theirs.left.path, theirs.right.path, far.left.path}
    sent = [
        (study, who, answered.trial, uuid4(), "left"),  # a pair that somebody else has answered
        (study, who, answered.trial, UUID(answered.uuid), answered.choice),  # their own ballot, replayed
        (study, who, answered.trial, UUID(answered.uuid), "right"),
        *((study, who, theirs.pk, uuid4(), choice) for choice in ("left", "right", "skip")),
        (study, who, far.pk, uuid4(), "left"),  # a pair of another study
        (other_study, who, far.pk, uuid4(), "left"),  # a key of another study
        (study, who, own.pk, UUID(answered.uuid), answered.choice),  # their number under one's own pair
        *((study, who, number, uuid4(), "left") for number in (0, -1, 2**31, 2**62, 2**80)),
    ]
    for ballot in sent:
        status, body = post(*ballot)
        assert 400 <= status < 500, (ballot, status, body)
        told = json.dumps(body)
        assert not [secret for secret in private if secret in told], told
    assert set(Vote.objects.values_list("pk", "choice")) == before
    return len(sent)


@pytest.mark.fault("F4")
def test_a_foreign_ballot_is_refused_and_tells_nothing(owner, tried: Callable[..., None]):
    studies = [factories.study(slug, owner=owner, state="open") for slug in ("one", "two")]
    sent = foreign_ballots_meet_nothing(*studies)
    tried("F4", foreign_ballots=sent, stored=0, told=0)


@pytest.mark.fault("F4", planted=True)
def test_a_pair_found_by_its_number_alone_is_seen(owner, monkeypatch: pytest.MonkeyPatch):
    studies = [factories.study(slug, owner=owner, state="open") for slug in ("one", "two")]
    monkeypatch.setattr(services, "vote_cast", anybodys_trial)
    with pytest.raises(AssertionError):
        foreign_ballots_meet_nothing(*studies)
