"""Votes as counts on the pairs that met, and which items they connect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]


#: Up to this many items a dense table is the fastest way.
SMALL = 150


@dataclass(frozen=True)
class Pairs:
    """Counts on the E distinct pairs of ``n_items`` items that met; memory is linear in E.

    ``first``, ``second``: (E,) item numbers, first < second, in lexicographic order. ``wins``: (E,) how often the first
    beat the second, ``losses``: (E,) the reverse; a tie is half of each.
    """

    n_items: int
    first: IntArray
    second: IntArray
    wins: FloatArray
    losses: FloatArray

    @cached_property
    def games(self) -> FloatArray:
        """(E,) votes on each pair."""
        return self.wins + self.losses

    @cached_property
    def row_starts(self) -> npt.NDArray[np.int32]:
        """(n_items + 1,) where the pairs of each first item begin: the pairs are rows of a sparse matrix."""
        counts = np.bincount(self.first, minlength=self.n_items)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    def net(self, flow: FloatArray) -> FloatArray:
        """(n_items,) sum of ``flow`` (E,) over each item's pairs: plus for the first, minus for the second."""
        gain = np.bincount(self.first, weights=flow, minlength=self.n_items)
        return np.asarray(gain - np.bincount(self.second, weights=flow, minlength=self.n_items))

    def both(self, amount: FloatArray) -> FloatArray:
        """(n_items,) sum of ``amount`` (E,) over each item's pairs."""
        own = np.bincount(self.first, weights=amount, minlength=self.n_items)
        return np.asarray(own + np.bincount(self.second, weights=amount, minlength=self.n_items))

    def table(self) -> FloatArray:
        """(n_items, n_items) dense table of wins, row over column."""
        wins = np.zeros((self.n_items, self.n_items))
        wins[self.first, self.second] = self.wins
        wins[self.second, self.first] = self.losses
        return wins


def count_pairs(
    n_items: int, left: IntArray, right: IntArray, y: FloatArray, weight: FloatArray | None = None
) -> Pairs:
    """Counts on pairs from votes.

    ``left``, ``right``: (V,) item numbers; ``y``: (V,) share of the vote that goes left (1, 0, or 1/2 for a tie);
    ``weight``: (V,) optional multiplicities. Raises ``ValueError`` for an item compared with itself, an item number
    outside 0..n_items - 1, or ``y`` outside [0, 1].
    """
    _check_votes(n_items, left, right, y)
    turned = left > right
    first, second = np.where(turned, right, left), np.where(turned, left, right)
    row, column, wins, games = sum_votes(
        first, second, (n_items, n_items), np.where(turned, 1.0 - y, y), np.ones(len(y)) if weight is None else weight
    )
    return Pairs(n_items, row, column, wins, games - wins)


def pairs_of_table(wins: FloatArray) -> Pairs:
    """Counts on pairs from a dense (n, n) table of wins, row over column."""
    first, second = np.nonzero(np.triu(wins + wins.T, 1))
    return Pairs(len(wins), first, second, wins[first, second], wins[second, first])


def count_wins(
    n_items: int, left: IntArray, right: IntArray, y: FloatArray, weight: FloatArray | None = None
) -> FloatArray:
    """Table of wins (n_items, n_items): entry (i, j) is how often i beat j. Arguments as in :func:`count_pairs`."""
    return count_pairs(n_items, left, right, y, weight).table()


def sum_votes(
    row: IntArray, column: IntArray, shape: tuple[int, int], share: FloatArray, weight: FloatArray
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Votes with the same (row, column) summed: rows, columns, sum of share x weight, sum of weight.

    Entries come in lexicographic order; those without weight are left out.
    """
    size = shape[0] * shape[1]
    if size <= 4 * len(row):
        cell = row * shape[1] + column
        games = np.asarray(np.bincount(cell, weights=weight, minlength=size), dtype=np.float64)
        there = np.flatnonzero(games)
        won = np.asarray(np.bincount(cell, weights=share * weight, minlength=size)[there], dtype=np.float64)
        return there // shape[1], there % shape[1], won, games[there]
    # One pass over the votes sums both: the real part carries the wins, the imaginary part the games.
    both = coo_array((weight * (share + 1j), (row.astype(np.int32), column.astype(np.int32))), shape=shape).tocsr()
    both.sum_duplicates()
    kept = both.data.imag != 0
    rows = np.repeat(np.arange(shape[0]), np.diff(both.indptr))[kept]
    return rows, both.indices[kept].astype(np.intp), both.data.real[kept].copy(), both.data.imag[kept].copy()


def comparison_components(pairs: Pairs | FloatArray) -> IntArray:
    """Label (n,) of each item's connected component in the graph of comparisons, whoever won.

    ``pairs``: counts on pairs, or a dense (n, n) table of wins.
    """
    counts = pairs if isinstance(pairs, Pairs) else pairs_of_table(pairs)
    return _labels(_graph(counts.n_items, counts.first, counts.second), strong=False)


def strong_components(pairs: Pairs | FloatArray) -> IntArray:
    """Label (n,) of each item's strongly connected component in the directed graph 'beat at least once'.

    ``pairs``: counts on pairs, or a dense (n, n) table of wins.
    """
    counts = pairs if isinstance(pairs, Pairs) else pairs_of_table(pairs)
    won, lost = counts.wins > 0, counts.losses > 0
    winners = np.concatenate([counts.first[won], counts.second[lost]])
    losers = np.concatenate([counts.second[won], counts.first[lost]])
    return _labels(_graph(counts.n_items, winners, losers), strong=True)


def connectivity(pairs: Pairs) -> tuple[IntArray, BoolArray]:
    """Connected component of each item (n,), and which items (n,) lie outside its largest strong component."""
    one = np.zeros(pairs.n_items, dtype=np.intp)
    if _everyone_reaches_everyone(pairs):
        return one, one > 0
    strong = strong_components(pairs)
    if not strong.any():
        return one, one > 0
    component = comparison_components(pairs)
    size = np.bincount(strong)[strong]
    order = np.lexsort((strong, -size, component))
    largest = strong[order[np.unique(component[order], return_index=True)[1]]]
    return component, np.asarray(strong != largest[component])


def _everyone_reaches_everyone(pairs: Pairs) -> bool:
    """A quick yes for few items, by table: the first item reaches all by wins, and all reach it. No is no answer."""
    if pairs.n_items > SMALL:
        return False
    beat = np.zeros((pairs.n_items, pairs.n_items), dtype=bool)
    beat[pairs.first, pairs.second] = pairs.wins > 0
    beat[pairs.second, pairs.first] = pairs.losses > 0
    for table in (beat, beat.T):
        seen, new = np.arange(pairs.n_items) == 0, 1
        while new:
            reached = seen | table[seen].any(axis=0)
            seen, new = reached, int(reached.sum() - seen.sum())
        if not seen.all():
            return False
    return True


def gauge_matrix(component: IntArray) -> FloatArray:
    """The (n, n) matrix that makes a comparison Laplacian invertible without moving its solutions of mean zero."""
    same = component[:, None] == component[None, :]
    return np.asarray(same / same.sum(axis=1, keepdims=True))


def centred(theta: FloatArray, component: IntArray) -> FloatArray:
    """``theta`` (n,) with mean zero in each component."""
    mean = np.bincount(component, weights=theta) / np.bincount(component)
    return np.asarray(theta - mean[component])


def _check_votes(n_items: int, left: IntArray, right: IntArray, y: FloatArray) -> None:
    if np.any(left == right):
        raise ValueError("an item cannot be compared with itself")
    if len(left) and (min(left.min(), right.min()) < 0 or max(left.max(), right.max()) >= n_items):
        raise ValueError(f"item numbers lie between 0 and {n_items - 1}")
    if len(y) and not (y.min() >= 0 and y.max() <= 1):
        raise ValueError("the share that goes left lies between 0 and 1")


def _graph(n_items: int, source: IntArray, target: IntArray) -> csr_array:
    ends = (source.astype(np.int32), target.astype(np.int32))
    return csr_array((np.ones(len(source)), ends), shape=(n_items, n_items))


def _labels(graph: csr_array, *, strong: bool) -> IntArray:
    labels = connected_components(graph, directed=strong, connection="strong")[1]
    return np.asarray(labels, dtype=np.intp)
