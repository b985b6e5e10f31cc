"""How a grid varies its hyper-parameters: crossed, or one at a time from a default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.core import words
from evaluation.core.dataset import Condition, Scalar
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

CROSSED, ONE_AT_A_TIME = "factorial", "one_at_a_time"


@dataclass(frozen=True)
class Factor:
    """A hyper-parameter: its ``levels`` as texts and (L, K) the contrast of each over the conditions."""

    name: str
    levels: tuple[str, ...]
    contrasts: FloatArray


@dataclass(frozen=True)
class Layout:
    """How the grid varies its hyper-parameters. ``base``: number of the default, -1 in a crossed grid without one."""

    design: str
    base: int
    factors: tuple[Factor, ...]


def layout(conditions: Sequence[Condition]) -> Layout | Reason:
    """How ``conditions`` (K, in grid order) vary their hyper-parameters; a reason where their effects are mixed up."""
    settings: list[dict[str, Scalar]] = [{"method": c.method, **c.params} for c in conditions]
    names = sorted({name for s in settings for name in s})
    names = [name for name in names if len({_level(s, name) for s in settings}) > 1]
    if len(names) < 2:
        return words.reason("NC_ONE_FACTOR")
    table = [tuple(_level(s, name) for name in names) for s in settings]
    default = next((i for i, c in enumerate(conditions) if c.is_default), -1)
    levels = [_ordered([row[f] for row in table]) for f in range(len(names))]
    if len(set(table)) == len(table) == int(np.prod([len(x) for x in levels])):
        crossed = [_marginal(names[f], levels[f], [row[f] for row in table]) for f in range(len(names))]
        return Layout(CROSSED, default, tuple(crossed))
    apart = np.array([[sum(x != y for x, y in zip(a, b, strict=True)) for b in table] for a in table])
    base = default if default >= 0 else int(np.argmax(np.sum(apart == 1, axis=1)))
    alone = [
        np.flatnonzero((apart[base] == 1) & [row[f] != table[base][f] for row in table]) for f in range(len(names))
    ]
    found = [_changes(names[f], f, base, at, table) for f, at in enumerate(alone) if len(at)]
    return Layout(ONE_AT_A_TIME, base, tuple(found)) if len(found) > 1 else words.reason("NC_NOT_CROSSED")


def _level(setting: Mapping[str, Scalar], name: str) -> str:
    value = setting.get(name, "")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ordered(levels: Sequence[str]) -> list[str]:
    """Each level once, in grid order."""
    return list(dict.fromkeys(levels))


def _marginal(name: str, levels: Sequence[str], own: Sequence[str]) -> Factor:
    here = np.array([[value == level for value in own] for level in levels], dtype=np.float64)
    return Factor(name, tuple(levels), here / here.sum(axis=1, keepdims=True) - 1 / len(own))


def _changes(name: str, f: int, base: int, at: IntArray, table: Sequence[tuple[str, ...]]) -> Factor:
    contrasts = np.zeros((len(at) + 1, len(table)))
    contrasts[np.arange(len(at)) + 1, at] = 1.0
    contrasts[1:, base] = -1.0
    return Factor(name, (table[base][f], *(table[i][f] for i in at)), contrasts)
