"""Exports leave: as a streamed zip, as a folder, as one table; each is numbered and written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from evaluation.core.bundle import FORMATS, chunks, export_name, table_chunks
from evaluation.core.bundle.people import People
from evaluation.core.derived import NAME, VoteRows
from evaluation.exports.contents import OF_PEOPLE, Export, Part
from evaluation.exports.psychds import psychds_parts
from evaluation.exports.zipping import zipped
from evaluation.inputs import study_data, trials_of
from studyplatform.voting.models import ExportRecord, Study
from studyplatform.voting.selectors import EXPORTED
from studyplatform.voting.services.studies import audit

VOTES = Path(NAME).stem
#: Of so many trials and many metrics a table may have 2 GB.
LARGE = 500_000
#: How the files of an export are placed and named.
LAYOUTS: dict[str, Callable[[Export], Iterator[Part]]] = {"bundle": Export.parts, "psychds": psychds_parts}


def bundle_zip(export: Export, *, record: ExportRecord | None = None, layout: str = "bundle") -> Iterator[bytes]:
    """The export as one zip, piece by piece and the same bytes for the same data; its digest is written down with the
    last of them. ``layout``: one of ``LAYOUTS``."""
    folder = export_name(export.study.slug, simulated=export.study.simulated)
    # Unpacked beside each other, two layouts of a study do not mix.
    folder += "" if layout == "bundle" else f"_{layout}"
    parts = ((f"{folder}/{path}", content) for path, content in LAYOUTS[layout](export))
    yield from zipped(parts, large=export.study.trials.count() > LARGE)
    _finished(record, export)


def bundle_save(export: Export, folder: Path, *, record: ExportRecord | None = None, layout: str = "bundle") -> None:
    """The export as files in ``folder``; ``layout``: one of ``LAYOUTS``. Raises ``OSError`` where it cannot be
    written."""
    for path, content in LAYOUTS[layout](export):
        _write(folder / path, content)
    _finished(record, export)


def _write(path: Path, content: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for piece in content:
            file.write(piece)


def _finished(record: ExportRecord | None, export: Export) -> None:
    if record is not None:
        ExportRecord.objects.filter(pk=record.pk).update(data_digest=export.digest)


@transaction.atomic
def export_record(*, study: Study, contents: str, by: User | None) -> ExportRecord | None:
    """Number and note an export of people's votes before it leaves the house; a rehearsal is free and not noted."""
    if study.simulated:
        return None
    locked = Study.objects.select_for_update().get(pk=study.pk)
    number = locked.exports.count() + 1
    audit(study=locked, by=by, action=EXPORTED, comment=contents, data={"export": number})
    return ExportRecord.objects.create(study=locked, number=number, by=by, contents=contents)


def file_name(study: Study, what: str = "") -> str:
    """What a downloaded file is called, without its ending: the study, SIMULATED, the day, and what it holds."""
    parts = [export_name(study.slug, simulated=study.simulated), f"{timezone.now():%Y-%m-%d}", what]
    return "_".join(part for part in parts if part)


def table_stream(study: Study, name: str, *, sealed: bool = False) -> Iterator[bytes]:
    """One table of the study as CSV, line by line. ``KeyError`` for an unknown one."""
    if name == VOTES:
        return _votes(study)
    if name in OF_PEOPLE:
        return chunks(_of_people(study, name, sealed))
    return table_chunks(study_data(study, trials=False, curves=name == "loss_curves"), name)


def _of_people(study: Study, name: str, sealed: bool) -> Iterator[list[str]]:
    data = study_data(study, trials=False, curves=False)
    people = People(data, sealed=sealed)
    yield people.header(name)
    for person, trials in trials_of(study, data):
        line, lines, _ = people.lines(person, trials)
        if name == "participants":
            yield line
        else:
            yield from lines


def _votes(study: Study) -> Iterator[bytes]:
    data = study_data(study, trials=False, curves=False)
    people, rows = People(data), VoteRows(data)
    yield rows.csv([], header=True)
    for person, trials in trials_of(study, data):
        yield rows.csv(people.lines(person, trials)[2])


def votes_for(study: Study, format: str, question: str) -> Iterator[bytes]:  # noqa: A002
    """The votes of a question for another tool (``FORMATS``), as a zip."""
    parts: list[Part] = [
        (name, [content]) for name, content in FORMATS[format](study_data(study, curves=False), question).items()
    ]
    return zipped(parts)
