"""A session's answers as bytes, so that a page need not read a million rows to look at sessions that are over.

Nothing is added up: what is unpacked are the answers themselves, and whoever counts them counts as before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studyplatform.voting.core.answers import CODES, Answers, IntArray

_WHOLE = ("turn", "rt_ms", "repeats", "question", "left", "right", "hour")
_CODED = ("kind", "choice", "expected")
_LAYOUT = np.dtype([(name, "<i4") for name in _WHOLE] + [(name, "i1") for name in _CODED])
#: Bytes of another form are not understood: it goes with the columns and with what each code means.
FORM = hashlib.sha256(repr((_LAYOUT.descr, CODES)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Moments:
    """Answers (V,), and the hour in which each was stored, counted from 1970 in UTC (V,)."""

    answers: Answers
    hour: IntArray


def packed(of: Moments) -> bytes | None:
    """The answers of one participant; ``None`` where a number is larger than there is room for."""
    found = np.empty(len(of.hour), _LAYOUT)
    for name in (*_WHOLE, *_CODED):
        column = of.hour if name == "hour" else getattr(of.answers, name)
        found[name] = column
        if (found[name] != column).any():
            return None
    return found.tobytes()


def unpacked(people: Sequence[int], kept: Sequence[bytes]) -> Moments:
    """The answers of all these people, each by what :func:`packed` made of theirs."""
    found = np.frombuffer(b"".join(kept), _LAYOUT)
    each = np.fromiter((len(one) // _LAYOUT.itemsize for one in kept), np.int64, len(kept))
    columns = {name: found[name].astype(np.int64) for name in (*_WHOLE, *_CODED)}
    hour = columns.pop("hour")
    return Moments(Answers(np.repeat(np.fromiter(people, np.int64, len(people)), each), **columns), hour)


def together(parts: Sequence[Moments]) -> Moments:
    """The answers of one or more parts, no participant in two of them, ordered by participant, each as in the part."""
    parts = [part for part in parts if len(part.hour)] or list(parts[:1])
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([part.answers.participant for part in parts]), kind="stable")
    names = Answers.__dataclass_fields__
    columns = (np.concatenate([getattr(part.answers, name) for part in parts])[order] for name in names)
    return Moments(Answers(*columns), np.concatenate([part.hour for part in parts])[order])
