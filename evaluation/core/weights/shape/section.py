"""The section of E9: one answer per numeric parameter, its curve, and the tests behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from evaluation.core import words
from evaluation.core.evidence import POOLED, Evidence
from evaluation.core.scale.inference import NotEstimated, Scale
from evaluation.core.sections import Json, Section, Test, adjusted
from evaluation.core.weights import logit
from evaluation.core.weights.shape import curves
from evaluation.core.weights.shape.levels import MIN_LEVELS, Levels, levels, numeric_parameters
from evaluation.core.words import Reason

FAMILY = "F4"


def shape_section(evidence: Evidence) -> Section:
    """E9 for every numeric parameter with three or more levels. ``summary``: parameter -> its shape and sentence, or
    ``{"reason", "sentence"}`` where there is no such parameter."""
    scale = evidence.scales[POOLED]
    params = {c.id: c.params for c in evidence.data.conditions if c.role == "grid"}
    names = numeric_parameters([params[c] for c in evidence.votes.conditions])
    if not names:
        return _nothing(evidence, words.reason("NC_NO_PARAMETER", needed=MIN_LEVELS))
    if isinstance(scale, NotEstimated):
        return _nothing(evidence, scale.reason)
    found = {name: levels(scale, params, name) for name in names}
    curved = {name: found_levels for name, found_levels in found.items() if found_levels is not None}
    tests = adjusted([_interior_test(evidence, scale, one) for one in curved.values()])
    summary: Json = {}
    rows: list[Json] = []
    said: list[Test] = []
    for name, test in zip(curved, tests, strict=True):
        summary[name], its_rows, its_tests = _parameter(evidence, scale, curved[name], test)
        rows += its_rows
        said += its_tests
    for name in names:
        if name not in curved:
            reason = words.reason_json(words.reason("NC_CONFOUNDED", parameter=spoken(name)), evidence.voice)
            summary[name] = {"shape": None, "reason": reason, "sentence": reason["sentence"]}
    return Section(summary, {"dose_response": rows}, tuple(said))


def spoken(parameter: str) -> str:
    """'learning_rate' as it is read aloud."""
    return parameter.replace("_", " ")


def _nothing(evidence: Evidence, reason: Reason) -> Section:
    said = words.reason_json(reason, evidence.voice)
    return Section({"reason": said, "sentence": said["sentence"]}, {"dose_response": []})


def _interior_test(evidence: Evidence, scale: Scale, one: Levels) -> Test:
    test = _test(evidence, scale, one, "interior peak, CR3 t, one-sided, Bonferroni over inner levels")
    if not scale.testable:
        reason = words.few_participants(scale.n_participants)
        return replace(test, status="not_computable", reason_code=reason.code, message=reason.sentence)
    peak = curves.interior_peak(one)
    return replace(
        test, estimate=peak.difference, unit="logit", null_value=0.0, se=peak.se, df=float(one.df), p_raw=peak.p,
        statistic=peak.difference / peak.se if peak.se > 0 else None, family=FAMILY, adjustment="holm",
    )  # fmt: skip


def _parameter(evidence: Evidence, scale: Scale, one: Levels, test: Test) -> tuple[Json, list[Json], list[Test]]:
    options, name = evidence.options, one.parameter
    fitted = _quadratic(evidence, one)
    described: Json = {
        "parameter": name,
        "label": spoken(name),
        "log": one.log,
        "alone": one.alone,
        "levels": [float(v) for v in one.values],
        "theta": [float(t) for t in one.theta],
        "band_low": None,
        "band_high": None,
        "shape": "undetermined",
        "p_interior_peak": test.p_adj,
        "p_lind_mehlum": None,
        "p_monotone": None,
        "peak_x": one.value(fitted.peak) if fitted else None,
        "peak_low": None,
        "peak_high": None,
        "peak_inside": fitted.inside if fitted else None,
        "quadratic": {"b1": fitted.b1, "b2": fitted.b2} if fitted else None,
        "reason": None,
    }
    tests: list[Test] = []
    if scale.testable:
        noise = one.noise(options.seed, options.draws)
        low, high = one.band(noise)
        monotone = curves.p_monotone(one, noise)
        shape = curves.classify(one, test.p_adj if test.p_adj is not None else 1.0, alpha=options.alpha,
                                delta=options.delta)  # fmt: skip
        described |= {"shape": shape, "p_monotone": monotone}
        described |= {"band_low": low.tolist(), "band_high": high.tolist()}
        base = _test(evidence, scale, one, "monotone fit against free scores, normal multipliers on participants")
        monotony = replace(base, hypothesis="not_monotone", p_raw=monotone, n_resamples=options.draws)
        tests.append(replace(monotony, rng_seed=options.seed))
        if fitted:
            described |= {"p_lind_mehlum": fitted.p_lind_mehlum}
            described |= {"peak_low": one.value(fitted.low), "peak_high": one.value(fitted.high)}
            base = _test(evidence, scale, one, "Lind and Mehlum 2010, quadratic conditional logit, CR1 t")
            slopes = replace(base, hypothesis="quadratic_slopes", p_raw=fitted.p_lind_mehlum, df=float(one.df))
            tests.append(slopes)
        described["sentence"] = evidence.voice.say(_sentence(evidence, one, described))
    else:
        reason = words.reason_json(words.few_participants(scale.n_participants), evidence.voice)
        described |= {"reason": reason, "sentence": reason["sentence"]}
    return described, _rows(one, described), [replace(t, message=described["sentence"]) for t in (test, *tests)]


def _test(evidence: Evidence, scale: Scale, one: Levels, method: str) -> Test:
    return Test(
        hypothesis="interior_peak",
        scope=one.parameter,
        n_votes=scale.total_votes,
        n_participants=scale.n_participants,
        n_scenes=len(evidence.votes.scenes),
        n_conditions=len(scale.items),
        method=method,
    )


def _quadratic(evidence: Evidence, one: Levels) -> curves.Quadratic | None:
    """The quadratic on the votes between compared conditions under the same setting of the other parameters."""
    votes, conditions = evidence.votes, evidence.votes.conditions
    place = {c: x for ids, x in zip(one.conditions, one.x, strict=True) for c in ids}
    x = np.array([place.get(c, np.nan) for c in conditions])
    stratum = np.array([one.strata.get(c, -1) for c in conditions])
    keep = (stratum[votes.left] >= 0) & (stratum[votes.left] == stratum[votes.right])
    if not keep.any():
        return None
    person = logit.renumbered(votes.person[keep])
    used = np.where(np.isnan(x), one.x[0], x)  # conditions that are not compared have no vote in `keep`
    return curves.quadratic(
        used, votes.left[keep], votes.right[keep], votes.y[keep], person,
        seed=evidence.options.seed, draws=evidence.options.draws,
    )  # fmt: skip


def _sentence(evidence: Evidence, one: Levels, said: Json) -> str:
    voters, name = evidence.voice.voters, spoken(one.parameter)
    first, last = (f"{one.values[i]:g}" for i in (0, -1))
    inside = "" if one.alone else " (levels compared where the other parameters are the same)"
    peak = curves.interior_peak(one)
    p = f"{words.p_text(said['p_interior_peak'])}, {words.C1_WORDS}"
    where = ""
    if said["peak_inside"]:
        where = (
            f"; a fitted curve peaks at {said['peak_x']:.2g} (95 % CI {said['peak_low']:.2g}–{said['peak_high']:.2g})"
        )
    ends = one.theta[-1] - one.theta[0]
    se = one.se_of(len(one.theta) - 1, 0)
    meetings = f"{100 / (1 + np.exp(-abs(ends))):.0f} of 100 meetings"
    if said["shape"] == "inverted_u":
        best = f"{one.values[peak.level]:g}"
        head = f"Over {name} from {first} to {last}, {voters} prefer the middle"
        return f"{head}: {best} beats both ends ({p}){where}{inside}."
    if said["shape"] in ("increasing", "decreasing"):
        win, lose, word = (last, first, "higher") if said["shape"] == "increasing" else (first, last, "lower")
        return (
            f"The {word} the {name}, the more {voters} prefer the image: {win} would win {meetings} against {lose} "
            f"(95 % CI {_share(abs(ends), se, one, -1)}–{_share(abs(ends), se, one, 1)}){inside}."
        )
    if said["shape"] == "flat":
        return f"Over {name} from {first} to {last}, no level is preferred by a margin that matters{inside}."
    return (
        f"These votes leave open how preference depends on {name} from {first} to {last}: neither a peak inside "
        f"({p}) nor a rise or fall from end to end is shown{inside}."
    )


def _share(difference: float, se: float, one: Levels, side: int) -> str:
    bound = difference + side * float(stats.t.ppf(0.975, one.df)) * se
    return f"{100 / (1 + np.exp(-bound)):.0f}"


def _rows(one: Levels, said: Json) -> list[Json]:
    """One row per level; ``condition_id`` where a level is one condition."""
    low, high = said["band_low"], said["band_high"]
    return [
        {
            "parameter": one.parameter,
            "x": float(value),
            "condition_id": one.conditions[i][0] if len(one.conditions[i]) == 1 else None,
            "theta": float(one.theta[i]),
            "ci_low": low[i] if low else None,
            "ci_high": high[i] if high else None,
            "shape": said["shape"],
            "p_interior_peak": said["p_interior_peak"],
            "p_lind_mehlum": said["p_lind_mehlum"],
            "peak_x": said["peak_x"],
            "peak_low": said["peak_low"],
            "peak_high": said["peak_high"],
        }
        for i, value in enumerate(one.values)
    ]
