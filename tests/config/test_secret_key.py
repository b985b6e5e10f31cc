"""The secret key (F20): none in the repository, and changing it throws nobody out."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live_postgres import ROOT, python

pytestmark = pytest.mark.once

# Keys as they look when somebody has forgotten one: Django's, private keys, tokens of well-known services.
KEYS = re.compile(
    r"django-insecure-\S{20}|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|(?:SECRET|PASSWORD|TOKEN)(?:_KEY)?[\"']?\s*[:=]\s*[\"']?[A-Za-z0-9!@#$%^&*()_+=-]{32,}"
)
BEFORE, AFTER = "of-before-alone-" * 4, "of-afterwards--" * 4

# Under the key of before: somebody signed in, somebody taking part, their codes. It prints what they carry.
SEED = """
import json
from django.contrib.auth.models import User
from django.test import Client
from studyplatform.voting.identity import participant_key
from studyplatform.voting.models import Participant
from studyplatform.voting.selectors import exit_code
from django.conf import settings
User.objects.filter(username="keyholder").delete()
user = User.objects.create_superuser("keyholder")
client = Client()
client.force_login(user)
person = Client()
answer = person.post("/api/v1/studies/line/session/", {}, content_type="application/json", secure=True,
                     headers={"host": "127.0.0.1"})
assert answer.status_code == 201, answer.content
participant = Participant.objects.latest("pk")
print(json.dumps({"session": client.cookies[settings.SESSION_COOKIE_NAME].value, "key": participant_key(participant),
                  "token": participant.token, "exit": exit_code(participant.token)}))
"""
# Under the key of afterwards: who of them is still let in.
LATER = """
import json, sys
from django.conf import settings
from django.test import Client
from studyplatform.voting.selectors import exit_code
carried = json.loads(sys.argv[1])
client = Client()
client.cookies[settings.SESSION_COOKIE_NAME] = carried["session"]
signed_in = client.get("/admin/", secure=True, headers={"host": "127.0.0.1"}).status_code == 200
person = Client()
asked = {"secure": True, "headers": {"host": "127.0.0.1"}}
person.cookies["__Host-eyeballot-line"] = carried["key"]
cookie = person.get("/s/line/consent/", **asked).status_code == 200
bearer = {**asked, "headers": {"host": "127.0.0.1", "authorization": "Bearer " + carried["key"]}}
key = Client().post("/api/v1/studies/line/session/consent/", {}, content_type="application/json", **bearer)
keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
code = carried["exit"] in {exit_code(carried["token"], key=key) for key in keys}
print(json.dumps({"session": signed_in, "cookie": cookie, "key": key.status_code == 200, "code": code}))
"""


def keys_in(files: Iterator[Path]) -> list[str]:
    """Files that hold something like a key."""
    found = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # a picture; a file that is being written
        found += [f"{file}: {hit[0][:60]}" for hit in KEYS.finditer(text)]
    return found


@pytest.mark.fault("F20")
@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="needs the git repository")
def test_no_key_is_in_the_repository(tried: Callable[..., None]) -> None:
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    files = [ROOT / name for name in listing.stdout.splitlines()]
    assert len(files) > 100
    assert keys_in(iter(files)) == []
    tried("F20", files_searched=len(files), keys_found=0)


@pytest.mark.fault("F20", planted=True)
@pytest.mark.parametrize(
    "forgotten",
    [
        "SECRET_KEY = 'django-insecure-" + "x8" * 20 + "'",
        "EYEBALLOT_SECRET_KEY=" + "q7Z_" * 12,
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "AKIA" + "ABCDEFGH12345678",
    ],
)
def test_a_forgotten_key_is_found(tmp_path: Path, forgotten: str) -> None:
    (tmp_path / "settings.txt").write_text(f"a = 1\n{forgotten}\n")
    assert len(keys_in(tmp_path.iterdir())) == 1


def carried_over(environment: dict[str, str], **later: str) -> dict[str, bool]:
    """What still holds after the key was changed."""
    before = python({**environment, "EYEBALLOT_SECRET_KEY": BEFORE}, SEED)
    after = {**environment, "EYEBALLOT_SECRET_KEY": AFTER, **later}
    return dict(json.loads(python(after, LATER, [before.strip()])))


@pytest.mark.fault("F20")
def test_a_new_key_with_the_old_one_behind_it_throws_nobody_out(
    production: dict[str, str], tried: Callable[..., None]
) -> None:
    found = carried_over(production, EYEBALLOT_SECRET_KEY_FALLBACKS=BEFORE)
    assert found == dict.fromkeys(("session", "cookie", "key", "code"), True)
    tried("F20", keys_rotated=1, sessions_and_codes_lost=0)


@pytest.mark.fault("F20", planted=True)
def test_a_new_key_alone_is_seen_to_throw_people_out(production: dict[str, str]) -> None:
    assert carried_over(production) == dict.fromkeys(("session", "cookie", "key", "code"), False)
