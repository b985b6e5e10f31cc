"""A database that is full, read-only or too slow (fault F10): 503 in words, nothing acknowledged that is not stored.

The errors are the databases' own. Each test lets the fault happen, asks by every way a participant has, ends the fault
and asks again in the same process: nothing may need a restart.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from generation.models import Grid
from studyplatform.voting import services
from studyplatform.voting.identity import cookie_set
from studyplatform.voting.models import Participant, Session, Study, Trial, Vote
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
Fault = Callable[[], AbstractContextManager[None]]


def execute(*commands: str) -> list[tuple[Any, ...]]:
    """Run commands on the connection that the pages use; rows of the last, if it gives any."""
    with connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)
        return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def read_only() -> Iterator[None]:
    """What a standby, or a full disk that its keeper noticed, answers to every write."""
    if connection.vendor == "sqlite":
        before, after = "PRAGMA query_only = 1", "PRAGMA query_only = 0"
    else:
        before, after = "SET default_transaction_read_only = on", "SET default_transaction_read_only = off"
    execute(before)
    try:
        yield
    finally:
        execute(after)


@contextmanager
def locked() -> Iterator[None]:
    """Somebody else holds the tables, and the patience of this connection is a fifth of a second."""
    other = connection.copy()
    if connection.vendor == "sqlite":
        patience, before = "PRAGMA busy_timeout = 200", execute("PRAGMA busy_timeout")[0][0]
        hold, after = "BEGIN IMMEDIATE", f"PRAGMA busy_timeout = {before}"
    else:
        patience, after = "SET statement_timeout = 200", "SET statement_timeout = 0"
        tables = ", ".join(model._meta.db_table for model in (Participant, Session, Trial, Vote))
        hold = f"BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"
    execute(patience)
    try:
        with other.cursor() as cursor:
            cursor.execute(hold)
        yield
    finally:
        other.close()
        execute(after)


@contextmanager
def full() -> Iterator[None]:
    """No room for another page: SQLite's own limit, or a table space on a small disk for PostgreSQL."""
    with _full_sqlite() if connection.vendor == "sqlite" else _full_postgres():
        yield


@contextmanager
def _full_sqlite() -> Iterator[None]:
    pages = execute("PRAGMA page_count")[0][0]
    execute("CREATE TABLE ballast (bytes blob)", f"PRAGMA max_page_count = {pages + 20}")
    try:
        _fill("INSERT INTO ballast VALUES (zeroblob(1000))")
        yield
    finally:
        execute(f"PRAGMA max_page_count = {2**31}", "DROP TABLE ballast")


@contextmanager
def _full_postgres() -> Iterator[None]:
    disk = Path(tempfile.mkdtemp(prefix="eyeballot-small-disk-"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True).returncode:
        disk.rmdir()
        pytest.skip("a full disk under PostgreSQL needs a small disk of its own, and mounting one takes root")
    table = Vote._meta.db_table
    moved = [("TABLE", table)]
    moved += [("INDEX", name) for name in _indexes(table)]
    try:
        owner = Path(execute("SHOW data_directory")[0][0]).owner()
        shutil.chown(disk, owner)
        execute(f"CREATE TABLESPACE small_disk LOCATION '{disk}'")
        execute(*(f"ALTER {kind} {name} SET TABLESPACE small_disk" for kind, name in moved))
        execute("CREATE TABLE ballast (bytes text) TABLESPACE small_disk")
        _fill("INSERT INTO ballast SELECT repeat('x', 1000) FROM generate_series(1, 7)")
        try:
            yield
        finally:
            execute("DROP TABLE ballast", *(f"ALTER {kind} {name} SET TABLESPACE pg_default" for kind, name in moved))
            execute("DROP TABLESPACE small_disk")
    finally:
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()


def _indexes(table: str) -> list[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return [name for name, about in found.items() if about["index"]]


def _fill(command: str) -> None:
    with pytest.raises(OperationalError, match=r"full|No space left"):
        execute(*[command] * 10_000)


def many_pairs() -> Grid:
    """72 different pairs."""
    return factories.rendered_grid(learning_rates=[place / 10 for place in range(1, 10)])


@pytest.fixture
def study() -> Study:
    return factories.study(grid=many_pairs(), trials_per_session=72, state="open")


def browser(who: Participant | None = None) -> Client:
    """A browser that shows a server error as a page, as a real one does."""
    client = Client(raise_request_exception=False)
    if who is not None:
        answer = HttpResponse()
        cookie_set(answer, who)
        client.cookies.update(answer.cookies)
    return client


def vote_by_api(study: Study, who: Participant, trial: Trial) -> HttpResponse:
    """The ballot that our page's script sends."""
    ballot = {"uuid": str(uuid4()), "trial": trial.pk, "choice": "left", "rt_ms": 900, "client": {"input": "mouse"}}
    address = reverse("voting:api-votes", args=[study.slug])
    return browser(who).post(address, json.dumps(ballot), content_type="application/json")


def vote_by_form(study: Study, who: Participant, trial: Trial) -> HttpResponse:
    """The ballot of the plain form."""
    ballot = {"uuid": str(uuid4()), "trial": trial.pk, "choice": "left"}
    return browser(who).post(reverse("voting:trial", args=[study.slug]), ballot)


def start(study: Study) -> HttpResponse:
    return browser().post(reverse("voting:start", args=[study.slug]))


def consent(study: Study, who: Participant) -> HttpResponse:
    return browser(who).post(reverse("voting:consent", args=[study.slug]), {"agree": "on"})


def landing(study: Study) -> HttpResponse:
    return browser().get(reverse("voting:landing", args=[study.slug]))


def picture(study: Study) -> HttpResponse:
    stimulus = study.stimuli.first()
    assert stimulus is not None
    return browser().get(f"/stimuli/{stimulus.path}")


def away(answer: HttpResponse) -> bool:
    """Whether the answer says to come back; it must then say so in a sentence. Every other fault fails the test."""
    assert answer.status_code < 500 or answer.status_code == 503, answer.content[:500]
    if answer.status_code < 500:
        return False
    assert int(answer["Retry-After"]) > 0
    said = json.loads(answer.content)["detail"] if "json" in answer["Content-Type"] else answer.content.decode()
    assert "Please try again in a moment." in said or "will be sent again." in said, said
    assert "Error" not in said
    return True


def votes_meet(fault: AbstractContextManager[None], cast: Callable[..., HttpResponse], study: Study) -> None:
    """Vote until the fault refuses one: what was acknowledged is stored, and the refused one can be sent again."""
    who = factories.participant(study)
    trials, before = list(who.trials.order_by("position")), Vote.objects.count()
    refused, acknowledged = None, 0
    with fault:
        # A full disk has room for a few more: in pages that are there already.
        for trial in trials:
            answer = cast(study, who, trial)
            if away(answer):
                refused = trial
                break
            assert answer.status_code in (201, 302), answer.content
            acknowledged += 1
    assert Vote.objects.count() == before + acknowledged
    assert refused is not None, "every vote found room"
    assert cast(study, who, refused).status_code in (201, 302)
    assert Vote.objects.count() == before + acknowledged + 1


@pytest.mark.fault("F10")
@pytest.mark.parametrize("cast", [vote_by_api, vote_by_form])
@pytest.mark.parametrize("fault", [read_only, locked, full])
def test_no_vote_is_acknowledged_that_is_not_stored(fault: Fault, cast: Callable[..., HttpResponse], study: Study):
    votes_meet(fault(), cast, study)


@pytest.mark.fault("F10", planted=True)
def test_an_answer_without_a_stored_vote_is_seen(study: Study, monkeypatch: pytest.MonkeyPatch):
    """The planted fault: a service that takes the database's refusal for a stored vote."""
    real, stored = services.vote_cast, factories.cast(factories.participant(study))

    def careless(**ballot: Any) -> Any:
        try:
            return real(**ballot)
        except (OperationalError, InternalError):
            return stored

    monkeypatch.setattr(services, "vote_cast", careless)
    with pytest.raises(AssertionError):
        votes_meet(read_only(), vote_by_api, study)


@pytest.mark.fault("F10", planted=True)
def test_a_server_error_is_seen(study: Study, settings: Any):
    """The planted fault: nobody turns the database's error into words."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("DatabaseAway")]
    with pytest.raises(AssertionError, match="Server Error"):
        votes_meet(read_only(), vote_by_form, study)


@pytest.mark.fault("F10")
@pytest.mark.parametrize("fault", [read_only, locked])
def test_every_page_says_so_and_is_there_again(fault: Fault, study: Study):
    who = factories.participant(study, ready=False)
    shown = picture(study).content
    with fault():
        assert away(start(study))
        assert away(consent(study, who))
        # What only reads goes on where the database lets it; a picture needs no database at all.
        assert away(landing(study)) or landing(study).status_code == 200
        assert picture(study).content == shown
    who.session.refresh_from_db()
    assert who.session.consented_at is None
    assert Participant.objects.count() == 1
    assert landing(study).status_code == 200
    assert consent(study, who).status_code == 302
    who.session.refresh_from_db()
    assert who.session.consented_at is not None
    assert start(study).status_code == 302
    assert Participant.objects.count() == 2


@pytest.mark.fault("F10")
def test_the_table_locks_reach_the_landing_page_of_someone_who_takes_part(study: Study):
    """Where reading waits as well (PostgreSQL's exclusive lock), a page that only reads says it too."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in WAL mode reads past every writer")
    who = factories.participant(study)
    with locked():
        assert away(browser(who).get(reverse("voting:landing", args=[study.slug])))
    assert browser(who).get(reverse("voting:landing", args=[study.slug])).status_code in (200, 302)


def failing(error: type[DatabaseError]) -> AbstractContextManager[None]:
    """Whatever is asked of the database comes to this; the real one needs a server that dies within an answer."""

    def fails(*_asked: Any) -> None:
        raise error("error with status PGRES_TUPLES_OK and no message from the libpq")

    return connection.execute_wrapper(fails)


@pytest.mark.fault("F10")
def test_a_connection_that_breaks_off_within_an_answer_is_an_outage(study: Study):
    who = factories.participant(study, ready=False)
    with failing(DatabaseError):
        assert away(landing(study))
        assert away(start(study))
        assert away(consent(study, who))
    assert consent(study, who).status_code == 302


@pytest.mark.parametrize("error", [DataError, IntegrityError, NotSupportedError, ProgrammingError])
def test_what_is_ours_to_mend_is_no_outage(error: type[DatabaseError], study: Study):
    with failing(error), pytest.raises(AssertionError, match="Server Error"):
        away(landing(study))
