"""A study with somebody of every kind in it, and its bundle taken apart."""

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from evaluation.exports import Export, bundle_zip
from generation.models import SourceImage
from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import Panel, Study
from studyplatform.voting.services import (
    consent_give,
    instructions_read,
    participant_exclude,
    participant_join,
    session_finish,
    session_withdraw,
    vote_undo,
)
from tests import factories

HOSTILE = ('=cmd|"/C calc"!A0', "+1", "-1", "@SUM(A1)", "\t=1", "'=1", 'a "quoted",\nline', "Ünï 漢字", "=1+1")
PANEL_ID = "5f3e2d1c0b9a88776655"


@pytest.fixture
def study(owner: User) -> Study:
    """The study of most tests here: open, with one question."""
    return made(owner)


def made(owner: User, *, questions: Sequence[str] = ("natural",), **fields: Any) -> Study:
    """An open study with somebody of every kind: from a panel, by a direct link, excluded, withdrawn, unfinished."""
    grid = factories.rendered_grid("wild", owner=owner, contents=("cat", "coffee", "rocket"))
    values = {"show_photograph": True, "trials_per_session": 6, "allow_ties": True, "allow_undo": True} | fields
    study = factories.study(owner=owner, grid=grid, state="open", questions=questions, **values)
    for choice in ("left", "right", "tie", "left"):
        factories.finished(study, choice=choice)
    out, gone = study.participants.order_by("-pk")[:2]
    participant_exclude(participant=out, by=owner, reason="=failed", code="too_fast")
    session_withdraw(session=gone.session)
    begun = factories.participant(study)
    factories.cast(begun, "left")
    vote_undo(session=begun.session)
    factories.cast(begun, "right")
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    who = participant_join(study=study, arrival=Arrival("prolific", PANEL_ID, {"STUDY_ID": "s1s1s1s1s1"}))
    consent_give(session=who.session)
    instructions_read(session=who.session)
    factories.cast(who, "left", client={"input": "mouse", "zooms": 2, "blur_ms": 40, "load_ms": 90}, rt_ms=321)
    factories.answer_all(who, "right")
    session_finish(session=who.session)
    return Study.objects.get(pk=study.pk)


def closed(study: Study) -> Study:
    """The same study once it takes no more votes, so that nothing of it is sealed."""
    Study.objects.filter(pk=study.pk).update(state="closed")
    return Study.objects.get(pk=study.pk)


def zip_files(export: Export, layout: str = "bundle") -> dict[str, bytes]:
    """The files of the zip, named from its folder on."""
    archive = zipfile.ZipFile(io.BytesIO(b"".join(bundle_zip(export, layout=layout))))
    assert archive.testzip() is None
    return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def unpack(files: dict[str, bytes], folder: Path) -> Path:
    """The files as they lie on a disk."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def rows(content: bytes) -> list[dict[str, str]]:
    """The lines of a table by the names of its columns."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def write_hostile_texts(study: Study) -> None:
    """Labels, a licence and a credit that a spreadsheet would run or a careless writer would tear apart."""
    for i, stimulus in enumerate(study.stimuli.all()):
        stimulus.label = HOSTILE[i % len(HOSTILE)] + str(i)
        stimulus.save()
    SourceImage.objects.update(licence="=1+1", credit="@SUM(A1)")
    scene = study.stimuli.first().scene  # type: ignore[union-attr]
    scene.label = HOSTILE[0]
    scene.save()


def no_formulas(files: Mapping[str, bytes]) -> None:
    """Fail at the first cell that a spreadsheet would run."""
    number = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")
    checked = 0
    for name, content in files.items():
        if name.endswith(".csv"):
            for line in csv.reader(io.StringIO(content.decode(), newline="")):
                for cell in line:
                    checked += 1
                    assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r") or number.fullmatch(cell), (name, cell)
    assert checked > 2000
