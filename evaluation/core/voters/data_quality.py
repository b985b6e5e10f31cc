"""E15: how the answers were given: ties, response times, repeats, and one row per participant.

Nothing here leaves anybody out. Agreement with the others is reported and is no rule: dropping those who agree least
raises the error rate of a test from 5 to 26-40 % (specs/evaluation.md, decision 8 and 5.5).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evaluation.core import words
from evaluation.core.ballots import SHARE_LEFT, real_or_fake_set, repeated
from evaluation.core.dataset import StudyData, Trial
from evaluation.core.evidence import Evidence
from evaluation.core.sections import Json, Section
from evaluation.core.voters.habits import Habits, habits
from evaluation.core.voters.oddities import oddities, oddities_json
from evaluation.core.voters.residuals import Leads, leads
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Most participants that the page draws; the table has them all.
SHOWN = 2000
#: Edges of the histogram of response times, in ms: 1/8 of a decade each, from 0.1 to 100 s.
RT_EDGES = np.logspace(2, 5, 25)
#: Response times are told in so many equally filled steps of the distance between the two conditions.
DISTANCE_BINS = 5


def repeats(data: StudyData, question: str, people: frozenset[str]) -> tuple[int, int]:
    """Pairs shown to and answered by ``people`` twice, and in how many of them the choice of picture was the same."""
    pairs = repeated(t for t in data.trials if t.question == question and t.participant in people)
    return len(pairs), sum(_picture(second) == _picture(one) for one, second in pairs)


def data_quality_section(evidence: Evidence) -> Section:
    """Ties, times, repeats and the rows of the participants; the side effect is told with the ties."""
    voice = evidence.voice
    found = leads(evidence)
    kept = frozenset(evidence.people)
    odd = oddities(evidence, found)
    rows = _participants(evidence, habits(evidence.data), found, odd)
    y, times = _answers(evidence)
    ties = float(np.mean(y == 0.5)) if len(y) else None
    times = times[~np.isnan(times)]
    median = float(np.median(times)) if len(times) else None
    shown, same = repeats(evidence.data, evidence.question, kept)
    repeat: Json = {"n": shown, "same": same, "share": same / shown if shown else None}
    asked = None if shown else words.reason("NC_NOT_ASKED", what="the same pair twice")
    repeat |= {
        "reason": words.reason_json(asked, voice) if asked else None,
        "sentence": voice.say(asked.sentence if asked else f"Shown a pair again, {voice.voters} chose the same "
                              f"picture in {same} of {shown} cases."),
    }  # fmt: skip
    return Section(
        summary={
            "tie_rate": ties,
            "median_rt_ms": median,
            "repeats": repeat,
            "rt": _times(evidence, times, found),
            "oddities": oddities_json(odd, len(rows), voice),
            "participants": _shown(rows),
            "n_participants": len(rows),
            "n_participants_shown": min(SHOWN, len(rows)),
            "note": voice.say("Agreement with the others is reported and not used to exclude anybody."),
            "sentence": voice.say(_sentence(len(y), ties, median)),
        },
        rows={"participants_quality": rows},
    )


def _answers(evidence: Evidence) -> tuple[FloatArray, FloatArray]:
    """(V,) share of the left and (V,) response time in ms (NaN where unknown) of the votes that count."""
    if not evidence.asks_which_is_real:
        return evidence.votes.y, evidence.votes.rt_ms
    trials = real_or_fake_set(evidence.data, evidence.question)[0]
    times = [np.nan if t.rt_ms is None else t.rt_ms for t in trials]
    return np.array([SHARE_LEFT[t.choice] for t in trials], dtype=np.float64), np.array(times, dtype=np.float64)


def _times(evidence: Evidence, times: FloatArray, found: Leads) -> Json:
    """Histogram of response times on a log axis; median time and share of ties by distance of the two conditions."""
    votes = evidence.votes
    timed = ~np.isnan(votes.rt_ms)
    inside = np.clip(times, RT_EDGES[0], RT_EDGES[-1])
    counts = np.histogram(inside, RT_EDGES)[0]
    distance = np.abs(found.full)
    use = found.known & timed
    steps: list[Json] = []
    if use.any():
        # Ranks, not cut points: equal distances would leave a step empty.
        order = np.flatnonzero(use)[np.argsort(distance[use], kind="stable")]
        steps = [
            {
                "low": float(distance[part].min()),
                "high": float(distance[part].max()),
                "median_rt_ms": float(np.median(votes.rt_ms[part])),
                "tie_rate": float(np.mean(votes.y[part] == 0.5)),
                "n_votes": len(part),
            }
            for part in np.array_split(order, min(DISTANCE_BINS, len(order)))
        ]
    return {"edges_ms": RT_EDGES.tolist(), "counts": counts.tolist(), "by_distance": steps}


def _participants(evidence: Evidence, found: Habits, lead: Leads, odd: Mapping[str, tuple[str, ...]]) -> list[Json]:
    """One row for each who answered, in order of id."""
    data, votes = evidence.data, evidence.votes
    use = lead.known
    n, agree, loglik = held_out_fit(votes.y[use], lead.held_out[use], votes.person[use], len(votes.people))
    at = {person: i for i, person in enumerate(votes.people)}
    kept = frozenset(evidence.people)
    reason = {p.id: p.exclusion_reason for p in data.participants}
    rows = []
    for i, person in enumerate(found.people):
        j = at.get(person)
        judged = j is not None and n[j] > 0
        rows.append(
            {
                "participant": person,
                "n": int(found.n[i]),
                "catch_failed": int(found.catch_failed[i]),
                "n_catch": int(found.n_catch[i]),
                "left_rate": _number(found.left_rate[i]),
                "left_p": _number(found.left_p[i]),
                "longest_run": int(found.longest_run[i]),
                "median_rt_ms": _number(found.median_rt_ms[i]),
                "share_fast": _number(found.share_fast[i]),
                "loo_agreement": float(agree[j]) if judged else None,
                "loo_loglik": float(loglik[j]) if judged else None,
                "oddities": " ".join(odd.get(person, ())),
                "included": person in kept,
                "exclusion_reason": reason.get(person, ""),
            }
        )
    return rows


def held_out_fit(
    y: FloatArray, lead: FloatArray, person: IntArray, people: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Per participant (P,): votes, share that sides with the others' scale, mean log-likelihood under it.

    The log-likelihood is that of ``pw_outlier_analysis`` of pwcmp (Perez-Ortiz and Mantiuk 2017); guessing gives
    log(1/2) = -0.693. 0 where there are no votes.
    """
    n = np.bincount(person, minlength=people)
    credit = np.where(np.abs(lead) < 1e-9, 0.5, np.where(lead > 0, y, 1 - y))
    loglik = -(y * np.logaddexp(0.0, -lead) + (1 - y) * np.logaddexp(0.0, lead))
    each = np.maximum(n, 1)
    agree = np.bincount(person, weights=credit, minlength=people) / each
    return n.astype(np.intp), agree, np.bincount(person, weights=loglik, minlength=people) / each


def _shown(rows: list[Json]) -> list[Json]:
    """Those who were left out first, so that none of them is lost to the limit of the page."""
    return sorted(rows, key=lambda row: (row["exclusion_reason"] == "", row["participant"]))[:SHOWN]


def _sentence(n: int, ties: float | None, median: float | None) -> str:
    if ties is None:
        return words.reason("NC_NO_VOTES", group="All scenes").sentence
    time = f"; half of the votes took less than {median / 1000:.1f} s" if median is not None else ""
    return (f"Of {n} votes {100 * ties:.0f} % were ties" if ties else f"Of {n} votes none was a tie") + f"{time}."


def _picture(trial: Trial) -> str:
    return {"left": trial.left, "right": trial.right}.get(trial.choice, "")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
