"""What the server says holds nothing about whoever asked (F27), and says enough to find a fault.

A real gunicorn is asked with marked personal data in every place a request has; then all it said, and all rows, are
searched for the marks.
"""

import contextlib
import json
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studyplatform.config.logs import JsonFormatter, request_fields
from tests.live_house import Person, ask, patched, served
from tests.live_postgres import python

MARK = "Marked-By-Mara"
ADDRESS = "203.0.113.77"
# Loopback addresses other than 127.0.0.1 exist on Linux without setting them up.
SOURCE = "127.0.0.77" if sys.platform == "linux" else ""

# The house with a page that fails with marked data in its words and its variables, and a server around it that does.
FAILS = """
from studyplatform.config.wsgi import application as house
from django.urls import path
from studyplatform.config import urls

def fails(request, slug):
    local = {"cookie": dict(request.COOKIES), "body": request.body.decode()}
    try:
        raise KeyError(request.body.decode())
    except KeyError as error:
        raise ValueError(f"{slug} {request.GET} {local}") from error

urls.urlpatterns.append(path("fails/<slug:slug>/", fails, name="fails"))

def application(environ, start_response):
    if environ["PATH_INFO"].startswith("/breaks"):
        raise RuntimeError("The server itself " + environ["RAW_URI"])
    return house(environ, start_response)
"""
# Every text of every row.
ROWS = """
import sys
from django.apps import apps
for model in apps.get_models():
    for row in model._base_manager.values_list():
        print(row)
"""


@pytest.fixture
def environment(production: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return {**production, **patched(tmp_path, "failing", FAILS), "EYEBALLOT_LOG": "DEBUG"}


def ask_with_marks(port: int) -> list[int]:
    """Requests with marks in path, query, headers, cookies, body, host, method and request line; their statuses."""
    headers = {
        "User_Agent": f"Mozilla {MARK}", "Referer": f"https://{MARK}/", "X_Forwarded_For": ADDRESS,
        "Cookie": f"eyeballot-line={MARK}; sessionid={MARK}; csrftoken={MARK}", "Accept_Language": MARK,
    }  # fmt: skip
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    asked = [
        ("GET", f"/s/line/?PROLIFIC_PID={MARK}&STUDY_ID={MARK}", None, headers),
        ("POST", f"/s/line/start/?PROLIFIC_PID={MARK}", f"PROLIFIC_PID={MARK}".encode(), headers | form),
        ("GET", f"/s/{MARK}/", None, headers),
        ("GET", f"/{MARK}", None, headers),
        ("GET", f"/s/line/checks/{MARK}/plate0.png?{MARK}", None, headers),
        ("POST", "/api/v1/studies/line/session/votes/", f'{{"uuid": "{MARK}"'.encode(),
         headers | {"Authorization": f"Bearer {MARK}", "Content_Type": "application/json"}),
        ("POST", f"/api/v1/studies/line/session/?PROLIFIC_PID={MARK}", b"{}",
         headers | {"Content_Type": "application/json"}),
        ("POST", "/admin/login/", f"username={MARK}&password={MARK}".encode(), headers | form),
        (f"X{MARK}", "/", None, headers),
        ("GET", "/", None, headers | {"Host": f"{MARK}.example.org"}),
        ("POST", f"/fails/{MARK}/?{MARK}={MARK}", MARK.encode(), headers),
        ("GET", f"/fails/{MARK}/?{MARK}={MARK}", MARK.encode(), headers),
        ("GET", f"/breaks/{MARK}/?{MARK}", None, headers),
    ]  # fmt: skip
    statuses = []
    for method, path, body, sent in asked:
        # gunicorn answers what it cannot read, and hangs up on the rest of it.
        with contextlib.suppress(ConnectionResetError):
            statuses.append(ask(port, method, path, body, SOURCE, **sent)[0].status)
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(SOURCE, 0) if SOURCE else None) as raw:
        raw.sendall(f"GET /{MARK} {MARK} HTTP/9.9 {MARK}\r\n{MARK}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            raw.recv(1000)
    return statuses


def found(words: str) -> set[str]:
    """Which marks stand in a text."""
    return {mark for mark in (MARK, ADDRESS, *([SOURCE] if SOURCE else [])) if mark in words}


@pytest.mark.fault("F27")
def test_nothing_about_whoever_asked_is_said_or_stored(
    environment: dict[str, str], tmp_path: Path, tried: Callable[..., None]
) -> None:
    log = tmp_path / "server.log"
    with served(environment, "failing:application", workers=1, log=log) as server:
        statuses = ask_with_marks(server.port)
        assert statuses.count(500) == 2, statuses
        Person(server.port).vote()
    words = log.read_text()
    assert found(words) == set(), [line for line in words.splitlines() if found(line)]
    assert found(python(environment, ROWS)) == set()
    lines = [json.loads(line) for line in words.splitlines()]
    fault = next(line for line in lines if "exception" in line and "ValueError" in line["exception"])
    assert {"request", "method", "message", "time", "level"} <= set(fault)
    assert 'raise ValueError(f"{slug}' in fault["exception"]
    answered = [line for line in lines if line["message"] == "answered"]
    assert next(line for line in answered if line["status"] == 500)["request"] == fault["request"]
    vote = next(line for line in answered if line["route"] == "voting:api-votes" and line["status"] == 201)
    assert (vote["study"], vote["method"], vote["level"]) == ("line", "POST", "INFO")
    assert vote["duration_ms"] > 0
    tried("F27", requests_with_marks=len(statuses) + 1, lines_of_log_searched=len(lines), marks_found=0)


@pytest.mark.fault("F27", planted=True)
def test_the_usual_logs_are_seen_to_tell(environment: dict[str, str], tmp_path: Path) -> None:
    """Plain lines and gunicorn's own access log: path, query, address and user agent are found."""
    log = tmp_path / "server.log"
    usual = {"EYEBALLOT_LOG_FORMAT": "plain", "GUNICORN_CMD_ARGS": "--access-logfile /dev/stderr"}
    with served({**environment, **usual}, "failing:application", workers=1, log=log) as server:
        ask_with_marks(server.port)
    assert found(log.read_text()) >= {MARK, *([SOURCE] if SOURCE else [])}


@pytest.fixture
def told() -> Iterator[Callable[..., dict[str, object]]]:
    """A record formatted as while a request is answered."""
    token = request_fields.set({"request": "0123", "method": "GET"})

    def tell(name: str, words: str, *arguments: object, error: BaseException | None = None) -> dict[str, object]:
        exc_info = (type(error), error, error.__traceback__) if error else None
        record = logging.LogRecord(name, logging.WARNING, __file__, 1, words, arguments, exc_info)
        return dict(json.loads(JsonFormatter().format(record)))

    yield tell
    request_fields.reset(token)


def test_others_tell_their_template_and_we_our_words(told: Callable[..., dict[str, object]]) -> None:
    assert told("axes", "New login failure by %s.", MARK)["message"] == "New login failure by %s."
    assert told("django.security.DisallowedHost", f"Invalid {MARK}")["message"] == "django.security.DisallowedHost"
    ours = "studyplatform.voting.middleware"
    assert told(ours, "Away: %s", f"no space left\nDETAIL: {MARK}")["message"] == "Away: no space left"


def test_outside_of_requests_all_is_told() -> None:
    record = logging.LogRecord("torch", logging.WARNING, __file__, 1, "No file %s", ("vgg19.pth",), None)
    assert json.loads(JsonFormatter().format(record))["message"] == "No file vgg19.pth"


def test_a_failed_answer_says_under_which_number_it_was_noted(environment: dict[str, str]) -> None:
    with served(environment, "failing:application", workers=1) as server:
        assert len(ask(server.port, "GET", "/fails/one/")[0].headers["X-Request-ID"]) == 16
        assert "X-Request-ID" not in ask(server.port, "GET", "/s/line/")[0].headers
