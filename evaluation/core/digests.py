"""The digest of a study: what was analysed and what was exported are told apart by it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.core.dataset import StudyData, Trial


#: Metadata of a field that studies of earlier versions do not have.
LATER = {"later": True}


class Digest:
    """The digest of a study whose trials come one by one, in order of id: a million need not be there at once."""

    def __init__(self, study: StudyData) -> None:
        """Of everything but the trials; ``study`` in canonical order."""
        self._found = hashlib.sha256()
        self._trials = 0
        for part in dataclasses.fields(study):
            if part.name != "trials":
                value = getattr(study, part.name)
                rows = value if isinstance(value, tuple) else (value,)
                self._found.update(f"{part.name} {len(rows)}\n".encode())
                for row in rows:
                    self._found.update(_line(row))

    def add(self, trial: Trial) -> None:
        """The next trial."""
        self._trials += 1
        self._found.update(_line(trial))

    def hexdigest(self) -> str:
        """64 hex digits."""
        found = self._found.copy()
        found.update(f"trials {self._trials}\n".encode())
        return found.hexdigest()


def _line(row: Any) -> bytes:
    value = _told(row) if dataclasses.is_dataclass(row) else row
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain).encode() + b"\n"


def _told(row: Any) -> dict[str, Any]:
    """The fields of a row; one that came later says nothing where it is empty, so that earlier digests stand."""
    told = {f.name: (getattr(row, f.name), f.metadata) for f in dataclasses.fields(row)}
    return {name: value for name, (value, about) in told.items() if value or "later" not in about}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a study")
