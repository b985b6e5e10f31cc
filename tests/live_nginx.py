"""The nginx of deploy/ as a real process on loopback ports, in front of a server of the test's own."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live_postgres import ROOT, family, kill

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
OPENSSL = shutil.which("openssl")
PARTICIPANTS, RESEARCHERS = "study.example.org", "research.example.org"
needs_nginx = pytest.mark.skipif(
    NGINX is None or OPENSSL is None, reason="needs nginx and openssl: apt-get install nginx-light openssl"
)


@dataclass(frozen=True)
class Nginx:
    """Where it listens, and what it writes."""

    https: int
    http: int
    folder: Path

    def words(self) -> str:
        """All that it has logged."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


def configure(folder: Path, participants: str, researchers: str, var: Path) -> tuple[int, int]:
    """Write the documented files with places of the test's own; the ports of HTTPS and HTTP."""
    certificate = ["-subj", f"/CN={PARTICIPANTS}", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(
        [str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    https, http = _free(), _free()
    main = (ROOT / "deploy/nginx/nginx.conf").read_text()
    main = re.sub(r"(?m)^\s*listen \[::\].*\n", "", main)  # one loopback address is enough
    for port, free in ((443, https), (80, http)):
        main = re.sub(rf"\blisten {port}\b", f"listen 127.0.0.1:{free}", main)
    main = re.sub(r"/etc/letsencrypt/live/\S+/fullchain.pem", str(folder / "cert.pem"), main)
    main = re.sub(r"/etc/letsencrypt/live/\S+/privkey.pem", str(folder / "key.pem"), main)
    main = main.replace("/run/nginx.pid", str(folder / "nginx.pid")).replace("stderr", str(folder / "error.log"))
    main = main.replace("/var/log/nginx/", f"{folder}/").replace("user www-data;", "user root;" * (os.geteuid() == 0))
    main = main.replace("/etc/nginx/mime.types", str(_mime_types(folder)))
    own = "".join(
        f"    {name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(main.replace("http {\n", f"http {{\n{own}", 1))
    (folder / "files.conf").write_text(
        (ROOT / "deploy/nginx/files.conf").read_text().replace("/var/lib/eyeballot", str(var))
    )
    upstreams = (ROOT / "deploy/nginx/upstreams.conf").read_text()
    upstreams = upstreams.replace("unix:/run/eyeballot/participants.sock", participants)
    (folder / "upstreams.conf").write_text(upstreams.replace("unix:/run/eyeballot/researchers.sock", researchers))
    return https, http


def _mime_types(folder: Path) -> Path:
    installed = Path("/etc/nginx/mime.types")
    if not installed.exists():
        installed = folder / "mime.types"
        installed.write_text("types { text/html html; text/css css; text/javascript js; image/png png; }\n")
    return installed


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(folder: Path, participants: str, researchers: str, var: Path) -> Iterator[Nginx]:
    """nginx with the documented configuration, as long as the block runs."""
    folder.mkdir(exist_ok=True)
    https, http = configure(folder, participants, researchers, var)
    process = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"])
    try:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", https), 1).close()
                break
            except OSError:
                assert process.poll() is None, "nginx ended at once; its words stand above."
                assert time.monotonic() < until, "nginx does not listen."
                time.sleep(0.05)
        yield Nginx(https, http, folder)
    finally:
        processes = family(process.pid)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            kill(processes)
            process.wait(5)
