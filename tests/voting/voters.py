"""People who vote over HTTP at a real server, each keeping a ledger of what was sent and what was acknowledged.

A ballot without an answer is sent again with the same number, as our page does; so whatever befell the server or its
database, the ledger can be held against the table afterwards.
"""

import http.client
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from benchmarks import vote_ledger

VOTERS = 8
#: Run inside a house: lays an open study called "kills" with room for as many people as the first argument says.
SEED = """
import sys
from tests import factories
grid = factories.rendered_grid(learning_rates=[place / 10 for place in range(1, 10)])
factories.study("kills", grid=grid, trials_per_session=40, sessions_planned=int(sys.argv[1]), state="open")
"""


@dataclass
class Ledger(vote_ledger.Ledger):
    """What the people know of their votes, and what befell the requests."""

    unanswered: int = 0  # requests sent of which no answer came
    busy: int = 0  # 503 with Retry-After
    wrong: list[str] = field(default_factory=list)  # every other answer; it ends the session of whoever got it
    last: float = 0.0  # when the latest acknowledged request was sent

    def compare(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, int]:
        """Hold the ledger against ``rows``, and add what the requests met."""
        met = {"unanswered": self.unanswered, "resolved": self.resolved, "busy": self.busy}
        return super().compare(rows) | met


class Voter(threading.Thread):
    """Somebody who takes part in one session after the other until told to stop, and sends again what got no answer."""

    def __init__(self, port: int, ledger: Ledger, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._ledger, self._enough, self._key = ledger, enough, ""

    def run(self) -> None:
        while not self._enough.is_set():
            self._key = ""
            self._key = self._ask("POST", "")["key"]
            self._ask("POST", "consent/")
            self._ask("POST", "instructions/", {})
            for pair in self._ask("GET", "plan/")["trials"]:
                if self._enough.is_set():
                    break
                self._vote(pair["id"])
        self._connection.close()

    def _vote(self, trial: int) -> None:
        uuid, choice = str(uuid4()), random.choice(["left", "right"])
        self._ledger.sent[uuid] = (trial, choice)
        attempts: list[float] = []
        answer = self._ask("POST", "votes/", {"uuid": uuid, "trial": trial, "choice": choice}, attempts)
        self._ledger.acknowledged[uuid] = (trial, choice)
        self._ledger.resolved += bool(answer["replayed"])
        self._ledger.last = attempts[-1]

    def _ask(self, method: str, path: str, body: object = None, sent: list[float] | None = None) -> dict:
        """The JSON of a 2xx answer, however long that takes; ``sent`` takes the time of each attempt."""
        head = {"Content-Type": "application/json", "X-Forwarded-Proto": "https"}
        if self._key:
            head["Authorization"] = f"Bearer {self._key}"
        while True:
            if sent is not None:
                sent.append(time.monotonic())
            try:
                self._connection.request(method, f"/api/v1/studies/kills/session/{path}", json.dumps(body or {}), head)
            except (http.client.HTTPException, OSError):
                self._connection.close()
                time.sleep(0.05)
                continue
            try:
                answer = self._connection.getresponse()
                data = answer.read()
            except (http.client.HTTPException, OSError):
                self._ledger.unanswered += sent is not None
                self._connection.close()
                continue
            if answer.status in (200, 201):
                return json.loads(data)
            if answer.status != 503 or not answer.getheader("Retry-After"):
                self._ledger.wrong.append(f"{answer.status} {method} {path} {data[:200]!r}")
                sys.exit()  # this thread alone
            self._ledger.busy += 1
            time.sleep(0.1)


@contextmanager
def people(port: int) -> Iterator[Ledger]:
    """Voters for as long as the block runs; afterwards each brings the ballot in hand to its end."""
    ledger, enough = Ledger(), threading.Event()
    voters = [Voter(port, ledger, enough) for _ in range(VOTERS)]
    [voter.start() for voter in voters]
    try:
        yield ledger
    finally:
        enough.set()
        end = time.monotonic() + 60
        [voter.join(max(0.0, end - time.monotonic())) for voter in voters]
    assert not any(voter.is_alive() for voter in voters), "a ballot found no answer within a minute"


def until(true: Callable[[], bool], patience: float = 30.0) -> float:
    """Wait; returns the seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < patience, f"nothing after {patience:g} seconds"
        time.sleep(0.01)
    return time.monotonic() - began


def taken_again(ledger: Ledger) -> float:
    """Seconds until a vote that is sent from now on has been acknowledged."""
    now = time.monotonic()
    seconds = until(lambda: ledger.last > now or len(ledger.wrong) >= VOTERS)
    assert len(ledger.wrong) < VOTERS, ledger.wrong
    return seconds


def under_load() -> None:
    time.sleep(random.uniform(0.3, 0.9))
