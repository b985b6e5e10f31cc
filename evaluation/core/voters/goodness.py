"""Does one scale describe these votes? Fit of the pairs, circular triads, agreement of the judges (E1, E14).

G^2 and Pearson's X^2 compare observed with fitted pair tables of all scenes that have scores. Votes of one participant
are not independent and cells are sparse, so chi-square would reject too often: the reference is X^2 with the sign of
each participant's residuals drawn at random (wild bootstrap; Cameron, Gelbach and Miller 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import expit, xlogy

from evaluation.core import words
from evaluation.core.evidence import Evidence, VoteTable
from evaluation.core.scale.inference import Scale
from evaluation.core.sections import Json, Section
from evaluation.core.voters.concordance import (
    cycles,
    few_triads_p,
    fleiss_kappa,
    kendall_u,
    krippendorff_alpha,
    most_triads,
    triads_of_rows,
    zeta,
)
from evaluation.core.voters.heterogeneity import pair_counts
from evaluation.core.voters.residuals import item_numbers
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Below this p the reader is told that one scale does not do.
MISFIT = 0.01
#: Signs drawn times votes: what the reference may cost, and how many draws it needs at least.
WORK, LEAST_DRAWS = 200_000_000, 199
#: Fewer participants than this cannot make an arrow of a triad significant (two-sided sign test at .05).
ARROW_PEOPLE = 6
#: What Kendall's coefficients ask for.
COMPLETE = "all pairs of a scene, equally often, to the same participants"


@dataclass(frozen=True)
class Fit:
    """Observed against fitted pairs. ``df``: pairs that met, less the free scores. ``p``: by random signs."""

    g2: float
    x2: float
    df: int
    p: float | None
    draws: int
    n_votes: int


@dataclass(frozen=True)
class _Scene:
    """Votes of one scene on its scale. Arrays of length V: ``person`` (of the study), ``first`` < ``second`` (items),
    ``cell`` (number of the pair, 0..E-1) and ``residual`` of the first."""

    scale: Scale
    person: IntArray
    cell: IntArray
    residual: FloatArray
    pairs: IntArray
    won: FloatArray
    n: FloatArray
    p: FloatArray


def goodness_section(evidence: Evidence) -> Section:
    """Fit of one scale per scene, circular triads, Kendall's u, Krippendorff's alpha and Fleiss' kappa over pairs."""
    voice = evidence.voice
    fit = pair_fit(evidence)
    none = words.reason("NC_NO_VOTES", group="All scenes")
    short = words.reason("NC_NO_OVERLAP", needed="more pairs than scores are needed to test one scale")
    reason = None
    if fit is None or fit.p is None:
        reason = words.reason_json(none if not evidence.votes.n_votes else short, voice)
    if reason is not None or fit is None or fit.p is None:
        sentence = reason["sentence"] if reason else ""
    elif fit.p < MISFIT:
        sentence = voice.say(
            f"One scale does not describe these votes ({voice.voters} may be using two criteria; "
            f"{words.p_text(fit.p)}, {words.C1_WORDS})."
        )
    else:
        sentence = voice.say(
            f"Nothing speaks against one scale for these votes ({words.p_text(fit.p)}, {words.C1_WORDS})."
        )
    counts = pair_counts(evidence.votes)
    coefficients = {"krippendorff_alpha": krippendorff_alpha(counts), "fleiss_kappa": fleiss_kappa(counts)}
    alone = words.reason_json(words.reason("NC_NO_OVERLAP", needed="twice, with more than one outcome"), voice)
    summary: Json = {
        "fit": None
        if fit is None
        else {
            "g2": fit.g2, "x2": fit.x2, "df": fit.df, "p": fit.p, "n_resamples": fit.draws, "n_votes": fit.n_votes,
            "method": "Pearson's X2 against random signs of the participants' residuals",
        },
        "reason": reason,
        "triads": triads(evidence),
        **{name: {"value": v, "reason": alone if v is None else None} for name, v in coefficients.items()},
        "sentence": sentence,
    }  # fmt: skip
    return Section(summary)


def pair_fit(evidence: Evidence) -> Fit | None:
    """G^2 and X^2 over the pairs of all scenes that have scores, and p of X^2; None without such scenes."""
    scenes = [
        _scene(evidence.votes, s, scale)
        for s, name in enumerate(evidence.votes.scenes)
        if isinstance(scale := evidence.scales[name], Scale)
    ]
    if not scenes:
        return None
    g2 = sum(float(2 * np.sum(_divergence(s.won, s.n, s.p))) for s in scenes)
    x2 = sum(_pearson(s, (s.won - s.n * s.p)[None])[0] for s in scenes)
    df = sum(len(s.pairs) - len(s.scale.items) + 1 for s in scenes)
    n_votes = sum(len(s.person) for s in scenes)
    people = len(evidence.votes.people)
    if df <= 0 or people < words.MIN_PARTICIPANTS:
        return Fit(g2, x2, df, None, 0, n_votes)
    options = evidence.options
    draws = int(np.clip(WORK // max(1, n_votes), LEAST_DRAWS, max(LEAST_DRAWS, min(options.draws, 999))))
    rng = np.random.default_rng(options.seed)
    signs = rng.choice(np.array([-1.0, 1.0]), size=(people, draws))
    null = np.zeros(draws)
    for scene in scenes:
        null += _pearson(scene, _signed(scene, signs))
    # As in CR1: residuals from fitted scores are too small. Without it .15 of ten-participant studies are rejected at
    # .05 (tastes differ, 5 scenes); with it .055.
    null *= people / (people - 1)
    p = (1 + int(np.sum(null >= x2 - 1e-9))) / (draws + 1)
    return Fit(g2, x2, df, p, draws, n_votes)


def _scene(votes: VoteTable, s: int, scale: Scale) -> _Scene:
    number = item_numbers(votes, scale.items)
    at = np.flatnonzero((votes.scene == s) & (number[votes.left] >= 0) & (number[votes.right] >= 0))
    left, right, k = number[votes.left[at]], number[votes.right[at]], len(scale.items)
    first, second = np.minimum(left, right), np.maximum(left, right)
    y = np.where(left < right, votes.y[at], 1 - votes.y[at])
    found, cell = np.unique(first * k + second, return_inverse=True)
    pairs = np.column_stack([found // k, found % k])
    p = expit(scale.theta[pairs[:, 0]] - scale.theta[pairs[:, 1]])
    return _Scene(
        scale=scale,
        person=votes.person[at],
        cell=cell.astype(np.intp),
        residual=y - p[cell],
        pairs=pairs,
        won=np.bincount(cell, weights=y, minlength=len(found)).astype(np.float64),
        n=np.bincount(cell, minlength=len(found)).astype(np.float64),
        p=p,
    )


def _divergence(won: FloatArray, n: FloatArray, p: FloatArray) -> FloatArray:
    """(E,) binomial Kullback-Leibler divergence times n."""
    lost = n - won
    return np.asarray(xlogy(won, won / (n * p)) + xlogy(lost, lost / (n * (1 - p))))


def _pearson(scene: _Scene, residual: FloatArray) -> FloatArray:
    """(B,) X^2 of residuals (B, E) of the pairs."""
    return np.asarray(np.sum(residual**2 / (scene.n * scene.p * (1 - scene.p)), axis=1))


def _signed(scene: _Scene, signs: FloatArray) -> FloatArray:
    """(B, E) residuals of the pairs under participants' ``signs`` (P, B), less what fitting again would take up."""
    table = sparse.csr_array((scene.residual, (scene.cell, scene.person)), shape=(len(scene.pairs), signs.shape[0]))
    raw = np.asarray((table @ signs).T)
    k, (first, second) = len(scene.scale.items), scene.pairs.T
    design = sparse.csr_array(
        (
            np.concatenate([np.ones(len(first)), -np.ones(len(first))]),
            (np.tile(np.arange(len(first)), 2), np.concatenate([first, second])),
        ),
        shape=(len(first), k),
    )
    weight = scene.n * scene.p * (1 - scene.p)
    information = np.asarray((design.T @ (design * weight[:, None])).todense())
    gauge = bradley_terry.gauge_matrix(np.zeros(k, dtype=np.intp))
    step = np.linalg.solve(information + gauge, (design.T @ raw.T))
    return np.asarray(raw - weight * (design @ step).T)


def triads(evidence: Evidence) -> Json:
    """Circular triads of the majorities, and of participants who judged all pairs of a scene without a tie."""
    votes, labels = evidence.votes, evidence.scene_labels
    rows: list[Json] = []
    majority = significant = complete = own = 0
    wins = votes.wins()
    uneven = words.reason_json(words.reason("NC_NOT_ASKED", what=COMPLETE), evidence.voice)
    for s, scene in enumerate(votes.scenes):
        items = np.flatnonzero(votes.there[s])
        k = len(items)
        if k < 3:
            continue  # no triad
        table = wins[s][np.ix_(items, items)]
        arrows = _arrows(votes, s, items)
        rows_of = _complete(votes, s, items)
        found = np.rint(triads_of_rows(rows_of)).astype(np.intp)
        row: Json = {
            "scene": scene,
            "label": labels[scene],
            "majority": cycles((table > table.T).astype(float)),
            "significant": cycles(arrows),
            "most": most_triads(k),
            "kendall_u": kendall_u(table),
            "n_complete": len(rows_of),
            "own": int(found.sum()),
            "mean_zeta": float(np.mean(zeta(found.astype(float), k))) if len(found) else None,
            "n_consistent": sum(few_triads_p(int(d), k) < evidence.options.alpha for d in found),
            "reason": uneven if len(found) == 0 or kendall_u(table) is None else None,
        }
        rows.append(row)
        majority, significant = majority + row["majority"], significant + row["significant"]
        complete, own = complete + row["n_complete"], own + row["own"]
    text = "The majorities of no three conditions run in a circle."
    if majority:
        triads = "1 triad" if majority == 1 else f"{majority} triads"
        text = f"The majorities run in a circle in {triads} of conditions ({significant} beyond chance)."
    if complete:
        text += f" Circular triads of participants who judged all pairs of a scene: {own} in {complete} complete sets."
    return {
        "scenes": rows,
        "majority": majority,
        "significant": significant,
        "n_complete": complete,
        "own": own,
        "reason": None if complete else uneven,
        "sentence": evidence.voice.say(text),
    }


def _complete(votes: VoteTable, s: int, items: IntArray) -> FloatArray:
    """(J, k) wins of each item, for the participants who decided each pair of the scene exactly once."""
    k = len(items)
    number = np.full(len(votes.conditions), -1, dtype=np.intp)
    number[items] = np.arange(k)
    at = np.flatnonzero((votes.scene == s) & (votes.y != 0.5))
    left, right = number[votes.left[at]], number[votes.right[at]]
    cell = np.minimum(left, right) * k + np.maximum(left, right)
    people, person = np.unique(votes.person[at], return_inverse=True)
    n = np.bincount(person, minlength=len(people))
    different = np.bincount(np.unique(person * k * k + cell) // (k * k), minlength=len(people))
    full = (n == k * (k - 1) // 2) & (different == n)
    winner = np.where(votes.y[at] == 1, left, right)
    wins = np.bincount(person * k + winner, minlength=len(people) * k).reshape(len(people), k)
    return np.asarray(wins[full], dtype=np.float64)


def _arrows(votes: VoteTable, s: int, items: IntArray) -> FloatArray:
    """(k, k) 1 where the row beat the column beyond chance: z of participants' net votes under random signs."""
    k = len(items)
    number = np.full(len(votes.conditions), -1, dtype=np.intp)
    number[items] = np.arange(k)
    at = np.flatnonzero(votes.scene == s)
    left, right = number[votes.left[at]], number[votes.right[at]]
    cell = np.minimum(left, right) * k + np.maximum(left, right)
    net = np.where(left < right, votes.y[at] - 0.5, 0.5 - votes.y[at])
    own, place = np.unique(votes.person[at] * k * k + cell, return_inverse=True)
    sums = np.bincount(place, weights=net, minlength=len(own))
    where = own % (k * k)
    total = np.bincount(where, weights=sums, minlength=k * k)
    spread = np.sqrt(np.bincount(where, weights=sums**2, minlength=k * k))
    enough = np.bincount(where, minlength=k * k) >= ARROW_PEOPLE
    z = np.where(enough & (spread > 0), total / np.where(spread > 0, spread, 1.0), 0.0).reshape(k, k)
    return np.asarray((z > 1.96) | (z.T < -1.96), dtype=np.float64)
