"""Restarting under load: fifty votes a second, and not one request fails while the code is loaded anew.

Two ways: HUP, which replaces the workers, and stopping all of gunicorn and starting it again on the socket that systemd
(here: this test) holds meanwhile.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.fault_table import FULL
from tests.live_house import CONFIGURED, Person, ask
from tests.live_postgres import ROOT, family, kill, python

pytestmark = pytest.mark.once

ROUNDS = 5 if FULL else 1
PEOPLE, EACH = 5, 10.0  # votes a second of each
# What systemd does between the fork and the program.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""
STORED = """
from studyplatform.voting.models import Vote
for vote in Vote.objects.values_list("uuid", "trial_id", "choice"):
    print(*vote)
"""


class OnSocket:
    """gunicorn as systemd starts it: the listening socket is handed over as file descriptor 3."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self.listener.getsockname()[1])
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        number = self.listener.fileno()
        command = [sys.executable, "-m", "gunicorn", "studyplatform.config.wsgi", *CONFIGURED.split()]
        self._process = subprocess.Popen(
            [sys.executable, "-c", HAND_OVER, str(number), *command],
            pass_fds=[number], cwd=ROOT, env=self._environment, start_new_session=True,
        )  # fmt: skip

    def stop(self) -> None:
        assert self._process is not None
        processes = family(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(45)
        except subprocess.TimeoutExpired:
            kill(processes)

    def reload(self) -> None:
        """HUP; returns when none of the workers of before is left."""
        assert self._process is not None
        old = set(self._workers())
        os.kill(self._process.pid, signal.SIGHUP)
        until = time.monotonic() + 60
        while old & set(self._workers()):
            assert time.monotonic() < until, "Workers of before are still there."
            time.sleep(0.1)

    def _workers(self) -> list[int]:
        assert self._process is not None
        return [process.pid for process in psutil.Process(self._process.pid).children()]


@pytest.fixture
def server(production: dict[str, str]) -> Iterator[OnSocket]:
    running = OnSocket({**production, "EYEBALLOT_WEB_WORKERS": "2"})
    running.start()
    ask(running.port, "GET", "/health/live")
    yield running
    running.stop()
    running.listener.close()


@contextmanager
def voting(port: int) -> Iterator[tuple[list[Person], dict[str, tuple[int, str]]]]:
    """People who vote fifty times a second; they and the ledger of what was acknowledged to them."""
    enough, ledger = threading.Event(), dict[str, tuple[int, str]]()
    people = [Person(port) for _ in range(PEOPLE)]

    def go_on(person: Person) -> None:
        due = time.monotonic()
        while not enough.is_set() and not person.refused:
            ballot = person.vote()
            if ballot is not None:
                ledger[ballot["uuid"]] = (ballot["trial"], ballot["choice"])
            due = max(due + 1 / EACH, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=go_on, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    time.sleep(1)
    try:
        yield people, ledger
        time.sleep(1)
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def lost(environment: dict[str, str], ledger: dict[str, tuple[int, str]]) -> list[str]:
    """Acknowledged votes that are not stored as they were cast."""
    rows = {row.split()[0]: row.split()[1:] for row in python(environment, STORED).splitlines()}
    return [uuid for uuid, (trial, choice) in ledger.items() if rows.get(uuid) != [str(trial), choice]]


def refused(people: list[Person]) -> list[str]:
    return [words for person in people for words in person.refused]


def test_a_reload_under_load_fails_nobody(
    server: OnSocket, production: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    with voting(server.port) as (people, ledger):
        for _ in range(ROUNDS):
            server.reload()
    assert refused(people) == []
    assert len(ledger) > 20 * ROUNDS
    assert lost(production, ledger) == []
    record_property("votes", len(ledger))


def test_a_restart_on_a_held_socket_under_load_fails_nobody(server: OnSocket, production: dict[str, str]) -> None:
    with voting(server.port) as (people, ledger):
        for _ in range(max(1, ROUNDS // 2)):
            server.stop()
            server.start()
            ask(server.port, "GET", "/health/live")
    assert refused(people) == []
    assert lost(production, ledger) == []


def test_a_restart_that_drops_the_socket_is_seen(server: OnSocket) -> None:
    """The planted fault: without a socket that stays, whoever comes during the restart is turned away."""
    with voting(server.port) as (people, _):
        server.stop()
        server.listener.close()
        time.sleep(0.5)
    assert refused(people)
