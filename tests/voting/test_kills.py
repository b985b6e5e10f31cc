"""SIGKILL under load (faults F6, F7, F8): what was acknowledged is stored, once, and nothing else is.

Real processes: a gunicorn of two workers with four threads each, a PostgreSQL of the test's own, and people who vote
at once, each keeping a ledger of what was sent and what was acknowledged. A ballot without an answer is sent again with
the same number, as our page does.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.fault_table import FULL
from tests.live_postgres import Gunicorn, OwnPostgres, house, kill, manage, own_postgres, python
from tests.voting.voters import SEED, VOTERS, Ledger, people, taken_again, under_load, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(
        "postgresql" not in settings.DATABASES["default"]["ENGINE"],
        reason="these tests kill a PostgreSQL of their own: run them with EYEBALLOT_TEST_POSTGRES=1",
    ),
]
STORED = "SELECT uuid::text, trial_id, choice FROM voting_vote"
#: Seconds within which votes must be taken again. Short runs, which other tests run beside, have twice that: a machine
#: that does other work too starts a server slower than it would alone. The table of the last run has the longest.
PATIENCE = 10.0 if FULL else 20.0
#: Under full size, of each kind of kill: votes acknowledged, and commits whose answer was lost and that a replay found.
ACKNOWLEDGED, AMBIGUOUS = 2000, 5

# The planted fault: the answer leaves first, the vote is stored a little later by a thread.
HASTY = """
import queue, threading, time
from django.utils import timezone
from studyplatform.config.wsgi import application
from studyplatform.voting import services

store, waiting = services.vote_cast, queue.Queue()

def vote_cast(**ballot):
    waiting.put(ballot)
    now = timezone.now().isoformat()
    return services.VoteStored(ballot["trial"], str(ballot["uuid"]), ballot["choice"], now, late=False, replayed=False)

def work():
    while True:
        ballot = waiting.get()
        time.sleep(0.02)
        store(**ballot)

services.vote_cast = vote_cast
threading.Thread(target=work, daemon=True).start()
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    """A server of the module's own, with a migrated database to copy: an open study that has room for everybody."""
    with own_postgres() as server:
        server.execute("CREATE DATABASE laid")
        ours = house(server.url("laid"), tmp_path_factory.mktemp("house"))
        manage(ours, "migrate", "-v0")
        python(ours, SEED, ["1500" if FULL else "200"])
        yield server


@pytest.fixture
def environment(postgres: OwnPostgres, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A house with a copy of that database."""
    postgres.execute("CREATE DATABASE kills TEMPLATE laid")
    yield house(postgres.url("kills"), tmp_path)
    postgres.execute("DROP DATABASE kills WITH (FORCE)")


def kill_the_web_server(web: Gunicorn, postgres: OwnPostgres, ledger: Ledger) -> float:
    web.kill()
    web.start(wait=False)
    return taken_again(ledger)


def kill_one_worker(web: Gunicorn, postgres: OwnPostgres, ledger: Ledger) -> float:
    kill(random.sample(web.workers(), 1))
    return taken_again(ledger)


def kill_the_database(web: Gunicorn, postgres: OwnPostgres, ledger: Ledger) -> float:
    """It stays away until everybody was told so."""
    before = ledger.busy
    postgres.kill()
    until(lambda: ledger.busy > before + VOTERS)
    began = time.monotonic()
    postgres.start()
    taken_again(ledger)
    return time.monotonic() - began


def each_kill(*, planted: bool = False) -> pytest.MarkDecorator:
    """Run a test for each kind of kill: its fault, the kill, and how often in a whole run."""
    kinds = (("F6", kill_the_web_server, 20), ("F7", kill_one_worker, 20), ("F8", kill_the_database, 10))
    rows = [pytest.param(*kind, marks=pytest.mark.fault(kind[0], planted=planted), id=kind[0]) for kind in kinds]
    return pytest.mark.parametrize(("fault", "killing", "most"), rows)


@each_kill()
def test_no_vote_is_lost_doubled_or_made_up_by_a_kill(postgres, environment, tmp_path, tried, fault, killing, most):
    log, rounds = tmp_path / "gunicorn.log", most if FULL else 3
    web, recoveries = Gunicorn("studyplatform.config.wsgi", environment, log=log), []
    web.start()
    try:
        with people(web.port) as ledger:
            taken_again(ledger)
            # A commit whose answer the kill swallowed takes luck: a few more rounds until some were seen.
            while len(recoveries) < rounds or (FULL and ledger.resolved < AMBIGUOUS and len(recoveries) < 4 * rounds):
                under_load()
                recoveries.append(killing(web, postgres, ledger))
            if FULL:
                until(lambda: len(ledger.acknowledged) >= ACKNOWLEDGED or ledger.wrong, patience=120)
        found = ledger.compare(postgres.execute(STORED, "kills"))
    finally:
        web.stop()
    assert not ledger.wrong, "\n".join([*ledger.wrong, log.read_text()[-4000:]])
    assert (found["lost"], found["duplicates"], found["phantoms"]) == (0, 0, 0)
    assert max(recoveries) <= PATIENCE
    if fault == "F8":
        assert found["busy"] > VOTERS
    if FULL:
        assert found["acknowledged"] >= ACKNOWLEDGED
        assert found["resolved"] >= AMBIGUOUS
    tried(fault, kills=len(recoveries), **found, seconds_until_votes_were_taken_again=round(max(recoveries), 1))


@each_kill(planted=True)
def test_a_server_that_answers_before_it_stores_is_caught(postgres, environment, tmp_path, fault, killing, most):
    """The positive control: with this fault planted, the same ledger finds lost votes."""
    (tmp_path / "hasty.py").write_text(HASTY)
    path = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    web = Gunicorn("hasty", {**environment, "PYTHONPATH": path})
    web.start()
    try:
        with people(web.port) as ledger:
            taken_again(ledger)
            under_load()
            killing(web, postgres, ledger)
        time.sleep(1)  # what waits in the threads is stored by now
        found = ledger.compare(postgres.execute(STORED, "kills"))
    finally:
        web.stop()
    assert found["lost"] > 0, found
