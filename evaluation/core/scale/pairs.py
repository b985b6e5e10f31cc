"""``pairs.csv``: who beat whom how often, pair by pair, as the votes say it and no model (specs/evaluation.md 3.2).

The share of a pair is a ratio with participants as the sampling unit; its error is the larger of the clustered one and
the binomial one (decision 6), its interval t(P - 1) on the logit scale. Where all votes went one way the ratio has no
spread: interval and p are then the exact ones of the sign test with participants as the units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit, logit

from evaluation.core import words
from evaluation.core.evidence import Evidence, VoteTable
from evaluation.core.metrics.ceilings import pair_numbers
from evaluation.core.sections import OK, Section, benjamini_hochberg, refused
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

Json = dict[str, Any]
#: More pairs than this are no table anybody reads; the votes themselves are in votes_analysis.csv.
MOST_ROWS = 5000


@dataclass(frozen=True)
class Pairs:
    """The N compared pairs of conditions of each scene, in order; all arrays (N,).

    ``scene``, ``first`` < ``second``: numbers of the vote table. ``wins_1`` counts a tie as half. ``low``, ``high``:
    interval of ``share``, the share of the first; with ``p`` (two-sided, of 'half') NaN below eight participants.
    """

    scene: IntArray
    first: IntArray
    second: IntArray
    wins_1: FloatArray
    ties: IntArray
    n: IntArray
    people: IntArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    p: FloatArray


def pairs(votes: VoteTable, *, level: float = 0.95) -> Pairs:
    """Shares of all compared pairs with their errors; work and memory grow with the votes, not with people x pairs."""
    k = len(votes.conditions)
    y = np.where(votes.left > votes.right, 1.0 - votes.y, votes.y)
    number, at = np.unique(pair_numbers(votes), return_inverse=True)
    size = len(number)
    n = np.bincount(at, minlength=size)
    wins = np.bincount(at, weights=y, minlength=size).astype(np.float64)
    share = wins / np.maximum(n, 1)
    # One cell per person and pair that met: e_p = sum_p y - share n_p.
    cell, inside = np.unique(at * max(1, len(votes.people)) + votes.person, return_inverse=True)
    of_pair = cell // max(1, len(votes.people))
    own = np.bincount(inside, weights=y) - share[of_pair] * np.bincount(inside)
    people = np.bincount(of_pair, minlength=size)
    clustered = people / np.maximum(people - 1, 1) * np.bincount(of_pair, weights=own**2, minlength=size)
    variance = np.maximum(clustered, n * share * (1 - share)) / np.maximum(n, 1) ** 2
    bounds, p = _tested(share, np.sqrt(variance), people, level)
    return Pairs(
        scene=(number // (k * k)).astype(np.intp),
        first=(number // k % k).astype(np.intp),
        second=(number % k).astype(np.intp),
        wins_1=wins,
        ties=np.bincount(at, weights=votes.y == 0.5, minlength=size).astype(np.intp),
        n=n.astype(np.intp),
        people=people.astype(np.intp),
        share=share,
        low=bounds[0],
        high=bounds[1],
        p=p,
    )


def _tested(
    share: FloatArray, se: FloatArray, people: IntArray, level: float
) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
    """Bounds and p-values (N,), which agree: p is below 1 - ``level`` where the interval leaves out one half."""
    low, high, p = (np.full(len(share), np.nan) for _ in range(3))
    many = people >= words.MIN_PARTICIPANTS
    mixed = many & (share > 0) & (share < 1)
    centre, df = logit(share[mixed]), people[mixed] - 1
    spread = se[mixed] / (share[mixed] * (1 - share[mixed]))
    reach = stats.t.ppf(0.5 + level / 2, df) * spread
    low[mixed], high[mixed] = expit(centre - reach), expit(centre + reach)
    p[mixed] = 2 * stats.t.sf(np.abs(centre) / spread, df)
    alone = many & ~mixed
    tail = ((1 - level) / 2) ** (1 / people[alone])
    low[alone], high[alone] = np.where(share[alone] == 1, tail, 0.0), np.where(share[alone] == 1, 1.0, 1 - tail)
    p[alone] = 2 * 0.5 ** people[alone]
    return (low, high), p


def pairs_section(evidence: Evidence) -> Section:
    """Rows of ``pairs.csv`` and how many pairs differ.

    The correction (Benjamini and Hochberg) is over all pairs of the study that have a p. Up to :data:`MOST_ROWS` pairs
    are listed, otherwise none.
    """
    votes, voice = evidence.votes, evidence.voice
    found = pairs(votes, level=1 - evidence.options.alpha)
    q = benjamini_hochberg([None if np.isnan(p) else float(p) for p in found.p])
    tested = [value for value in q if value is not None]
    different = sum(value < evidence.options.alpha for value in tested)
    summary: Json = {
        "n_pairs": len(q),
        "n_tested": len(tested),
        "n_different": different,
        "n_similar": len(tested) - different,
        "listed": len(q) <= MOST_ROWS,
    }
    sentence = f"{len(q)} {'pair of images was' if len(q) == 1 else 'pairs of images were'} compared"
    if tested:
        sentence += (
            f"; in {different} of the {len(tested)} with {words.MIN_PARTICIPANTS} participants or more, one is "
            f"preferred (false discoveries held to {100 * evidence.options.alpha:g} %; {words.C1_WORDS})"
        )
    if not summary["listed"]:
        sentence += f". They are more than {MOST_ROWS} and not listed; votes_analysis.csv has every vote"
    summary["sentence"] = voice.say(f"{sentence}.")
    return Section(summary, {"pairs": _rows(evidence, found, q) if summary["listed"] else []})


def _rows(evidence: Evidence, found: Pairs, q: list[float | None]) -> list[Json]:
    votes = evidence.votes
    item = _items(evidence)
    rows: list[Json] = []
    for i, value in enumerate(q):
        scene = votes.scenes[found.scene[i]]
        first, second = (votes.conditions[c[i]] for c in (found.first, found.second))
        testable = value is not None
        rows.append(
            {
                "scene_id": scene,
                "item_1": item[scene, first],
                "item_2": item[scene, second],
                "condition_1": first,
                "condition_2": second,
                "wins_1": float(found.wins_1[i]),
                "wins_2": float(found.n[i] - found.wins_1[i]),
                "ties": int(found.ties[i]),
                "n": int(found.n[i]),
                "n_participants": int(found.people[i]),
                "p_1": float(found.share[i]),
                "ci_low": float(found.low[i]) if testable else None,
                "ci_high": float(found.high[i]) if testable else None,
                "p_value": float(found.p[i]) if testable else None,
                "q_bh": value,
                "class": None if value is None else "different" if value < evidence.options.alpha else "similar",
            }
            | (OK if testable else refused(words.few_participants(int(found.people[i]))))
        )
    return rows


def _items(evidence: Evidence) -> dict[tuple[str, str], str]:
    """(scene, condition) -> the stimulus that stands for it: its first replicate."""
    found: dict[tuple[str, str], str] = {}
    for s in sorted(evidence.data.stimuli, key=lambda s: (s.replicate, s.id)):
        if s.role == "grid":
            found.setdefault((s.scene, s.condition), s.id)
    return found
