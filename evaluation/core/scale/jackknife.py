"""Participants as clusters: the delete-one-participant jackknife (CR3) and the participant bootstrap as its check.

Both work on each participant's own pairs only; no array has the shape (participants, conditions, conditions).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree

from evaluation.core.ballots import ParticipantPairs
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import BoolArray, FloatArray, IntArray, Pairs

#: Numbers in each array of a batch: bounds the memory, and what is small stays in the cache.
BATCH = 200_000


def covariance(fit: bradley_terry.Fit, people: ParticipantPairs) -> tuple[FloatArray, FloatArray, FloatArray]:
    """CR3 covariance, model covariance and participants' contributions (E1).

    ``people``: counts whose sum gave ``fit``. Returns (K, K), (K, K), (P, K). theta without p is one Newton step from
    theta-hat on the others' votes; CR3 = (P - 1)/P sum (theta_(-p) - mean)(.)' (Bell and McCaffrey 2002; Cameron and
    Miller 2015).
    """
    n_people, k = people.n_participants, people.pairs.n_items
    gauge = bradley_terry.gauge_matrix(fit.component)
    centre = np.eye(k) - gauge
    hessian = fit.information + fit.ridge * np.eye(k) + gauge
    inverse = np.asarray(np.linalg.inv(hessian), dtype=np.float64)
    without = _steps_without(fit, people, hessian, inverse)
    deviation = (without - without.mean(axis=0)) @ centre
    influence = -np.sqrt((n_people - 1) / n_people) * deviation if n_people > 1 else np.zeros((n_people, k))
    return influence.T @ influence, centre @ inverse @ centre, influence


def bootstrap(fit: bradley_terry.Fit, people: ParticipantPairs, *, draws: int, seed: int) -> FloatArray:
    """(draws, K) strengths refitted to participants drawn with replacement; ``people``: counts that gave ``fit``.

    Draws in which an item won or lost everything carry the ridge, as the estimate itself would.
    """
    rng = np.random.default_rng(seed)
    shape = (people.n_participants, len(people.pairs.first))
    wins = csr_array((people.wins, (people.participant, people.pair)), shape=shape)
    games = csr_array((people.games, (people.participant, people.pair)), shape=shape)
    even = np.full(people.n_participants, 1.0 / people.n_participants)
    size = max(1, BATCH // max(shape[0], shape[1], people.pairs.n_items**2))
    found = []
    for begin in range(0, draws, size):
        weight = rng.multinomial(people.n_participants, even, size=min(size, draws - begin)).astype(np.float64)
        won, played = np.asarray(weight @ wins), np.asarray(weight @ games)
        found.append(bradley_terry.fit_replicates(fit.pairs, won, played - won, start=fit.theta, ridge=fit.ridge))
    return np.concatenate(found)


def _steps_without(
    fit: bradley_terry.Fit, people: ParticipantPairs, hessian: FloatArray, inverse: FloatArray
) -> FloatArray:
    """(P, K) theta_(-p) - theta-hat: one Newton step on the votes of all but p. ``hessian``: of all votes, regular."""
    residual = people.wins - people.games * fit.win[people.pair]
    weight = people.games * (fit.win * (1.0 - fit.win))[people.pair]
    first, second = fit.pairs.first[people.pair], fit.pairs.second[people.pair]
    without = np.zeros((people.n_participants, len(hessian)))
    needed = _indispensable(fit, people)
    for who, at in _batches(people, np.setdiff1d(np.arange(people.n_participants), needed)):
        there = at >= 0
        r, w = np.where(there, residual[at], 0.0), np.where(there, weight[at], 0.0)
        if at.shape[1] < len(hessian):
            without[who] = -_by_pairs(inverse, first[at], second[at], r, w)
        else:
            without[who] = -_by_items(hessian, first[at], second[at], r, w)
    for p in needed:
        at = np.arange(people.starts[p], people.starts[p + 1])[None, :]
        others = hessian - _laplacians(len(hessian), first[at], second[at], weight[at])[0]
        # pinv: without p an item would hang in the air, and then p moves it by nothing rather than by infinity.
        without[p] = (
            -np.linalg.pinv(others, rcond=1e-8, hermitian=True)
            @ _net(len(hessian), first[at], second[at], residual[at])[0]
        )
    return without


def _by_pairs(inverse: FloatArray, first: IntArray, second: IntArray, r: FloatArray, w: FloatArray) -> FloatArray:
    """(H - B W B')^-1 B r of each participant by Woodbury: a system as large as the pairs he or she met.

    ``inverse``: H^-1 (k, k); (c, m) each: ``first`` and ``second`` of the pairs (B), ``r``, ``w`` (the diagonal of W).
    """
    k, flat = len(inverse), inverse.reshape(-1)
    rows_first, rows_second = k * first[:, :, None], k * second[:, :, None]
    system = flat.take(rows_first + second[:, None, :])  # turned into 1 - W B' H^-1 B in place
    system += flat.take(rows_second + first[:, None, :])
    system -= flat.take(rows_first + first[:, None, :])
    system -= flat.take(rows_second + second[:, None, :])
    system *= w[:, :, None]
    system.reshape(len(r), -1)[:, :: r.shape[1] + 1] += 1.0
    share = np.asarray(np.linalg.solve(system, r[..., None])[..., 0], dtype=np.float64)
    return np.asarray(_net(k, first, second, share) @ inverse)


def _by_items(hessian: FloatArray, first: IntArray, second: IntArray, r: FloatArray, w: FloatArray) -> FloatArray:
    """The same by a system as large as the items, which is the smaller one for long sessions."""
    k = len(hessian)
    pull = _net(k, first, second, r)
    return np.asarray(np.linalg.solve(hessian - _laplacians(k, first, second, w), pull[..., None])[..., 0])


def _laplacians(k: int, first: IntArray, second: IntArray, w: FloatArray) -> FloatArray:
    """(c, k, k) information of each row of pairs (c, m)."""
    row = np.arange(len(first))[:, None]
    matrix = np.zeros((len(first), k, k))
    # Padding repeats a pair with weight zero, hence the sums.
    for a, b, sign in ((first, second, -1.0), (second, first, -1.0), (first, first, 1.0), (second, second, 1.0)):
        cell = (row * k + a) * k + b
        matrix += sign * np.bincount(cell.ravel(), weights=w.ravel(), minlength=matrix.size).reshape(matrix.shape)
    return matrix


def _net(k: int, first: IntArray, second: IntArray, r: FloatArray) -> FloatArray:
    """(c, k) pull of each row of residuals (c, m): plus for the first item, minus for the second."""
    size, row = len(first) * k, np.arange(len(first))[:, None] * k
    gain = np.bincount((row + first).ravel(), weights=r.ravel(), minlength=size)
    return np.asarray((gain - np.bincount((row + second).ravel(), weights=r.ravel(), minlength=size)).reshape(-1, k))


def _batches(people: ParticipantPairs, who: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """``who`` in batches of about as many pairs each: their numbers (c,) and their cells (c, m), -1 where fewer."""
    count = np.diff(people.starts)
    ordered = who[np.argsort(count[who], kind="stable")]
    k = people.pairs.n_items
    begin = 0
    while begin < len(ordered):
        m = max(1, int(count[ordered[begin]]))
        size = max(1, BATCH // (min(m, k) ** 2 + k))
        some = ordered[begin : begin + size]
        # A batch is as wide as its longest row: keep it from growing far beyond its first.
        some = some[count[some] <= m + max(4, m // 4)]
        width = np.arange(max(1, int(count[some].max())))
        at = people.starts[some][:, None] + width
        yield some, np.where(width < count[some][:, None], at, -1)
        begin += len(some)


def _indispensable(fit: bradley_terry.Fit, people: ParticipantPairs) -> IntArray:
    """Participants without whom the comparisons fall apart: at most one for each edge of a spanning forest.

    A ridge holds everything together, so there are none under one.
    """
    pairs = fit.pairs
    if fit.ridge > 0 or people.n_participants == 0:
        return np.zeros(0, dtype=np.intp)
    voters = np.bincount(people.pair, minlength=len(pairs.first))
    alone = voters[people.pair] == 1
    owner = np.full(len(pairs.first), -1)
    owner[people.pair[alone]] = people.participant[alone]
    # A forest that avoids pairs of one voter wherever it can: who is not needed in it is not needed at all.
    cost = csr_array((np.where(owner >= 0, 2.0, 1.0), (pairs.first, pairs.second)), shape=(pairs.n_items,) * 2)
    forest = minimum_spanning_tree(cost).tocoo()
    number = pairs.first * pairs.n_items + pairs.second
    tree = np.searchsorted(number, forest.row.astype(np.intp) * pairs.n_items + forest.col)
    candidates = np.unique(owner[tree][owner[tree] >= 0])
    parts = fit.component.max(initial=0)
    needed = [p for p in candidates if _parts(pairs, owner != p) > parts]
    return np.array(needed, dtype=np.intp)


def _parts(pairs: Pairs, kept: BoolArray) -> int:
    left = Pairs(pairs.n_items, pairs.first[kept], pairs.second[kept], pairs.wins[kept], pairs.losses[kept])
    return int(bradley_terry.comparison_components(left).max(initial=0))
