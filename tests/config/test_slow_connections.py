"""Sixty connections that send a byte a second (F22): behind the documented nginx a request is answered at once.

Bars of time have slack for a loaded machine: the specification's second is asked of the middle of the answers.
"""

import contextlib
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fault_table import FULL
from tests.live_house import served
from tests.live_nginx import PARTICIPANTS, RESEARCHERS, Nginx, needs_nginx, nginx
from tests.live_postgres import Gunicorn

pytestmark = pytest.mark.once

SLOW, ANSWERS = 60, 20 if FULL else 6
PATIENCE = 8.0  # seconds: what bare gunicorn was silent for when it was measured
HEAD = f"POST /s/line/start/ HTTP/1.1\r\nHost: {PARTICIPANTS}\r\n".encode()
# A form that gets as far as being read: its token is looked for in the body.
FORM = f"Origin: https://{PARTICIPANTS}\r\nCookie: __Host-csrftoken={'a' * 32}\r\nX-Forwarded-Proto: https\r\n".encode()
BODY = HEAD + FORM + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\na="


def connect(port: int, *, tls: bool, name: str = PARTICIPANTS) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), 30)
    if not tls:
        return plain
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=name)


@contextmanager
def slowly(port: int, beginning: bytes, *, tls: bool) -> Iterator[None]:
    """Sixty connections that have begun a request and go on with it, a byte a second."""
    enough = threading.Event()
    held = [connect(port, tls=tls) for _ in range(SLOW)]

    def drip() -> None:
        while not enough.wait(1):
            for connection in held:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")

    for connection in held:
        connection.sendall(beginning)
    dripping = threading.Thread(target=drip)
    dripping.start()
    time.sleep(1)
    try:
        yield
    finally:
        enough.set()
        dripping.join()
        for connection in held:
            connection.close()


def answer(port: int, *, tls: bool, path: str = "/s/line/", name: str = PARTICIPANTS) -> tuple[float, bytes]:
    """Seconds until a normal request was answered (infinite when it was not within the patience), and the answer."""
    began = time.monotonic()
    try:
        with connect(port, tls=tls, name=name) as connection:
            connection.settimeout(PATIENCE)
            asked = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
            connection.sendall(asked.encode())
            received = b""
            while piece := connection.recv(65536):
                received += piece
    except OSError:
        return float("inf"), b""
    return time.monotonic() - began, received


@pytest.fixture(scope="module")
def gunicorn(production: dict[str, str]) -> Iterator[Gunicorn]:
    with served({**production, "EYEBALLOT_HOSTS": PARTICIPANTS}) as server:
        yield server


@pytest.fixture(scope="module")
def front(gunicorn: Gunicorn, production: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    behind = f"127.0.0.1:{gunicorn.port}"
    with nginx(tmp_path_factory.mktemp("nginx"), behind, behind, Path(production["EYEBALLOT_VAR"])) as running:
        yield running


@needs_nginx
@pytest.mark.fault("F22")
@pytest.mark.parametrize("beginning", [HEAD, BODY], ids=["headers", "bodies"])
def test_slow_connections_hold_nobody_up_behind_nginx(
    front: Nginx, beginning: bytes, tried: Callable[..., None]
) -> None:
    with slowly(front.https, beginning, tls=True):
        answers = [answer(front.https, tls=True) for _ in range(ANSWERS)]
    assert all(received.startswith(b"HTTP/1.1 200") for _, received in answers)
    seconds = [took for took, _ in answers]
    tried("F22", slow_connections=SLOW, answers=ANSWERS, seconds_of_the_slowest=round(max(seconds), 2))
    assert statistics.median(seconds) < 1
    assert max(seconds) < 3


@pytest.mark.fault("F22", planted=True)
@pytest.mark.parametrize("beginning", [HEAD, BODY], ids=["headers", "bodies"])
def test_bare_gunicorn_falls_silent(gunicorn: Gunicorn, beginning: bytes) -> None:
    assert answer(gunicorn.port, tls=False)[0] < PATIENCE
    with contextlib.ExitStack() as held:
        for _ in range(5):  # one of its processes may have taken nearly all, and have left the other free
            held.enter_context(slowly(gunicorn.port, beginning, tls=False))
            if answer(gunicorn.port, tls=False)[0] == float("inf"):
                return
    pytest.fail("Gunicorn alone answered beside slow connections.")


@needs_nginx
def test_what_is_not_for_outside_is_not_passed_on(front: Nginx) -> None:
    for name in (PARTICIPANTS, RESEARCHERS):
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert answer(front.https, tls=True, path=path, name=name)[1].startswith(b"HTTP/1.1 404")
    assert answer(front.http, tls=False)[1].startswith(b"HTTP/1.1 301")


@needs_nginx
def test_files_come_from_the_disk_and_tell_no_order(front: Nginx, production: dict[str, str]) -> None:
    var = Path(production["EYEBALLOT_VAR"])
    picture = next(var.glob("stimuli/*/*.png")).relative_to(var)
    head, _, body = answer(front.https, tls=True, path=f"/{picture}")[1].partition(b"\r\n\r\n")
    words = head.lower()
    assert b" 200 " in head
    assert body == (var / picture).read_bytes()
    assert b"immutable" in words
    assert b"nosniff" in words
    for tells in (b"last-modified", b"etag", b"set-cookie", b"server: nginx/"):
        assert tells not in words
    script = next(var.glob("static/**/*.*.js")).relative_to(var)
    assert b"immutable" in answer(front.https, tls=True, path=f"/{script}")[1].lower()
    assert answer(front.https, tls=True, path="/static/../house.sqlite3")[1].startswith(b"HTTP/1.1 4")


@needs_nginx
@pytest.mark.fault("F27")
def test_nginx_writes_down_no_address_and_no_path(front: Nginx) -> None:
    for path in ("/s/line/?PROLIFIC_PID=Marked-By-Mara", "/Marked-By-Mara", "/s/Marked-By-Mara/"):
        answer(front.https, tls=True, path=path)
    time.sleep(0.2)
    words = front.words()
    assert " GET 404 " in words
    assert "Marked-By-Mara" not in words
    assert "127.0.0.1" not in words
