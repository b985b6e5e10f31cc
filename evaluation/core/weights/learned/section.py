"""The section of E10: the learned share of style, beside the generator's own, and what it is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaluation.core import clusters, words
from evaluation.core.evidence import Evidence
from evaluation.core.metrics.claims import MIN_SCENES
from evaluation.core.sections import Json, Section, Test
from evaluation.core.weights import logit
from evaluation.core.weights.learned import ratio
from evaluation.core.weights.learned.held_out import HALVES, Gain, agreement_gain, halves, regret_gain, weights_without
from evaluation.core.weights.learned.parts import Parts, generator_share, generator_weights, loss_parts
from evaluation.core.weights.logit import Logit
from evaluation.core.weights.terms import term_rows
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: People whose own weights are shown; a rug of more is a bar.
SHOWN_PEOPLE = 500


def learned_section(evidence: Evidence) -> Section:
    """E10 on within-scene z-scores (the share that is quoted) and on raw losses (the ratio a generator can use)."""
    parts = loss_parts(evidence)
    if isinstance(parts, Reason):
        return _nothing(evidence, parts)
    votes, keep = evidence.votes, parts.keep
    person = logit.renumbered(votes.person[keep])
    scene, y = votes.scene[keep], votes.y[keep]
    z, raw = parts.z(votes), parts.raw()
    together = logit.condition_number(z)
    if together > logit.COLLINEAR_ABOVE:
        constant = [m for m, c in zip((parts.style, parts.content), z.T, strict=True) if not c.any()]
        if constant:
            reason = words.reason("NC_CONSTANT_METRIC", metric=constant[0].info.label, group="every scene")
            return _nothing(evidence, reason)
        return _nothing(evidence, words.reason("NC_COLLINEAR", r=f"{logit.correlation(*z.T):.3f}"))
    fitted = {"z": logit.fit(logit.antisymmetric(*z.T), y), "raw": logit.fit(logit.antisymmetric(*raw.T), y)}
    if not all(f.converged for f in fitted.values()):
        return _nothing(evidence, words.reason("NC_UNBOUNDED_WEIGHTS", metrics="style and content loss"))
    weights = generator_weights(evidence)
    names = (parts.style.info.id, parts.content.info.id)
    rows, tests = term_rows(evidence, "raw", names, fitted["raw"], person, scene)
    tests = [t for t in tests if t.hypothesis != "side_bias"]
    summary: Json = {"metrics": dict(zip(("style", "content"), names, strict=True)), "condition_number": together}
    for scale, differences in (("z", z), ("raw", raw)):
        found, its_rows, its_tests = _share(evidence, parts, fitted[scale], differences, weights, person, scene, scale)
        summary[scale] = found
        rows += its_rows
        tests += its_tests
    summary |= {k: v for k, v in summary["z"].items() if k != "weights"}
    summary |= _people(fitted["z"], person, evidence.options.seed)
    gains, gain_tests = _gains(evidence, parts, fitted["z"], z, raw, weights, person, scene)
    summary |= gains
    summary["sentence"] = evidence.voice.say(_sentence(evidence, summary))
    tests = [replace(t, message=t.message or summary["sentence"]) for t in (*tests, *gain_tests)]
    return Section(summary, {"regression": rows}, tuple(tests))


def _nothing(evidence: Evidence, reason: Reason) -> Section:
    said = words.reason_json(reason, evidence.voice)
    return Section({"lambda": None, "reason": said, "sentence": said["sentence"]}, {"regression": []})


def _share(
    evidence: Evidence, parts: Parts, fitted: Logit, differences: FloatArray,
    weights: tuple[float, float] | Reason, person: IntArray, scene: IntArray, scale: str,
) -> tuple[Json, list[Json], list[Test]]:  # fmt: skip
    """lambda on one scale, its rows and tests. ``summary`` has None and a reason where it cannot be said."""
    options = evidence.options
    people = logit.count(person)
    df, enough = float(people - 1), people >= words.MIN_PARTICIPANTS
    w, cov = -fitted.coef[1:], fitted.by_participant(person)[1:, 1:]
    found = ratio.share(w, cov, max(1.0, df), seed=options.seed, draws=options.draws)
    estimate = found.estimate if found else None
    low, high = (found.low, found.high) if found and enough else (None, None)
    own = None if isinstance(weights, Reason) else generator_share(weights, parts, z=scale == "z")
    reason = None
    if estimate is None:
        clear = enough and logit.wald(w, cov, df)[1] <= options.alpha
        reason = words.reason("NC_OPPOSITE" if clear else "NC_NO_DIRECTION")
    elif not enough:
        reason = words.few_participants(people)
    elif low is None:
        reason = words.reason("NC_NO_DIRECTION")
    elif own is None:
        reason = weights if isinstance(weights, Reason) else words.reason("NC_NO_GENERATOR_WEIGHTS")
    base = Test(
        hypothesis="lambda", scope=f"pooled, {scale}", metric_id=parts.style.info.id, metric_id_2=parts.content.info.id,
        estimate=estimate, unit="share of style", null_value=own, ci_low=low, ci_high=high,
        ci_level=0.95 if low is not None else None, n_votes=len(fitted.y), n_participants=people,
        n_scenes=logit.count(scene), n_conditions=len(evidence.votes.conditions),
    )  # fmt: skip
    tests: list[Test] = []
    p = p_c2 = None
    if enough and own is not None:
        t, p, own_df = ratio.p_share(own, differences, fitted.y, person)
        tests.append(replace(base, statistic=t, df=float(own_df), p_raw=p, method="clustered score test, one-sample t"))
        if logit.count(scene) >= MIN_SCENES:
            p_c2, df_c2 = ratio.p_share_two_way(own, fitted, person, scene)
            tests.append(
                replace(base, claim_level="C2", df=float(df_c2), p_raw=p_c2, ci_low=None, ci_high=None, ci_level=None,
                        method="two-way variance (Cameron, Gelbach and Miller), t")
            )  # fmt: skip
    else:
        why = reason or words.reason("NC_NO_GENERATOR_WEIGHTS")
        said = evidence.voice.say(why.sentence)
        tests.append(replace(base, status="not_computable", reason_code=why.code, message=said))
    row: Json = dict.fromkeys(("se_cluster", "se_naive", "t", "df", "p", "ci_low", "ci_high", "vif"))
    model = f"learned_{scale}"
    rows: list[Json] = []
    if estimate is not None:
        stated = {"ci_low": low, "ci_high": high, "p": p, "t": tests[0].statistic, "df": tests[0].df}
        rows.append({"model": model, "term": "lambda_style", "coef": estimate} | row | stated)
    if own is not None:
        rows.append({"model": model, "term": "lambda_generator", "coef": own} | row)
    summary: Json = {
        "lambda": estimate,
        "lambda_low": low,
        "lambda_high": high,
        "lambda_generator": own,
        "lambda_method": found.method if found and enough else "",
        "p": p,
        "p_c2": p_c2,
        "w_style": float(w[0]),
        "w_content": float(w[1]),
        "opposite": [name for name, value in zip(("style", "content"), w, strict=True) if value < 0],
        "side_bias": float(fitted.coef[0]),
        "reason": words.reason_json(reason, evidence.voice) if reason else None,
    }
    return summary, rows, tests


def _people(fitted: Logit, person: IntArray, seed: int) -> Json:
    """How much voters differ in each weight, and the shrunken weights of up to 500 of them."""
    sd: dict[str, float] = {}
    own: list[FloatArray] = []
    for i, name in enumerate(("style", "content"), start=1):
        sd[name], slopes = logit.own_slopes(fitted, i, person)
        own.append(-slopes)
    both = np.column_stack(own)
    if len(both) > SHOWN_PEOPLE:
        both = both[np.sort(np.random.default_rng(seed).choice(len(both), SHOWN_PEOPLE, replace=False))]
    positive = np.maximum(both, 0.0)
    total = positive.sum(axis=1)
    return {
        "taste_sd": sd,
        "per_person": [
            {"style": float(s), "content": float(c), "lambda": float(p[0] / t) if t > 0 else None}
            for (s, c), p, t in zip(both, positive, total, strict=True)
        ],
    }


def _gains(
    evidence: Evidence, parts: Parts, fitted: Logit, z: FloatArray, raw: FloatArray,
    weights: tuple[float, float] | Reason, person: IntArray, scene: IntArray,
) -> tuple[Json, list[Test]]:  # fmt: skip
    """Gain of the learned weights over the generator's with scenes held out: in agreement and in regret."""
    scenes, people = logit.count(scene), logit.count(person)
    reason: Reason | None = None
    if isinstance(weights, Reason):
        reason = weights
    elif scenes < 2:
        reason = words.reason("NC_TOO_FEW_SCENES", scenes=scenes, needed=2)
    elif people < words.MIN_PARTICIPANTS:
        reason = words.few_participants(people)
    empty: Json = {"gain_agreement": None, "gain_regret": None}
    if reason is not None or isinstance(weights, Reason):
        said = words.reason_json(reason, evidence.voice) if reason else None
        return empty | {"gain_reason": said}, []
    coef = weights_without(fitted, scene, len(evidence.votes.scenes))
    drawn = halves(fitted, coef, person, scene, seed=evidence.options.seed)
    found: dict[str, Gain | None] = {
        "gain_agreement": agreement_gain(coef, drawn, z, raw, weights, fitted.y, person, scene),
        "gain_regret": regret_gain(evidence, parts, coef, weights),
    }
    summary: Json = dict(empty) | {"gain_reason": None}
    tests: list[Test] = []
    methods = {
        "gain_agreement": f"{HALVES} random halves of the participants, t",
        "gain_regret": "participant-clustered t",
    }
    for name, unit in (("gain_agreement", "share of votes"), ("gain_regret", "logit")):
        gain = found[name]
        if gain is None:
            continue
        low, high = clusters.t_interval(gain.estimate, gain.se, people - 1)
        p = clusters.t_p(gain.estimate, gain.se, people - 1)
        summary[name] = {"estimate": gain.estimate, "low": low, "high": high, "p": p, "n_scenes": gain.n_scenes}
        tests.append(
            Test(
                hypothesis="gain", scope="held-out scenes, learned less generator's weights",
                estimate=gain.estimate, unit=unit, null_value=0.0, se=gain.se, ci_low=low, ci_high=high, ci_level=0.95,
                df=float(people - 1), p_raw=p, n_votes=len(fitted.y), n_participants=people, n_scenes=gain.n_scenes,
                n_conditions=len(evidence.votes.conditions), method=f"leave one scene out, {methods[name]}",
            )
        )  # fmt: skip
    return summary, tests


def _sentence(evidence: Evidence, found: Json) -> str:
    voters = evidence.voice.voters
    if found["lambda"] is None and found["reason"]["code"] == "NC_NO_DIRECTION":
        return words.REASONS["NC_NO_DIRECTION"]
    if found["lambda"] is None:
        w = f"(coefficients of the z-scores: style {-found['w_style']:+.2f}, content {-found['w_content']:+.2f})"
        return f"The votes of {voters} go to the images with the higher style and content loss {w}."
    text = f"The votes of {voters} weigh style against content loss {_against(found['lambda'])}"
    if found["lambda_low"] is not None:
        text += f" (95 % CI {100 * found['lambda_low']:.0f}–{100 * found['lambda_high']:.0f} for style)"
    if found["lambda_generator"] is not None:
        text += f"; the generator's own weights amount to {_against(found['lambda_generator'])}"
        if found["p"] is not None:
            text += f" ({words.p_text(found['p'])}, {words.C1_WORDS})"
    text += "."
    for name in found["opposite"]:
        text += f" They go to the images with the higher {name} loss (unconstrained weight {found[f'w_{name}']:.2f})."
    gain = found["gain_agreement"]
    if gain is not None:
        more = "more" if gain["estimate"] >= 0 else "fewer"
        text += (
            f" In scenes that were held out the learned weights agree with {abs(100 * gain['estimate']):.1f} {more} of "
            f"100 votes than the generator's (95 % CI {100 * gain['low']:.1f} to {100 * gain['high']:.1f})."
        )
    if found["reason"] is not None and found["reason"]["code"] == "NC_NO_DIRECTION":
        text += f" {words.REASONS['NC_NO_DIRECTION']}"
    return text


def _against(value: float) -> str:
    """'62 : 38'."""
    return f"{100 * value:.0f} : {100 - round(100 * value):.0f}"
