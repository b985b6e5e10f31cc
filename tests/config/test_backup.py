"""Backups: what comes back is what was there, and what damages a backup or would lose data is refused in words."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection

from evaluation.core.options import Options
from evaluation.services import analysis_run, figures_stored
from generation.models import Artifact
from generation.services import artifact_bytes
from studyplatform.config.keeping import KeepingError, backup_make, backup_restore, databases
from studyplatform.voting.models import Participant, Stimulus, Study, Tombstone, Vote
from studyplatform.voting.services import participant_erase, study_transition
from tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.fault("F29"),
    pytest.mark.usefixtures("postgres_programs"),
]
Say = Callable[..., str]


@pytest.fixture
def study() -> Study:
    """Three people, one of them half-way, and an analysis."""
    study = factories.study(state="open")
    factories.finished(study)
    factories.finished(study, choice="right")
    factories.cast(factories.participant(study))
    return study


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*command: str) -> str:
        call_command(*command)
        return capsys.readouterr().out

    return run


def votes() -> list[tuple[Any, ...]]:
    return list(Vote.objects.order_by("submitted_at").values_list("uuid", "trial", "choice", "submitted_at"))


def lose_everything(tmp_path: Path) -> None:
    call_command("flush", interactive=False, verbosity=0)
    for kind in ("masters", "stimuli", "reports", "default"):
        if (tmp_path / kind).exists():
            (tmp_path / kind).rename(tmp_path / f"lost-{kind}")


def stored(kind: str, name: str) -> bytes:
    with storages[kind].open(name) as file:
        return bytes(file.read())


def test_everything_comes_back(study: Study, tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch):
    study_transition(study=study, to="closed", by=study.owner)
    [analysis] = analysis_run(study=study, options=Options(draws=199))
    storages["default"].save("data/own.json", ContentFile(b"{}"))
    before, shown = votes(), stored("stimuli", Stimulus.objects.earliest("pk").path)
    folder = tmp_path / "kept"
    assert " rows of " in say("backup", str(folder))
    assert f"{len(before)} of them votes" in say("backup", "--check", str(folder))
    lose_everything(tmp_path)
    monkeypatch.chdir(next(path.parent for path in folder.glob("*/manifest.json")))
    assert "files; the others were here" in say("restore", ".")
    assert votes() == before
    assert stored("stimuli", Stimulus.objects.earliest("pk").path) == shown
    assert stored("default", "data/own.json") == b"{}"
    assert all(artifact_bytes(sha) for sha in Artifact.objects.filter(stored=True).values_list("pk", flat=True))
    assert figures_stored(study.analyses.get(pk=analysis.pk))
    factories.study("another", state="open")  # and it goes on: the sequences know their place


def test_people_go_on_where_they_were(study: Study, tmp_path: Path, say: Say):
    half = study.participants.latest("pk")
    say("backup", str(tmp_path / "kept"))
    lose_everything(tmp_path)
    say("restore", str(tmp_path / "kept"))
    factories.answer_all(Participant.objects.get(pk=half.pk))
    factories.finished(Study.objects.get())
    assert Vote.objects.count() == 4 * 4


def test_a_second_backup_copies_only_what_is_new(study: Study, tmp_path: Path):
    folder = tmp_path / "kept"
    backup_make(folder=folder)
    there = {path: path.stat().st_mtime_ns for path in folder.glob("files/*/*")}
    factories.source("something new")
    backup_make(folder=folder)
    now = {path: path.stat().st_mtime_ns for path in folder.glob("files/*/*")}
    assert len(now) == len(there) + 1
    assert {path: now[path] for path in there} == there
    assert not list(folder.glob(".part-*"))
    assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_a_full_database_is_not_overwritten_by_accident(study: Study, tmp_path: Path, say: Say):
    say("backup", str(tmp_path / "kept"))
    before = votes()
    factories.cast(study.participants.latest("pk"))
    for words in ([], ["--replace", "yes"], ["--replace", "lose 9 votes"]):
        with pytest.raises(CommandError, match=r'would be lost: .*10 of voting_vote.*--replace "lose 10 votes"'):
            say("restore", str(tmp_path / "kept"), *words)
    with pytest.raises(KeepingError, match="not empty"):
        backup_restore(folder=tmp_path / "kept")
    assert Vote.objects.count() == 10
    say("restore", str(tmp_path / "kept"), "--replace", "lose 10 votes")
    assert votes() == before


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "a bit turned": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
    ),
    "cut": lambda data: data[: len(data) // 2],
    "gone": lambda data: None,
}


@pytest.mark.fault("F29", planted=True)
def test_a_damaged_backup_is_seen_before_anything_changes(study: Study, tmp_path: Path, tried: Callable[..., None]):
    backup, _ = backup_make(folder=tmp_path / "kept")
    call_command("flush", interactive=False, verbosity=0)
    parts = [min(backup.glob("database.*")), backup / "files.tsv", min(backup.parent.glob("files/*/*"))]
    cases = [(part, damage) for part in parts for damage in DAMAGES]
    cases += [(backup / "manifest.json", damage) for damage in ("cut", "gone")]
    for part, damage in cases:
        whole = part.read_bytes()
        damaged = DAMAGES[damage](whole)
        part.unlink() if damaged is None else part.write_bytes(damaged)
        for command in (["backup", "--check"], ["restore"]):
            with pytest.raises(CommandError, match=r"damaged|lacks|no backup|cannot be read"):
                call_command(*command, str(backup))
        part.write_bytes(whole)
    assert not Study.objects.exists()
    tried("F29", damages_seen=len(cases))


@pytest.mark.fault("F29", planted=True)
def test_a_backup_that_lost_rows_is_seen(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """All hashes are right; what is in it is not what was counted."""
    database = databases.ours()
    dump = database.dump

    def forgets(path: Path) -> Any:
        last = Vote.objects.latest("pk")
        found = dump(path)
        assert found.rows["voting_vote"] == 9
        last.delete()
        path.unlink()
        dump(path)
        return found

    monkeypatch.setattr(database, "dump", forgets)
    backup_make(folder=tmp_path / "kept")
    with pytest.raises(CommandError, match="voting_vote: 8 instead of 9"):
        call_command("backup", "--check", str(tmp_path / "kept"))


@pytest.mark.fault("F26")
def test_whoever_was_erased_does_not_come_back(study: Study, tmp_path: Path, say: Say):
    gone, stays = study.participants.order_by("pk")[:2]
    token = gone.token
    folder = tmp_path / "kept"
    say("backup", str(folder))
    participant_erase(participant=gone, by=study.owner)
    assert Tombstone.objects.get().votes == 4
    call_command("flush", interactive=False, verbosity=0)
    assert "1 participants who were erased after it was taken are erased again" in say("restore", str(folder))
    assert not Participant.objects.filter(token=token).exists()
    assert Participant.objects.filter(token=stays.token).exists()
    assert Tombstone.objects.get().votes == 4
    assert Vote.objects.count() == 5
    # On a new machine too: the marks are in the newest backup, and an older one follows them.
    older = min(folder.glob("2*"))
    say("backup", str(folder))
    call_command("flush", interactive=False, verbosity=0)
    (tmp_path / "default").rename(tmp_path / "lost-default")
    say("restore", str(older))
    assert not Participant.objects.filter(token=token).exists()


@pytest.mark.fault("F26", planted=True)
def test_without_the_marks_somebody_erased_is_back(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gone = study.participants.earliest("pk")
    token = gone.token
    backup_make(folder=tmp_path / "kept")
    monkeypatch.setattr("studyplatform.voting.services.people.mark_leave", lambda token: None)
    participant_erase(participant=gone)
    call_command("flush", interactive=False, verbosity=0)
    backup_restore(folder=tmp_path / "kept")
    assert Participant.objects.filter(token=token).exists()


def test_old_backups_are_forgotten_and_never_the_newest(study: Study, tmp_path: Path, say: Say):
    folder = tmp_path / "kept"
    backup, _ = backup_make(folder=folder)
    old = (datetime.now(UTC) - timedelta(days=40)).strftime("%Y-%m-%dT%H%M%SZ")
    backup.rename(folder / old)
    only_there = folder / "files/ab/ab12"
    only_there.parent.mkdir(exist_ok=True)
    only_there.write_bytes(b"of a deleted study")
    assert "1 older than 30 days deleted" in say("backup", str(folder), "--keep", "30")
    assert not (folder / old).exists()
    assert not only_there.exists()
    say("backup", "--check", str(folder))
    with pytest.raises(CommandError, match="at least 1"):
        say("backup", str(folder), "--keep", "0")
    with pytest.raises(CommandError, match="--check makes no backup and deletes none"):
        say("backup", str(folder), "--check", "--keep", "30")


def test_a_backup_of_an_older_version_is_migrated_and_a_newer_one_refused(study: Study, tmp_path: Path, say: Say):
    folder = tmp_path / "kept"
    call_command("migrate", "voting", "0005", verbosity=0)
    try:
        say("backup", str(folder))
    finally:
        call_command("migrate", verbosity=0)
    before = votes()
    say("restore", str(folder), "--replace", "lose 9 votes")
    assert votes() == before
    [manifest] = folder.glob("2*/manifest.json")
    data = json.loads(manifest.read_text())
    assert "voting.0006_joins" not in data["migrations"]
    manifest.write_text(json.dumps(data | {"migrations": [*data["migrations"], "voting.9999_from_the_future"]}))
    with pytest.raises(CommandError, match=r"newer version .*9999_from_the_future.*Install that version"):
        say("restore", str(folder), "--replace", "lose 9 votes")


def test_what_cannot_be_done_is_said_in_words(study: Study, tmp_path: Path, settings: Any):
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    for command in (["backup", "--check"], ["restore"]):
        with pytest.raises(CommandError, match="no backup in" if command[0] == "backup" else "not empty"):
            call_command(*command, str(nothing))
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match=r"could not be made .*Nothing of it was kept"):
        call_command("backup", str(tmp_path / "file"))
    if connection.vendor != "postgresql":
        return
    settings.EYEBALLOT_PG_BIN = str(nothing)
    with pytest.raises(CommandError, match=r"no pg_dump in EYEBALLOT_PG_BIN .*Install PostgreSQL's client"):
        call_command("backup", str(tmp_path / "kept"))
    old = nothing / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    old.chmod(0o755)
    with pytest.raises(CommandError, match=r"of version 9, the server of version \d+"):
        call_command("backup", str(tmp_path / "kept"))
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [".lock"]


def test_a_backup_that_is_killed_leaves_no_half(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "kept"
    good, _ = backup_make(folder=folder)

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeepingError, match="No space left on device"):
            backup_make(folder=folder)
    (folder / ".part-killed").mkdir()
    assert [path.name for path in folder.glob("2*")] == [good.name]
    backup_make(folder=folder)
    assert not list(folder.glob(".part-*"))
