"""The same ballot many times at once (faults F1 and F3), and proof that this test would see the fault it looks for."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from generation.models import Grid
from studyplatform.voting.models import Participant, Study, Vote
from studyplatform.voting.services import VoteRefused, VoteStored, vote_cast
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def many_pairs() -> Grid:
    """A grid whose nine conditions of two scenes make 72 different pairs."""
    return factories.rendered_grid(learning_rates=[place / 10 for place in range(1, 10)])


def race(study: Study, who: Participant, cast: Callable[..., Any], choices: list[str]) -> list[list[Any]]:
    """Eight threads answer each trial of a session at once, with one ballot number if all choose the same."""
    trials = [(t.pk, uuid4()) for t in who.trials.order_by("position")]
    barrier, answers = threading.Barrier(THREADS, timeout=60), [[] for _ in trials]

    def vote(number: int) -> None:
        try:
            for place, (trial, uuid) in enumerate(trials):
                barrier.wait()
                try:
                    answer = cast(
                        study=study.slug,
                        participant=who.token,
                        trial=trial,
                        uuid=uuid if len(set(choices)) == 1 else uuid4(),
                        choice=choices[number],
                    )
                except Exception as error:  # what a server would answer with 500
                    answer = error
                answers[place].append(answer)
        finally:
            connection.close()

    threads = [threading.Thread(target=vote, args=(number,)) for number in range(THREADS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers


def check_then_insert(*, study: str, participant: str, trial: int, uuid: Any, choice: str) -> Any:
    """The planted fault: look first, insert then, as is natural to write."""
    row = Vote.objects.filter(trial=trial).first()
    if row is not None:
        return VoteStored(trial, str(row.uuid), row.choice, row.submitted_at.isoformat(), False, replayed=True)
    time.sleep(0.02)
    of = Study.objects.get(slug=study)
    Vote.objects.bulk_create([Vote(study=of, trial_id=trial, uuid=uuid4(), choice=choice, submitted_at=timezone.now())])
    return VoteStored(trial, str(uuid), choice, "", late=False, replayed=False)


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


def test_the_same_ballot_eight_times_at_once_is_one_vote():
    study = factories.study(grid=many_pairs(), trials_per_session=64, state="open")
    answers = race(study, factories.participant(study), vote_cast, ["left"] * THREADS)
    assert sum(map(len, answers)) == 512
    for of_one in answers:
        assert all(isinstance(a, VoteStored) for a in of_one), of_one
        assert Counter(a.replayed for a in of_one) == {False: 1, True: THREADS - 1}
        assert len({(a.uuid, a.choice, a.submitted_at) for a in of_one}) == 1
    assert Vote.objects.count() == 64


def test_different_choices_at_once_keep_the_one_that_was_stored_first():
    study = factories.study(grid=many_pairs(), trials_per_session=16, state="open")
    who = factories.participant(study)
    answers = race(study, who, vote_cast, ["left", "right"] * (THREADS // 2))
    stored = dict(Vote.objects.values_list("trial", "choice"))
    assert len(stored) == 16
    for of_one in answers:
        (first,) = [a for a in of_one if isinstance(a, VoteStored) and not a.replayed]
        assert stored[first.trial] == first.choice
        refused = [a for a in of_one if isinstance(a, VoteRefused)]
        assert [a.code for a in refused] == ["conflict"] * 4
        assert len(of_one) == THREADS


def test_the_race_sees_check_then_insert_when_no_key_stops_it():
    """The positive control: with the fault planted the same race finds duplicates."""
    study = factories.study(trials_per_session=6, state="open")
    who = factories.participant(study)
    with without_the_unique_key():
        race(study, who, check_then_insert, ["left"] * THREADS)
        assert Vote.objects.count() > 6
    # And with the key back, the statement that ignores it is the only thing that is told.
    assert Vote.objects.count() == 0
    race(study, who, vote_cast, ["left"] * THREADS)
    assert Vote.objects.count() == 6


def test_the_race_sees_check_then_insert_fail_on_the_key():
    """With the key in place the same fault shows as errors, which the first test would not accept."""
    study = factories.study(trials_per_session=6, state="open")
    answers = race(study, factories.participant(study), check_then_insert, ["left"] * THREADS)
    assert any(isinstance(a, Exception) for of_one in answers for a in of_one)
    assert Vote.objects.count() == 6
