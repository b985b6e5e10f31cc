"""Backups that are damaged or made up by somebody else: each is refused in a sentence, and nothing leaves its place."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as ours
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from studyplatform.config.keeping import backup_check, backup_make, backup_restore, databases
from studyplatform.voting.models import Participant, Study
from studyplatform.voting.services import participant_erase
from tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.fault("F29"),
    pytest.mark.usefixtures("postgres_programs"),
]
EVIL = b"evil"
SHA = hashlib.sha256(EVIL).hexdigest()
LINES = {
    "another storage": f"staticfiles\tevil.js\t{SHA}\t4",
    "no storage": f"nope\tevil.js\t{SHA}\t4",
    "out of its folder": f"default\t../evil.js\t{SHA}\t4",
    "an absolute name": f"default\t/tmp/evil.js\t{SHA}\t4",
    "no name": f"default\t\t{SHA}\t4",
    "a hash that is a path": "default\tevil.js\t../../manifest.json\t4",
    "no size": f"default\tevil.js\t{SHA}\tfour",
    "too few columns": "default\tevil.js",
}
MANIFESTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "parts are a list": lambda data: {"parts": ["files.tsv"]},
    "a part elsewhere": lambda data: {"parts": data["parts"] | {"../secret": SHA}},
    "the list is no part": lambda data: {"parts": {k: v for k, v in data["parts"].items() if k != "files.tsv"}},
    "hashes are numbers": lambda data: {"parts": dict.fromkeys(data["parts"], 1)},
    "rows are a number": lambda data: {"rows": 7},
    "rows are words": lambda data: {"rows": dict.fromkeys(data["rows"], "many")},
    "migrations are a word": lambda data: {"migrations": "all"},
    "the time is a number": lambda data: {"at": 7},
}


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    factories.study(state="open")
    made, _ = backup_make(folder=tmp_path / "kept")
    place = made.parent / "files" / SHA[:2]
    place.mkdir(exist_ok=True)
    (place / SHA).write_bytes(EVIL)
    return made


def say(backup: Path, change: dict[str, Any]) -> None:
    manifest = backup / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))


def refused(backup: Path) -> None:
    for command in (["backup", "--check"], ["restore"]):
        with pytest.raises(CommandError, match=r"is damaged .*backup|is damaged: .*backup"):
            call_command(*command, str(backup))


@pytest.mark.fault("F29", planted=True)
def test_a_list_that_names_what_is_none_of_ours_is_refused(backup: Path, tmp_path: Path):
    whole = (backup / "files.tsv").read_text()
    parts = json.loads((backup / "manifest.json").read_text())["parts"]
    call_command("flush", interactive=False, verbosity=0)
    for line in LINES.values():
        (backup / "files.tsv").write_text(f"{whole}{line}\n")
        say(backup, {"parts": parts | {"files.tsv": hashlib.sha256((backup / "files.tsv").read_bytes()).hexdigest()}})
        refused(backup)
    assert not Study.objects.exists()
    assert not [*tmp_path.rglob("evil*"), *Path(ours.STATIC_ROOT).rglob("evil*")]


@pytest.mark.fault("F29", planted=True)
def test_a_manifest_of_other_kinds_is_refused(backup: Path):
    whole = (backup / "manifest.json").read_text()
    call_command("flush", interactive=False, verbosity=0)
    for change in MANIFESTS.values():
        (backup / "manifest.json").write_text(whole)
        say(backup, change(json.loads(whole)))
        refused(backup)


@pytest.mark.parametrize("damage", ["gone", "cut", "a line of another"])
def test_a_damaged_backup_beside_a_good_one_is_named(damage: str, tmp_path: Path):
    """It may be the only one that knows of an erasure, so nobody passes it over in silence."""
    folder = tmp_path / "kept"
    gone = factories.participant(factories.study(state="open"))
    storages["default"].save("data/own.json", ContentFile(EVIL))
    good, _ = backup_make(folder=folder)
    participant_erase(participant=gone)
    other, _ = backup_make(folder=folder)
    shutil.rmtree(storages["default"].path("erased"))
    call_command("flush", interactive=False, verbosity=0)
    part = other / "files.tsv"
    lines = part.read_text().splitlines(keepends=True)
    assert any("erased/" in line for line in lines)
    if damage == "gone":
        part.unlink()
    else:
        part.write_text("".join(line for line in lines if "erased/" not in line) if damage == "cut" else "default\tx\n")
    with pytest.raises(CommandError, match=rf"{other.name} beside this backup is damaged .*Move {other.name} out of"):
        call_command("restore", str(good))
    assert not Study.objects.exists()
    backup_make(folder=folder)  # the newest is damaged, and that keeps nobody from making another
    other.rename(tmp_path / other.name)
    call_command("restore", str(good))
    assert Participant.objects.count() == 1


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), OperationalError("it is away"), sqlite3.OperationalError("disk is full")]
)
def test_what_fails_on_the_way_is_said_in_words(error: Exception, backup: Path, monkeypatch: pytest.MonkeyPatch):
    database = databases.ours()

    def fails(*args: Any, **kwargs: Any) -> None:
        raise error

    for name, command, words in (
        ("dump", ["backup"], "Nothing of it was kept"),
        ("scratch", ["backup", "--check"], "drill could not be carried to its end"),
        ("load", ["restore", "--replace", "lose 0 votes"], "did not come to its end"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(database, name, fails)
            with pytest.raises(CommandError, match=words):
                call_command(command[0], str(backup.parent), *command[1:])
    with monkeypatch.context() as patch:
        patch.setattr("fcntl.flock", lambda *asked: fails())
        with pytest.raises(CommandError, match="Nothing of it was kept"):
            call_command("backup", str(backup.parent))


def test_what_a_bucket_says_is_said_in_words(backup: Path, monkeypatch: pytest.MonkeyPatch):
    exceptions = pytest.importorskip("botocore.exceptions")

    def away(*args: Any) -> None:
        raise exceptions.EndpointConnectionError(endpoint_url="https://objects.example.org")

    monkeypatch.setattr(storages["reports"], "listdir", away)
    with pytest.raises(CommandError, match=r"Could not connect .*Nothing of it was kept"):
        call_command("backup", str(backup.parent))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's tools")
def test_the_tools_of_a_newer_postgresql_serve_an_older_server(tmp_path: Path, settings: Any):
    """A pg_restore of tomorrow sets what the server has never heard of."""
    newer, real = tmp_path / "newer", Path(settings.EYEBALLOT_PG_BIN)
    newer.mkdir()
    for tool in ("pg_dump", "psql"):
        (newer / tool).symlink_to(real / tool)
    (newer / "pg_restore").write_text(
        f'#!/bin/sh\nset -e\n{real}/pg_restore "$@"\n[ "$1" = --version ] && exit\n'
        'for a in "$@"; do case "$a" in --file=*) f="${a#--file=}";; esac; done\n'
        "sed -i '0,/^SET statement_timeout/s//SET timeout_of_tomorrow = 0;\\nSET statement_timeout/' \"$f\"\n"
        'grep -q timeout_of_tomorrow "$f"\n'
    )
    (newer / "pg_restore").chmod(0o755)
    settings.EYEBALLOT_PG_BIN = str(newer)
    factories.study()
    made, _ = backup_make(folder=tmp_path / "kept")
    backup_check(folder=made)
    backup_restore(folder=made, replace=True)
    assert Study.objects.count() == 1
