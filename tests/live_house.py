"""Asking a house in production as a browser or a script does, and serving one as deploy/ has it."""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.live_postgres import ROOT, Gunicorn

CONFIGURED = f"--config {ROOT / 'deploy/gunicorn.conf.py'}"


@contextmanager
def served(environment: Mapping[str, str], application: str = "studyplatform.config.wsgi", **how: Any) -> Iterator[Any]:
    """gunicorn with the documented configuration, as long as the block runs."""
    server = Gunicorn(application, {"GUNICORN_CMD_ARGS": CONFIGURED, **environment}, **how)
    server.start()
    try:
        ask(server.port, "GET", "/health/live")  # the port takes connections before the code is loaded
        yield server
    finally:
        server.stop()


def patched(folder: Path, name: str, code: str) -> dict[str, str]:
    """Write a WSGI module of the test's own; what the environment needs so that gunicorn finds it by its name."""
    (folder / f"{name}.py").write_text(code)
    return {"PYTHONPATH": f"{ROOT}:{folder}"}


def ask(
    port: int, method: str, path: str, body: bytes | None = None, source: str = "", **headers: str
) -> tuple[HTTPResponse, bytes]:
    """One request on a connection of its own, as the proxy passes it on; underscores of header names are dashes."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0) if source else None)
    sent = {"X-Forwarded-Proto": "https", "Connection": "close"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@dataclass
class Person:
    """Somebody who takes part by the API; ``refused`` holds every answer that was not 2xx."""

    port: int
    key: str = ""
    trials: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """JSON of the answer; ``None`` where it was not 2xx or there was none."""
        headers = {"Content_Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            answer, data = ask(
                self.port, method, f"/api/v1/studies/line/session/{path}", json.dumps(body or {}).encode(), **headers
            )
        except OSError as error:
            self.refused.append(f"{method} {path}: {error!r}")
            return None
        if not 200 <= answer.status < 300:
            self.refused.append(f"{method} {path}: {answer.status} {data[:200]!r}")
            return None
        return json.loads(data)

    def begin(self) -> None:
        """Join, consent, read the instructions, get the plan."""
        self.key = ""
        self.key = self.call("POST", "")["key"]
        self.call("POST", "consent/")
        self.call("POST", "instructions/")
        self.trials = [trial["id"] for trial in self.call("GET", "plan/")["trials"]]

    def vote(self, ballot: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Answer the next pair (or send a ballot again); the ballot if it was acknowledged."""
        if ballot is None:
            if not self.trials:
                self.begin()
            choice = random.choice(["left", "right"])
            ballot = {"uuid": str(uuid4()), "trial": self.trials.pop(0), "choice": choice}
        return ballot if self.call("POST", "votes/", ballot) else None
