"""Simulated participants who take part over HTTP like everybody else, marked as what they are.

They go through the same door as people: start, consent, instructions, plan, one vote per pair, finish. Only the mark
that this house signs makes them bots, and only a study marked ``simulated`` or a pilot lets them in.
"""

import contextlib
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings

from studyplatform.voting.core import screens
from studyplatform.voting.core.observers import Key, Observer, Observers, favourite
from studyplatform.voting.identity import BOT_HEADER, bot_mark, participant_key, token_of
from studyplatform.voting.models import Session, Stimulus, Study
from studyplatform.voting.selectors import bots_allowed, check_drawn, check_seed
from studyplatform.voting.services import StudyError

Progress = Callable[[int, int], None]

# Between the two pictures of a catch pair there is nothing to doubt: a person who looks errs once in thousands.
CATCH_UTILITIES = {
    "catch: style": 8.0,
    "catch: true_marking": 8.0,
    "catch: identity": 0.0,
    "catch: grey": -8.0,
    "catch: scrambled": -8.0,
}


class ServerError(RuntimeError):
    """The server did not answer as it should; the text says what it said."""


@dataclass(frozen=True)
class Network:
    """The line between a simulated participant and the server.

    delay_ms : what each request waits before it leaves.
    lost : share of requests whose answer never arrives, though the server may have stored it; they are sent again.
    """

    delay_ms: float = 0.0
    lost: float = 0.0
    seed: int = 1


@dataclass(frozen=True)
class Played:
    """What came of a simulation."""

    started: int
    finished: int
    votes: int
    seconds: float


def simulate_study(
    *,
    study: Study,
    base_url: str,
    observers: Observers,
    participants: int,
    progress: Progress | None = None,
    workers: int = 4,
    network: Network = Network(),
) -> Played:
    """Let ``participants`` simulated people take part in ``study`` at a running server.

    Parameters
    ----------
    observers : the crowd, with utilities by ``(scene, condition label)``, the scene by its digest or its label; see
        :class:`~studyplatform.voting.core.observers.Observers`.
    participants : how many sessions to bring to an end. Those that an earlier run left unfinished come first.
    progress : called with (participants done, participants in all) from several threads.
    workers : how many take part at the same time.
    network : how slow and how lossy their line is.

    Raises :class:`StudyError` for a study that is neither a rehearsal nor a pilot, :class:`ServerError` when the server
    answers with something else than the protocol allows.
    """
    if not bots_allowed(study):
        raise StudyError(
            f"“{study}” asks people, and simulated votes must never stand among theirs. "
            "Simulate its pilot, or mark a copy of it as simulated while that is a draft."
        )
    keys = _pictures(study)
    crowd = replace(observers, utilities=_by_picture(study, observers.utilities))
    began = time.perf_counter()
    bots = list(study.participants.filter(is_bot=True).select_related("session").order_by("pk"))
    unfinished = [
        n for n, bot in enumerate(bots) if bot.session.finished_at is None and bot.session.withdrew_at is None
    ]
    joined = [(participant_key(bots[n]), crowd.person(n)) for n in unfinished[:participants]]
    # New ones join one after the other, so that the same seed meets the same plans however the threads run.
    new = range(len(bots), len(bots) + participants - len(joined))
    joined += [(_join(study, base_url), crowd.person(number)) for number in new]
    done = 0

    def play(person: tuple[str, Observer]) -> tuple[int, bool]:
        nonlocal done
        result = _take_part(study, base_url, *person, keys, network)
        done += 1
        if progress is not None:
            progress(done, participants)
        return result

    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(play, joined))
    return Played(
        started=participants,
        finished=sum(finished for _, finished in results),
        votes=sum(votes for votes, _ in results),
        seconds=time.perf_counter() - began,
    )


def utilities_favouring(study: Study, label: str, strength: float = 1.5) -> dict[Key, float]:
    """Utilities, by (scene digest, label), of a crowd that likes the condition ``label`` best in every scene."""
    by_label: dict[str, set[Key]] = {}
    for stimulus in _shown(study):
        if stimulus.role == Stimulus.Role.CATCH:
            continue
        by_label.setdefault(stimulus.label, set()).add((stimulus.scene.digest, stimulus.label))
    return favourite(by_label, label, strength)


def _shown(study: Study) -> list[Stimulus]:
    stimuli = study.stimuli.exclude(role=Stimulus.Role.REFERENCE).select_related("scene")
    return sorted(stimuli, key=lambda s: (s.position, s.label))


def _pictures(study: Study) -> dict[str, Key]:
    """Public name -> (scene digest, condition label): the answer key, which only this house has."""
    return {stimulus.public_name: (stimulus.scene.digest, stimulus.label) for stimulus in _shown(study)}


def _by_picture(study: Study, given: Mapping[Key, float]) -> dict[Key, float]:
    """The utilities with every scene named by its digest; a picture that the study does not show is refused."""
    shown = _shown(study)
    names: dict[Key, Key] = {(s.scene.label, s.label): (s.scene.digest, s.label) for s in shown}
    names |= {key: key for key in list(names.values())}
    for key in given:
        if key not in names:
            example = (shown[0].scene.label, shown[0].label)
            raise StudyError(f"The study shows no picture {key}. Name pictures by scene and condition, as {example}.")
    known = {names[s.scene.digest, s.label]: CATCH_UTILITIES[s.label] for s in shown if s.role == Stimulus.Role.CATCH}
    return known | {names[key]: value for key, value in given.items()}


def _join(study: Study, base_url: str) -> str:
    with Client(base_url, study.slug) as client:
        return str(client.post("", headers={BOT_HEADER: bot_mark(study.slug)})["key"])


def _take_part(
    study: Study, base_url: str, key: str, observer: Observer, keys: Mapping[str, Key], network: Network
) -> tuple[int, bool]:
    """One whole session: how many votes were cast, and whether it was finished."""
    with Client(base_url, study.slug, network) as client:
        client.key = key
        if client.post("consent/")["step"] == "checks":
            client.post("checks/", _seen(key))
        client.post("instructions/", {"width": 1280, "height": 720, "ratio": 1})
        plan = client.get("plan/")
        waiting = [pair for pair in plan["trials"] if not pair["answered"]]
        for cast, pair in enumerate(waiting):
            left, right = (keys[pair[side]["src"].rsplit("/", 1)[1].removesuffix(".png")] for side in ("left", "right"))
            answer = observer.answer(left, right, ties=plan["allow_ties"])
            if answer is None:
                return cast, False
            ballot = {"uuid": str(uuid4()), "trial": pair["id"], "choice": answer.choice, "rt_ms": answer.rt_ms}
            client.post("votes/", {**ballot, "client": {"input": "script"}})
        client.post("finish/")
        return len(waiting), True


def _seen(key: str) -> dict[str, Any]:
    """What somebody with a good screen and good eyes answers to the screen checks; only this house can know it."""
    seed = check_seed(Session.objects.select_related("participant").get(participant__token=token_of(key)))
    plates = [screens.plate_number(seed, number) for number in range(screens.PLATES)]
    return {"tries": 0, "px_per_mm": 3.78, "shapes": int(check_drawn(seed, "shapes")[1]), "plates": plates}


class Client:
    """A keep-alive connection to the participant's API of one study."""

    def __init__(self, base_url: str, slug: str, network: Network = Network()) -> None:
        parts = urlsplit(base_url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(parts.netloc, timeout=60)
        self._path = f"{parts.path.rstrip('/')}/api/v1/studies/{slug}/session/"
        self.key = ""
        self._network = network
        self._luck = random.Random(network.seed)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def get(self, path: str) -> Any:
        """The JSON at ``path``."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON that answers ``body``."""
        return self._ask("POST", path, json.dumps(body or {}), headers or {})

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Any:
        sent = {"Content-Type": "application/json", **headers}
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        for attempt in range(6):
            time.sleep(self._network.delay_ms / 1000)
            try:
                self._connection.request(method, self._path + path, body, sent)
                if attempt < 5 and self._luck.random() < self._network.lost:
                    raise ConnectionResetError("the answer was lost on a bad line")
                answer = self._connection.getresponse()
                data = answer.read()
            except (http.client.HTTPException, OSError) as error:
                # Asking again is safe: a vote is stored once whatever happens.
                self._connection.close()
                if attempt == 5:
                    raise ServerError(f"The server cannot be reached: {error}.") from error
                time.sleep(0.1 * 2**attempt)
                continue
            if answer.status == 503 and attempt < 5:
                time.sleep(0.2 * 2**attempt)
                continue
            if answer.status >= 400:
                raise ServerError(f"{method} {path or 'session'} was answered {answer.status}: {_sentence(data)}")
            return json.loads(data)
        raise AssertionError("unreachable")


def _sentence(data: bytes) -> str:
    try:
        return str(json.loads(data)["detail"])
    except (ValueError, KeyError, TypeError):
        return data[:200].decode(errors="replace")


@contextlib.contextmanager
def server(*, threads: int = 8) -> Iterator[str]:
    """A server of this house on a free loopback port, for as long as the block runs; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module, _, name = str(settings.WSGI_APPLICATION).rpartition(".")
    command = [sys.executable, "-m", "gunicorn", f"{module}:{name}", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", str(threads), "--log-level", "error", "--no-control-socket"]
    environment = os.environ | {"EYEBALLOT_SSL_REDIRECT": "0", "EYEBALLOT_HOSTS": "127.0.0.1"}
    process = subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR)  # noqa: S603  (our own words)
    try:
        _wait(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise ServerError("The server for the simulation did not start; its message is above.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise ServerError("The server for the simulation did not answer within half a minute.")
