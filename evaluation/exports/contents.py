"""What an export holds, file by file (specs/evaluation.md 3.1): each is made when it is asked for, so that a study of a
million trials is written in the memory of a small one."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import IO

from django.core.files.storage import storages

from evaluation.core import derived
from evaluation.core.analysis import SCHEMA
from evaluation.core.bundle import TABLES, Fact, People, chunks, explained, fact, study_json, table_chunks
from evaluation.core.bundle.scripts import PYTHON, R
from evaluation.core.digests import Digest
from evaluation.core.figures import chart_texts
from evaluation.exports import about
from evaluation.inputs import study_data, trials_of
from evaluation.models import Analysis
from evaluation.selectors import latest_analyses
from evaluation.services import figure_name
from generation.core.csv_text import csv_bytes
from generation.services.artifacts import ArtifactMissing, artifact_bytes
from studyplatform.voting.models import Study

#: A path and its bytes, piece by piece; the pieces of one are to be taken before the next part is asked for.
Part = tuple[str, Iterable[bytes]]
#: The votes wait in memory up to here, then on disk.
SPOOL = 8_000_000
#: The rows that come one participant after the other.
OF_PEOPLE = ("participants", "trials")


class Export:
    """One export of a study.

    ``choices``: with what tells which pictures were chosen, or everything but that. ``images``: with the pictures.
    ``created_at``: written into the manifest where it is given. ``digest``: of the data, once all parts were taken;
    without ``choices`` of everything but them.
    """

    def __init__(
        self, study: Study, *, choices: bool = True, images: bool = False, created_at: str | None = None
    ) -> None:
        self.study, self.choices, self.images, self.created_at = study, choices, images, created_at
        self.digest = ""
        self._data = study_data(study, trials=False)
        self._people = People(self._data, sealed=not choices)
        self._lines: list[list[str]] = []
        self._facts: dict[str, Fact] = {}

    def parts(self) -> Iterator[Part]:
        """All files, those that explain the others last."""
        for table in TABLES:
            if table.name not in OF_PEOPLE:
                yield self._table(table.name, table.path)
        with closing(SpooledTemporaryFile(SPOOL)) as votes:
            rows = derived.VoteRows(self._data)
            yield self._streamed("data/trials.csv", self._trials(rows, votes), self._types("trials"))
            yield self._streamed("data/participants.csv", chunks(iter(self._lines)), self._types("participants"))
            if self.choices:
                types = {name: derived.VOTES.get(name) or rows.types[name] for name in rows.header}
                columns = derived.schemas([derived.NAME])[derived.NAME]
                yield self._streamed(derived.NAME, iter(lambda: votes.read(1 << 16), b""), types, columns)
        analyses = self._analyses() if self.choices else []
        for path, content in self._results(analyses):
            yield self._whole(path, content)
        yield self._whole("study.json", study_json(self._data, self.digest))
        for path, content in about.papers(self.study, self.digest).items():
            yield self._whole(path, content)
        if self.choices:
            yield self._whole("code/analysis.R", R.encode())
            yield self._whole("code/analysis.py", PYTHON.encode())
        if self.images:
            yield from self._pictures()
        yield from self._explaining(analyses)

    def _table(self, name: str, path: str) -> Part:
        content = table_chunks(self._data, name)
        return (
            self._streamed(path, content, self._types(name))
            if name == "loss_curves"
            else self._whole(path, b"".join(content))
        )

    def _types(self, name: str) -> dict[str, str]:
        """The columns of a table that has no others than those of the registry."""
        known = {c.name: c.type for c in next(t for t in TABLES if t.name == name).all_columns}
        header = self._people.header(name) if name in OF_PEOPLE else known
        return {column: known[column] for column in header}

    def _trials(self, rows: derived.VoteRows, votes: IO[bytes]) -> Iterator[bytes]:
        """The one passage through the trials: their lines, and on the way whatever else is made of them."""
        digest = Digest(self._data)
        self._lines = [self._people.header("participants")]
        yield csv_bytes([self._people.header("trials")])
        votes.write(rows.csv([], header=True))
        for person, trials in trials_of(self.study, self._data):
            line, lines, counted = self._people.lines(person, trials)
            for trial in trials:
                # Whoever has all the rest could try choices until a digest of them fits.
                digest.add(trial if self.choices else dataclasses.replace(trial, choice=""))
            self._lines.append(line)
            if self.choices:
                votes.write(rows.csv(counted))
            if lines:
                yield csv_bytes(lines)
        votes.seek(0)
        self.digest = digest.hexdigest()

    def _analyses(self) -> list[Analysis]:
        """The analyses of exactly these data."""
        return [
            analysis
            for analysis in latest_analyses(self.study)
            if analysis.data_digest == self.digest and analysis.results["schema"] == SCHEMA
        ]

    def _results(self, analyses: Sequence[Analysis]) -> Iterator[tuple[str, bytes]]:
        """Tables and figures, in a folder per question where there are several."""
        if not self.choices:
            return
        of = {analysis.results["question"]["id"]: analysis for analysis in analyses}
        for question in self._data.asked:
            folder = f"{question.id}/" if len(self._data.asked) > 1 else ""
            flow = [vars(step) for step in self._people.flow(question.id)]
            tables = {"flow": derived.table_csv("flow", flow)}
            if question.id in of:
                tables = derived.tables(of[question.id].results) | tables
            for name, content in sorted(tables.items()):
                yield f"derived/{folder}{name}.csv", content
            if question.id in of:
                for name, content in _figures(of[question.id]):
                    yield f"figures/{folder}{name}", content

    def _pictures(self) -> Iterator[Part]:
        for sha256 in sorted({s.image_sha256 for s in self._data.stimuli if s.image_sha256}):
            try:
                yield self._whole(f"images/{sha256}.png", artifact_bytes(sha256))
            except ArtifactMissing:
                continue  # checksums.sha256 lists what is there

    def _explaining(self, analyses: Sequence[Analysis]) -> Iterator[Part]:
        rows = {table.name: len(getattr(self._data, table.field)) for table in TABLES} | {"trials": self._people.rows}
        files = explained(
            self._facts,
            self._data,
            rows,
            digest=self.digest,
            created_at=self.created_at,
            told=about.told(
                self.study, self._data, analyses, digest=self.digest, first_vote_at=self._people.first_vote_at,
                choices=self.choices, images=self.images,
            ),
            remarks=about.remarks(self.study, self._data, choices=self.choices, analysed=bool(analyses)),
        )  # fmt: skip
        for path, content in files.items():
            yield path, [content]

    def _whole(self, path: str, content: bytes) -> Part:
        self._facts[path] = fact(path, content, derived.schemas([path]).get(path, ((), ())))
        return path, [content]

    def _streamed(
        self, path: str, content: Iterable[bytes], types: Mapping[str, str], schema: derived.Schema = ((), ())
    ) -> Part:
        return path, self._noted(path, content, types, schema)

    def _noted(
        self, path: str, content: Iterable[bytes], types: Mapping[str, str], schema: derived.Schema
    ) -> Iterator[bytes]:
        found, size = hashlib.sha256(), 0
        for piece in content:
            found.update(piece)
            size += len(piece)
            yield piece
        self._facts[path] = Fact(size, found.hexdigest(), types, schema)


def _figures(analysis: Analysis) -> Iterator[tuple[str, bytes]]:
    """The figures that are kept of an analysis, with the data of each."""
    storage = storages["reports"]
    for stem in chart_texts(analysis.results):
        for name in (f"{stem}.svg", f"{stem}.csv"):
            path = figure_name(analysis, name)
            if storage.exists(path):
                with storage.open(path) as file:
                    yield name, file.read()
