"""The API does as its description says, whoever asks whatever: schemathesis in all its phases against a real server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live_postgres import Gunicorn, house, python

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "allow_header_conformance", "ignored_auth",
)  # fmt: skip
# Studies to be asked for, and who asks: one process for all of it.
SEED = """
import json
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
from django.conf import settings
from django.test import Client
from studyplatform.voting.identity import participant_key
from studyplatform.voting.services import study_transition
from tests import factories
owner = factories.user("owner")
over = factories.study("over", state="open")
factories.finished(over)
study_transition(study=over, to="closed", by=owner)
line = factories.study("line", state="open", allow_undo=True, sessions_planned=200)
client = Client()
client.force_login(owner)
cookie = client.cookies[settings.SESSION_COOKIE_NAME]
print(json.dumps({
    "anonymous": "X-Nobody: 1",
    "participant": "Authorization: Bearer " + participant_key(factories.participant(line)),
    "researcher": f"Cookie: {settings.SESSION_COOKIE_NAME}={cookie.value}",
}))
"""
# A fault of each kind that the checks are for, put between the server and the application.
FAULTY = """
from studyplatform.config.wsgi import application as sound

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.endswith("/stimuli/"):
        start_response("500 Internal Server Error", [("Content-Type", "application/json")])
        return [b"{}"]
    if path.endswith("/session/") and environ["REQUEST_METHOD"] == "GET":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"step": 7}']
    return sound(environ, start_response)
"""


class House:
    """A server in production with an open and a closed study, and the header by which each of them asks."""

    def __init__(self, folder: Path) -> None:
        self.environment = house(f"sqlite:///{folder / 'house.sqlite3'}", folder, EYEBALLOT_JOINS_PER_NETWORK="0")
        (folder / "var").mkdir()
        self.headers: dict[str, str] = json.loads(python(self.environment, SEED).splitlines()[-1])

    def asked(
        self, who: str, slug: str, folder: Path, application: str = "studyplatform.config.wsgi"
    ) -> tuple[int, Any]:
        """How schemathesis ends for one of them on one study, and what it says."""
        (folder / "schemathesis.toml").write_text(f'[parameters]\n"path.slug" = "{slug}"\n')
        environment = {**self.environment, "PYTHONPATH": f"{self.environment['PYTHONPATH']}:{folder}"}
        server = Gunicorn(application, environment, workers=1, log=folder / "log")
        server.start()
        command = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run",
            f"http://127.0.0.1:{server.port}/api/v1/schema/", "--header", "X-Forwarded-Proto: https",
            "--header", self.headers[who], "--max-examples", "6", "--seed", "1", "--no-color", "--no-shrink",
            "--checks", ",".join(CHECKS), "--exclude-path-regex", "/health/|/(withdraw|decline)/$",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
        finally:
            server.stop()
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.mark.parametrize(("who", "slug"), [("anonymous", "line"), ("participant", "line"), ("researcher", "over")])
def test_the_api_does_as_it_is_described(served: House, who: str, slug: str, tmp_path: Path) -> None:
    code, said = served.asked(who, slug, tmp_path)
    assert code == 0, said[-6000:]


def test_faults_of_the_api_are_seen(served: House, tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    code, said = served.asked("anonymous", "line", tmp_path, "faulty")
    assert code == 1
    assert "Server error" in said
    assert "Response violates schema" in said
