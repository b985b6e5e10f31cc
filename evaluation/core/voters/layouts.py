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
class Family:
    """A default and its single changes, or a crossed grid. ``name``: what tells it from the others ('model zhang';
    empty where it is alone), ``base``: number of its default (-1: none), ``items``: numbers of its conditions."""

    name: str
    base: int
    items: IntArray
    factors: tuple[Factor, ...]

    def within(self) -> Family:
        """The family on its own: its base and its contrasts are numbered among ``items``."""
        base = int(np.searchsorted(self.items, self.base)) if self.base >= 0 else -1
        factors = tuple(Factor(f.name, f.levels, f.contrasts[:, self.items]) for f in self.factors)
        return Family(self.name, base, np.arange(len(self.items)), factors)


@dataclass(frozen=True)
class Layout:
    """How the grid varies its hyper-parameters: in one family, or in several that change them one at a time."""

    design: str
    families: tuple[Family, ...]

    @property
    def base(self) -> int:
        """Number of the first family's default, -1 in a crossed grid without one."""
        return self.families[0].base

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The factors of the first family: those of the grid where there is one."""
        return self.families[0].factors

    @property
    def names(self) -> list[str]:
        """The factors of all families, each once."""
        return list(dict.fromkeys(factor.name for family in self.families for factor in family.factors))


def layout(conditions: Sequence[Condition]) -> Layout | Reason:
    """How ``conditions`` (K, in grid order) vary their hyper-parameters; a reason where their effects are mixed up.

    One default and its single changes are a family. Where one does not reach all conditions, but splitting them by a
    hyper-parameter gives a family for each of its values (two models, whose layers are told in words of their own),
    there are several. A family alone may leave conditions out: those that change several things at once.
    """
    settings: list[dict[str, Scalar]] = [{"method": c.method, **c.params} for c in conditions]
    names = sorted({name for s in settings for name in s})
    names = [name for name in names if len({_level(s, name) for s in settings}) > 1]
    if len(names) < 2:
        return words.reason("NC_ONE_FACTOR")
    table = [tuple(_level(s, name) for name in names) for s in settings]
    default = next((i for i, c in enumerate(conditions) if c.is_default), -1)
    levels = [_ordered([row[f] for row in table]) for f in range(len(names))]
    everything = np.arange(len(table))
    if len(set(table)) == len(table) == int(np.prod([len(x) for x in levels])):
        crossed = [_marginal(names[f], levels[f], [row[f] for row in table]) for f in range(len(names))]
        return Layout(CROSSED, (Family("", default, everything, tuple(crossed)),))
    apart = np.array([[sum(x != y for x, y in zip(a, b, strict=True)) for b in table] for a in table])
    alone = _around(names, table, apart, everything, default)
    if not np.all(apart[alone.base] <= 1):
        texts = {name for name in names if all(isinstance(s.get(name), str) for s in settings)}
        for f in sorted(range(len(names)), key=lambda f: (names[f] not in texts, f)):
            alike = [g for g in range(len(names)) if (names[g] in texts) == (names[f] in texts)]
            if families := _split(names, table, apart, f, default, alike):
                return Layout(ONE_AT_A_TIME, families)
    # A family that is alone names its default by the grid, and keeps the numbers of all conditions.
    return Layout(ONE_AT_A_TIME, (alone,)) if len(alone.factors) > 1 else words.reason("NC_NOT_CROSSED")


def _around(
    names: Sequence[str],
    table: Sequence[tuple[str, ...]],
    apart: IntArray,
    items: IntArray,
    default: int,
    name: str = "",
) -> Family:
    """The single changes among ``items`` of the ``default``, or of the condition that most others are changes of."""
    near = apart[np.ix_(items, items)] == 1
    base = default if default in items else int(items[np.argmax(near.sum(axis=1))])
    own = [items[(apart[base, items] == 1) & [table[i][f] != table[base][f] for i in items]] for f in range(len(names))]
    return Family(
        name, base, items, tuple(_changes(names[f], f, base, at, table) for f, at in enumerate(own) if len(at))
    )


def _split(
    names: Sequence[str],
    table: Sequence[tuple[str, ...]],
    apart: IntArray,
    f: int,
    default: int,
    alike: Sequence[int],
) -> tuple[Family, ...]:
    """A family for each value of hyper-parameter ``f``, that of the default first; none where they are no families.

    Each has two factors or more and reaches all of its conditions. Where ``f`` never changes alone it may leave some
    out, but fewer than half: an incomplete crossed grid is no bundle of families.
    """
    own = np.array([row[f] for row in table])
    # What changes with it in every condition tells the families apart as well: those of its kind are named with it.
    n = len(set(own))
    with_it = [g for g in alike if len({row[g] for row in table}) == n == len({(row[f], row[g]) for row in table})]
    changes_alone = bool(np.any((apart == 1) & (own[:, None] != own[None, :])))
    families: list[Family] = []
    for value in _ordered(own.tolist()):
        items = np.flatnonzero(own == value)
        name = ", ".join(f"{names[g]} {table[items[0]][g]}" for g in with_it)
        family = _around(names, table, apart, items, default, name)
        reached = items[apart[family.base, items] <= 1]
        enough = len(reached) == len(items) if changes_alone else 2 * len(reached) > len(items)
        if len(family.factors) < 2 or not enough:
            return ()
        families.append(Family(family.name, family.base, reached, family.factors))
    return tuple(sorted(families, key=lambda family: family.base != default))


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
