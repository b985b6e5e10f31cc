"""The files of deploy/ are what their programs take, and name each setting that the code reads."""

import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.live_nginx import NGINX, PARTICIPANTS, RESEARCHERS, configure, needs_nginx, nginx
from tests.live_postgres import ROOT

pytestmark = pytest.mark.once

SETTING = re.compile(r"\bEYEBALLOT_[A-Z0-9]+(?:_[A-Z0-9]+)*")
SYSTEMD = ROOT / "deploy/systemd"
COMPOSE = ROOT / "deploy/container/compose.yaml"


def read_by_the_code() -> set[str]:
    """Every EYEBALLOT_ variable that the code takes from its environment."""
    files = [path for room in ("studyplatform", "generation", "evaluation") for path in (ROOT / room).rglob("*.py")]
    texts = [path.read_text() for path in [*files, ROOT / "deploy/gunicorn.conf.py"]]
    asked = re.compile(r"(?:env\.\w+\(|environ\.get\(|environ\[|getenv\()\s*f?[\"'](EYEBALLOT_[A-Z0-9_]+)[\"']")
    return {name for text in texts for name in asked.findall(text)}


@pytest.mark.parametrize("file", ["docs/deployment.md", "deploy/eyeballot.env.example"])
def test_every_setting_is_told_and_no_other(file: str) -> None:
    told = set(SETTING.findall((ROOT / file).read_text())) - {"EYEBALLOT_ENV_FILE"}
    assert told == read_by_the_code()


def test_the_search_for_settings_finds_them() -> None:
    """The planted fault: were nothing found, nothing would have to be told."""
    assert {"EYEBALLOT_SECRET_KEY", "EYEBALLOT_WEB_WORKERS", "EYEBALLOT_WEIGHTS"} <= read_by_the_code()


@needs_nginx
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    configure(tmp_path, "127.0.0.1:9", "127.0.0.1:9", tmp_path)
    done = subprocess.run([str(NGINX), "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


@contextmanager
def standing_in(words: bytes) -> Iterator[str]:
    """A server that answers everything with these words; where it listens."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@needs_nginx
def test_a_picture_that_is_not_on_the_disk_is_asked_of_the_house(tmp_path: Path) -> None:
    """With EYEBALLOT_STORAGE the pictures lie in a bucket, and the folder is empty."""
    there, missing = (f"/stimuli/{'a' * 32}/{letter * 32}.png" for letter in "bc")
    (tmp_path / f"var{there}").parent.mkdir(parents=True)
    (tmp_path / f"var{there}").write_bytes(b"from the disk")
    with (
        standing_in(b"of participants") as participants,
        standing_in(b"of researchers") as researchers,
        nginx(tmp_path / "nginx", participants, researchers, tmp_path / "var") as front,
    ):
        for name, words in ((PARTICIPANTS, b"of participants"), (RESEARCHERS, b"of researchers")):
            assert fetched(front.https, name, missing) == (200, words)
            assert fetched(front.https, name, there) == (200, b"from the disk")
            assert fetched(front.https, name, missing, "POST")[0] == 403


def told(port: int, name: str) -> bytes:
    """All that is answered to plain HTTP under a name; nothing where the line is cut."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(f"GET /s/study/ HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        try:
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionResetError:
            return b""


@needs_nginx
def test_plain_http_leads_to_our_names_and_to_no_other(tmp_path: Path) -> None:
    with nginx(tmp_path, "127.0.0.1:9", "127.0.0.1:9", tmp_path) as front:
        for name in (PARTICIPANTS, RESEARCHERS):
            assert f"Location: https://{name}/s/study/\r\n".encode() in told(front.http, name)
        assert told(front.http, "evil.example") == b""


def fetched(port: int, name: str, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body of what is asked under a name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 30), server_hostname=name) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, part of systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in SYSTEMD.iterdir():
        # The program need not be installed here.
        words = unit.read_text().replace("/opt/eyeballot/venv/bin/python", "/bin/true")
        (tmp_path / unit.name).write_text(words)
    units = [str(tmp_path / unit.name) for unit in SYSTEMD.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    own = [line for line in done.stderr.splitlines() if "eyeballot" in line]
    assert (done.returncode, own) == (0, []), done.stderr


def test_every_service_is_hardened_alike() -> None:
    for unit in SYSTEMD.glob("*.service"):
        lines = unit.read_text().splitlines()
        for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "User=eyeballot", "CapabilityBoundingSet="):
            assert line in lines, f"{unit.name} lacks {line}"
        assert any(line.startswith("ReadWritePaths=/var/lib/eyeballot") for line in lines)


def test_containers_run_without_rights() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    assert set(services) == {"postgres", "migrate", "participants", "researchers", "worker", "nginx"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    for name in ("postgres", "participants", "researchers", "nginx"):
        assert service_test(services[name]), name
    assert "\nUSER eyeballot\n" in (COMPOSE.parent / "Dockerfile").read_text()


def test_only_what_the_image_needs_is_sent_to_be_built() -> None:
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", (COMPOSE.parent / "Dockerfile").read_text())
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == {path for line in copied for path in line.split()}


def test_the_group_in_the_image_is_the_one_that_nginx_has() -> None:
    dockerfile = (COMPOSE.parent / "Dockerfile").read_text()
    group = yaml.safe_load(COMPOSE.read_text())["services"]["nginx"]["user"].partition(":")[2]
    assert f"groupadd --system --gid {group} eyeballot" in dockerfile
    assert f"--uid {group} --gid {group} " in dockerfile
    assert "chmod 750 /var/lib/eyeballot" in dockerfile
    assert f"-o {group} -g {group} -m 700" in containers_told()


def test_each_process_in_a_container_answers_under_its_own_name_alone() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name in ("participants", "researchers"):
        variable = f"{name.upper()}_HOST"
        assert services[name]["environment"]["EYEBALLOT_HOSTS"].startswith(f"${{{variable}:?")
        assert f"{variable}=" in containers_told()
        # nginx resolves their names once.
        assert services["nginx"]["depends_on"][name]["restart"] is True


def test_the_errands_of_the_house_are_told_for_containers_too() -> None:
    errands = re.findall(r"(?m)^ExecStart=.*manage\.py (\w+)", (SYSTEMD / "eyeballot-daily.service").read_text())
    assert len(errands) >= 3
    for errand in errands:
        assert f"python manage.py {errand}" in containers_told()


def containers_told() -> str:
    """What docs/deployment.md says of containers."""
    return (ROOT / "docs/deployment.md").read_text().partition("\n## Containers\n")[2]


def service_test(service: dict[str, dict[str, object]]) -> object:
    """The command by which a container says whether it works."""
    return service["healthcheck"]["test"]


def composes() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not composes(), reason="needs docker with the compose plugin")
def test_compose_takes_its_file(tmp_path: Path) -> None:
    (tmp_path / "house.env").write_text(
        f"POSTGRES_PASSWORD=one\nPARTICIPANTS_HOST={PARTICIPANTS}\nRESEARCHERS_HOST={RESEARCHERS}\n"
    )
    command = ["docker", "compose", "-f", str(COMPOSE), "--env-file", str(tmp_path / "house.env"), "config", "--quiet"]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "EYEBALLOT_ENV_FILE": str(tmp_path / "house.env")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
