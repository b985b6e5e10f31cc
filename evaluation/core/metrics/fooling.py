"""E16: how often is a generated picture called real? (Zhang, Isola and Efros 2016; Isola et al. 2017.)

Trials of the kind real_fake show a picture of the grid beside one that is not of the grid (the photograph itself) and
ask which is real. A tie is half a call to each. Participants are the sampling unit (claim level C1).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from evaluation.core import words
from evaluation.core.ballots import SHARE_LEFT, real_or_fake_set
from evaluation.core.clusters import meat, t_interval, t_p
from evaluation.core.dataset import Trial
from evaluation.core.evidence import BoolArray, Evidence, MetricValues
from evaluation.core.sections import OK, Json, Section, Test, refused
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

METHOD = "participants as clusters (CR1), t(P-1)"
SCORE_METHOD = "Wilson's score with the trials' effective number, participants as clusters (CR1), t(P-1)"


@dataclass(frozen=True)
class Calls:
    """Trials of real against generated. Arrays of length V: ``person``, ``scene``, ``condition`` (numbers; the latter
    two of the vote table), ``real``: share of the call that went to the generated picture (1, 0, 1/2)."""

    people: int
    person: IntArray
    scene: IntArray
    condition: IntArray
    real: FloatArray


def calls(evidence: Evidence) -> Calls:
    """The trials behind the fooling rates: of the participants of the analysis set, answered, not replaced."""
    votes = evidence.votes
    rows = [_called(evidence, trial) for trial in real_or_fake_set(evidence.data, evidence.question)[0]]
    at_scene = {s: i for i, s in enumerate(votes.scenes)}
    at = {c: i for i, c in enumerate(votes.conditions)}
    names = {p: i for i, p in enumerate(sorted({row[0] for row in rows}))}
    return Calls(
        people=len(names),
        person=np.array([names[row[0]] for row in rows], dtype=np.intp),
        scene=np.array([at_scene[row[1]] for row in rows], dtype=np.intp),
        condition=np.array([at[row[2]] for row in rows], dtype=np.intp),
        real=np.array([row[3] for row in rows], dtype=np.float64),
    )


def _called(evidence: Evidence, trial: Trial) -> tuple[str, str, str, float]:
    """Participant, scene, condition of the one picture of the grid, and the share of the call that it got."""
    left, right = (evidence.data.stimulus[name] for name in (trial.left, trial.right))
    share = SHARE_LEFT[trial.choice]
    shown = (left.condition, share) if left.role == "grid" else (right.condition, 1 - share)
    return (trial.participant, trial.scene, *shown)


def fooling_section(evidence: Evidence) -> Section:
    """Rates per condition, paired differences between conditions, and how metrics go with being called real."""
    voice, found = evidence.voice, calls(evidence)
    reason = None
    if not found.people:
        reason = words.reason("NC_NOT_ASKED", what="a real picture beside a generated one")
    elif found.people < words.MIN_PARTICIPANTS:
        reason = words.few_participants(found.people)
    if reason is not None:
        said = words.reason_json(reason, voice)
        row = _row("rate", n_trials=len(found.real), n_participants=found.people) | _status(refused(reason))
        rows = [row] if found.people else []
        return Section({"rates": [], "metrics": [], "reason": said, "sentence": said["sentence"]}, {"fooling": rows})
    shown = np.unique(found.condition)
    rate, influence = rates(found, shown)
    tests: list[Test] = []
    table: list[Json] = []
    for i, c in enumerate(shown.tolist()):
        name = evidence.votes.conditions[c]
        label = evidence.labels[name]
        row, test = _tested(found, found.condition == c, rate[i], influence[:, i], 0.5, rate=True)
        text = f"{label} was called real in {_of(rate[i], row)}"
        table.append(_row("rate", condition_1=name) | row)
        told = _told(test, f"{text}.", evidence, unit="share called real")
        # What such a question is asked for: the rates. Whatever is compared afterwards is exploratory.
        tests.append(replace(told, confirmatory=evidence.asks_which_is_real and evidence.as_planned))
    for i, j in itertools.combinations(range(len(shown)), 2):
        first, second = (evidence.votes.conditions[shown[x]] for x in (i, j))
        use = np.isin(found.condition, shown[[i, j]])
        row, test = _tested(found, use, rate[i] - rate[j], influence[:, i] - influence[:, j], 0.0)
        often = "more often" if rate[i] >= rate[j] else "less often"
        text = f"{evidence.labels[first]} was called real {often} than {evidence.labels[second]} by "
        text += f"{100 * abs(rate[i] - rate[j]):.0f} of 100 trials"
        if row.get("p_raw") is not None:
            text += f" ({words.p_text(row['p_raw'])}, {words.C1_WORDS})"
        table.append(_row("difference", condition_1=first, condition_2=second) | row)
        tests.append(_told(test, f"{text}.", evidence, unit="difference of shares", hypothesis="fooling_differences"))
    for metric in evidence.metrics:
        row, metric_test = _metric_row(found, metric, evidence)
        table.append(row)
        tests += [metric_test] if metric_test else []
    labelled = [row | {"label": evidence.labels[row["condition_1"]]} for row in table if row["kind"] == "rate"]
    everything = float(found.real.mean())
    most = max(labelled, key=lambda row: row["estimate"])
    sentence = voice.say(
        f"Generated pictures were called real in {100 * everything:.0f} of 100 trials by {found.people} participants; "
        f"most often {most['label']} ({100 * most['estimate']:.0f} of 100; {words.C1_WORDS})."
    )
    summary: Json = {
        "rates": labelled,
        "metrics": [row for row in table if row["kind"] == "metric"],
        "rate": everything,
        "n_trials": len(found.real),
        "n_participants": found.people,
        "reason": None,
        "sentence": sentence,
    }
    return Section(summary, {"fooling": table}, tuple(tests))


def rates(found: Calls, conditions: IntArray) -> tuple[FloatArray, FloatArray]:
    """(K,) share called real of each of ``conditions``, and (P, K) what each participant adds to it."""
    number = np.full(int(conditions.max()) + 1, -1, dtype=np.intp)
    number[conditions] = np.arange(len(conditions))
    at = number[found.condition]
    n = np.bincount(at, minlength=len(conditions))
    rate = np.bincount(at, weights=found.real, minlength=len(conditions)) / n
    off = (found.real - rate[at]) / n[at]
    flat = np.bincount(found.person * len(n) + at, weights=off, minlength=found.people * len(n))
    return rate, np.asarray(flat.reshape(found.people, len(n)), dtype=np.float64)


def metric_agreement(found: Calls, cells: FloatArray) -> tuple[float, FloatArray] | None:
    """How often, of two trials in one scene of which one picture was called real and the other not, the one called real
    has the lower metric (``cells`` (S, K), ties 1/2); and (P,) what each participant adds to it. None without such.

    The rule of E6 for pictures that were judged one at a time: the area under the ROC curve within scenes, pooled.
    """
    s, k = cells.shape
    where = found.scene * k + found.condition
    called = np.bincount(where, weights=found.real, minlength=s * k).reshape(s, k)
    not_called = np.bincount(where, weights=1 - found.real, minlength=s * k).reshape(s, k)
    lower = np.where(
        cells[:, :, None] < cells[:, None, :], 1.0, np.where(cells[:, :, None] == cells[:, None, :], 0.5, 0)
    )
    gain_called = np.einsum("sij,sj->si", lower, not_called)  # what one more call of i would win
    gain_not = np.einsum("sij,si->sj", lower, called)
    total = float(np.sum(called.sum(axis=1) * not_called.sum(axis=1)))
    if total == 0:
        return None
    share = float(np.sum(called * gain_called)) / total
    gain_called -= share * not_called.sum(axis=1, keepdims=True)
    gain_not -= share * called.sum(axis=1, keepdims=True)
    each = found.real * gain_called.ravel()[where] + (1 - found.real) * gain_not.ravel()[where]
    return share, np.bincount(found.person, weights=each, minlength=found.people) / total


def _metric_row(found: Calls, metric: MetricValues, evidence: Evidence) -> tuple[Json, Test | None]:
    use = metric.usable[found.scene] & ~np.isnan(metric.cells[found.scene, found.condition])
    people, person = np.unique(found.person[use], return_inverse=True)
    part = Calls(len(people), person, found.scene[use], found.condition[use], found.real[use])
    agreed = metric_agreement(part, metric.cells) if use.any() else None
    row = _row("metric", metric_id=metric.info.id)
    if agreed is None:
        reason = words.reason("NC_NO_OVERLAP", needed=f"in scenes where {metric.info.label} is complete")
        return row | _status(refused(reason)), None
    share, influence = agreed
    cells, test = _tested(part, np.ones(len(part.real), dtype=bool), share, influence, 0.5)
    name = words.metric_name(metric.info.label)
    extreme = "higher" if metric.info.direction == "higher_better" else "lower"
    text = f"Of two generated pictures the one called real had the {extreme} {name} in {_of(share, cells)}"
    told = _told(test, f"{text}.", evidence, unit="agreement", hypothesis="fooling_metrics")
    return row | cells, replace(told, metric_id=metric.info.id)


def _tested(
    found: Calls, use: BoolArray, estimate: float, influence: FloatArray, null: float, *, rate: bool = False
) -> tuple[Json, dict[str, Any]]:  # fmt: skip
    """Cells of a row and of a test for an estimate whose participants' contributions are ``influence`` (P,); ``rate``:
    it is a share of the trials in ``use`` (V,)."""
    people = len(np.unique(found.person[use]))
    counts: Json = {"n_trials": int(use.sum()), "n_participants": people}
    scenes = len(np.unique(found.scene[use]))
    shared = {"n_votes": counts["n_trials"], "n_participants": people, "n_scenes": scenes}
    shared |= {"n_conditions": len(np.unique(found.condition[use])), "estimate": float(estimate), "null_value": null}
    if people < words.MIN_PARTICIPANTS:
        reason = words.few_participants(people)
        return counts | {"estimate": float(estimate)} | _status(refused(reason)), shared | refused(reason)
    each = np.arange(len(influence), dtype=np.intp)
    # CR1 with the participants who saw any of it; the others add nothing.
    se = float(np.sqrt(meat(influence, each)[0, 0] * _factor(people, len(influence))))
    if rate:
        low, high, null_se = score_interval(float(estimate), se, people, counts["n_trials"])
    else:
        (low, high), null_se = t_interval(float(estimate), se, people - 1), se
    p = t_p(float(estimate), null_se, people - 1, null)
    cells: Json = {"estimate": float(estimate), "se": se, "ci_low": low, "ci_high": high, "p_raw": p}
    statistic = (float(estimate) - null) / null_se if null_se > 0 else None
    test = shared | {key: cells[key] for key in ("se", "ci_low", "ci_high", "p_raw")} | {"ci_level": 0.95}
    method = SCORE_METHOD if rate else METHOD
    return counts | cells | _status(OK), test | {"statistic": statistic, "df": float(people - 1), "method": method}


def score_interval(share: float, se: float, people: int, n: int) -> tuple[float, float, float]:
    """95 % bounds of a share and its SE if it were one half, with t(P - 1): Wilson (1927) with as many independent
    trials as would have the clustered ``se``, at most ``n`` (Korn and Graubard 1998); where all said the same, with as
    many as there are ``people``.

    A generated picture is seldom called real, and there share +- t se holds the truth in 87 of 100 studies.
    """
    alone = min(float(n), share * (1 - share) / se**2) if se > 0 else float(people)
    t = float(stats.t.ppf(0.975, people - 1))
    middle, shrink = share + t**2 / (2 * alone), 1 + t**2 / alone
    half = t * float(np.sqrt(share * (1 - share) / alone + (t / (2 * alone)) ** 2))
    return max(0.0, (middle - half) / shrink), min(1.0, (middle + half) / shrink), 0.5 / float(np.sqrt(alone))


def _factor(people: int, every: int) -> float:
    """P/(P - 1) of those concerned in place of that of all."""
    return people / (people - 1) * (every - 1) / every


def _told(
    test: dict[str, Any], text: str, evidence: Evidence, *, unit: str, hypothesis: str = "fooling"
) -> Test:  # fmt: skip
    said = evidence.voice.say(test.pop("message", text))
    return Test(hypothesis=hypothesis, unit=unit, family=hypothesis, adjustment="holm", message=said, **test)


def _of(share: float, row: Json) -> str:
    text = f"{100 * share:.0f} of 100 trials"
    if row.get("se") is None:
        return text
    low, high = (100 * min(1.0, max(0.0, row[end])) for end in ("ci_low", "ci_high"))
    return f"{text} (95 % CI {low:.0f}–{high:.0f}; {words.p_text(row['p_raw'])}, {words.C1_WORDS})"


def _status(cells: Json) -> Json:
    return {key: cells[key] for key in ("status", "reason_code")}


def _row(kind: str, **known: Any) -> Json:
    """A row of ``fooling.csv`` with everything missing but what is ``known``."""
    empty: Json = {"kind": kind, "condition_1": "", "condition_2": "", "metric_id": ""}
    empty |= dict.fromkeys(("estimate", "se", "ci_low", "ci_high", "p_raw"))
    return empty | {"n_trials": 0, "n_participants": 0, "status": "ok", "reason_code": ""} | known
