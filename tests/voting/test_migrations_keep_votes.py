"""Fault F28: every migration of every app, back to the first version and forward again, loses no vote."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, migrations
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from studyplatform.voting.models import Study, Trial, Vote
from tests import factories
from tests.fault_table import FULL

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
VOTES = 10_000 if FULL else 300
OURS = ("generation", "voting", "evaluation", "config")
#: What the first version knew of a vote.
COLUMNS = ("uuid", "study_id", "trial_id", "choice", "submitted_at")


def many_votes(study: Study, count: int) -> None:
    """Give the study ``count`` votes more, shaped like one that was cast; people have long sessions here."""
    who = factories.participant(study)
    factories.cast(who)
    vote = Vote.objects.get(trial__participant=who)
    trial = vote.trial
    last = who.trials.order_by("-turn")[0]
    trials = [
        Trial(**_values(trial, Trial) | {"position": last.position + n, "turn": last.turn + n})
        for n in range(1, count + 1)
    ]
    Trial.objects.bulk_create(trials, batch_size=500)
    Vote.objects.bulk_create(
        [
            Vote(
                **_values(vote, Vote)
                | {"trial_id": made.pk, "uuid": uuid4(), "choice": ("left", "right")[n % 2]}
                | {"submitted_at": timezone.now() + timedelta(milliseconds=n)}
            )
            for n, made in enumerate(trials)
        ],
        batch_size=500,
    )


def _values(row: Any, model: Any) -> dict[str, Any]:
    return {f.attname: getattr(row, f.attname) for f in model._meta.concrete_fields if not f.primary_key}


def held() -> tuple[int, str]:
    """How many votes there are, and a digest of their columns, by SQL that needs no model."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM voting_vote ORDER BY uuid")  # noqa: S608
        rows = cursor.fetchall()
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr([str(value) for value in row]).encode())
    return len(rows), digest.hexdigest()


def steps(*, back: bool) -> Iterator[tuple[str, str]]:
    """Each of our migrations that has one before it, last first; or forward, each app's in order."""
    loader = MigrationExecutor(connection).loader
    plan = [node for node in _in_order(loader) if node[0] in OURS]
    yield from (reversed(plan) if back else plan)


def _in_order(loader: Any) -> list[tuple[str, str]]:
    """All migrations so that none stands before one that it needs."""
    found: list[tuple[str, str]] = []
    for leaf in loader.graph.leaf_nodes():
        found += [node for node in loader.graph.forwards_plan(leaf) if node not in found]
    return found


def go(target: tuple[str, str]) -> None:
    MigrationExecutor(connection).migrate([target])


def there_and_back() -> int:
    """Back one migration at a time to every app's first, and forward again; the votes are looked at after each.

    Returns how many steps were taken.
    """
    before, taken = held(), 0
    loader = MigrationExecutor(connection).loader
    for app, name in steps(back=True):
        earlier = [p for p in loader.graph.node_map[app, name].parents if p.key[0] == app]
        if not earlier:
            continue  # an app's first: its tables are what it makes
        go(earlier[0].key)
        taken += 1
        assert held() == before, f"going back from {app}.{name} changed votes"
    for target in steps(back=False):
        go(target)
        taken += 1
        assert held() == before, f"going forward to {'.'.join(target)} changed votes"
    return taken


@pytest.fixture
def crowded() -> Iterator[Study]:
    study = factories.study(state="open", sessions_planned=8)
    factories.finished(study)
    many_votes(study, VOTES)
    try:
        yield study
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.fault("F28")
def test_no_vote_is_lost_on_the_way_back_and_forth(crowded: Study, tried: Callable[..., None]):
    taken = there_and_back()
    assert Vote.objects.count() == VOTES + 5
    tried("F28", votes=VOTES + 5, migrations=taken, lost=0)


@pytest.mark.fault("F28", planted=True)
@pytest.mark.parametrize("way", ["back", "forth"])
def test_a_migration_that_drops_or_changes_votes_is_seen(crowded: Study, monkeypatch: pytest.MonkeyPatch, way: str):
    """The planted fault, in the last migration of voting: it deletes a few, or turns one around."""

    def drops(apps: Any, editor: Any) -> None:
        editor.execute("DELETE FROM voting_vote WHERE uuid IN (SELECT uuid FROM voting_vote ORDER BY uuid LIMIT 3)")

    def turns(apps: Any, editor: Any) -> None:
        editor.execute("UPDATE voting_vote SET choice = 'left' WHERE choice = 'right'")

    def nothing(apps: Any, editor: Any) -> None:
        pass

    bad = migrations.RunPython(nothing, drops) if way == "back" else migrations.RunPython(turns, nothing)
    loader = MigrationExecutor(connection).loader
    app, name = next(step for step in steps(back=True) if step[0] == "voting")
    kind = type(loader.get_migration(app, name))
    monkeypatch.setattr(kind, "operations", [*kind.operations, bad])
    going = "back from" if way == "back" else "forward to"
    with pytest.raises(AssertionError, match=rf"going {going} {app}\.{name} changed votes"):
        there_and_back()
