"""E3: how often does the minimiser win, on average and against each rival?

Rivals weigh the same whatever number of votes they drew, so a focused design does not bias the share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from evaluation.core import clusters, words
from evaluation.core.evidence import POOLED, Evidence, MetricValues, VoteTable
from evaluation.core.metrics import claims
from evaluation.core.metrics.claims import TwoWay
from evaluation.core.metrics.regret import why_unscored
from evaluation.core.resampling import scene_scores
from evaluation.core.scale import groups
from evaluation.core.scale.inference import Scale, holm
from evaluation.core.scale.shares import jackknife_se, without_each
from evaluation.core.sections import Json, Section, Test
from evaluation.core.verdict.hypotheses import sigma
from evaluation.core.verdict.minimiser import Minimum
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray, sum_votes


@dataclass(frozen=True)
class WinShare:
    """Mean over scenes and rivals of the observed share of votes that the minimiser won; ``c1`` and ``c2`` None or a
    reason where not tested."""

    share: float
    se: float | None
    low: float | None
    high: float | None
    p: float | None
    c2: TwoWay | Reason
    n_votes: int
    n_participants: int
    n_scenes: int


def minimiser_share(votes: VoteTable, minimiser: IntArray, *, seed: int, draws: int) -> WinShare | None:
    """E3 (b). ``minimiser``: (S,) condition number of each scene's minimiser, -1 where it has none.

    A vote on pair (h, j) of scene s weighs 1/(scenes x rivals met in s x votes on the pair). C1: t(P - 1) with the
    error of leaving out each participant, and the signs of what they contribute. C2: participants and scenes, two-way.
    """
    h = minimiser[votes.scene]
    use = (h >= 0) & ((votes.left == h) | (votes.right == h))
    if not use.any():
        return None
    part = votes.where(use)
    h = h[use]
    won = np.where(part.left == h, part.y, 1 - part.y)
    rival = np.where(part.left == h, part.right, part.left)
    cell, at = np.unique(part.scene * len(votes.conditions) + rival, return_inverse=True)
    n = np.bincount(at)
    of_scene = cell // len(votes.conditions)
    rivals = np.bincount(of_scene, minlength=len(votes.scenes))
    n_scenes = int((rivals > 0).sum())
    weight = 1 / (n_scenes * rivals[of_scene] * n)
    shares = np.bincount(at, weights=won) / n
    share = float(np.sum(weight * n * shares))
    people, who = np.unique(part.person, return_inverse=True)
    if len(people) < words.MIN_PARTICIPANTS:
        few = words.few_participants(len(people))
        return WinShare(share, None, None, None, None, few, len(won), len(people), n_scenes)
    there, scene = np.unique(of_scene, return_inverse=True)
    counts = sum_votes(who, at, (len(people), len(cell)), won, np.ones(len(won)))
    without = without_each(counts[0], counts[1], scene, counts[2], counts[3], shape=(len(people), len(there)))
    se = jackknife_se(float(np.sum((np.nanmean(without, axis=1) - share) ** 2)), len(people))
    low, high = clusters.share_interval(share, se, len(people) - 1)
    against_half = clusters.sums_of(weight[at] * (won - 0.5), who, len(people))
    two_way: TwoWay | Reason
    if n_scenes < claims.MIN_SCENES:
        two_way = words.reason("NC_TOO_FEW_SCENES", scenes=n_scenes, needed=claims.MIN_SCENES)
    else:
        wide, df = clusters.two_way_share(weight[at] * (won - share), part.person, part.scene)
        wide = max(wide, se)
        two_way = TwoWay(wide, *clusters.share_interval(share, wide, df), clusters.t_p(share, wide, df, 0.5), df)
    p_c1 = clusters.sign_flip(against_half, seed=seed, draws=draws)
    return WinShare(share, se, low, high, p_c1, two_way, len(won), len(people), n_scenes)


def duels(scale: Scale, h: int, wins: FloatArray) -> list[Json]:
    """The minimiser (item number h) against each rival: model and observed share, SE of the logit, t(P - 1) interval of
    the win probability, two-sided p and Holm over the rivals. ``wins``: (k, k) of the same items."""
    rows: list[Json] = []
    for j in range(len(scale.items)):
        if j == h:
            continue
        d, se = float(scale.theta[h] - scale.theta[j]), float(scale.se_contrast[h, j])
        n = wins[h, j] + wins[j, h]
        row: Json = {"rival": scale.items[j], "win_prob_model": sigma(d)}
        row |= {"win_share_observed": float(wins[h, j] / n) if n > 0 else None, "n": int(np.rint(n))}
        row |= dict.fromkeys(("se", "ci_low", "ci_high", "p_raw"))
        if scale.testable:
            low, high = scale.interval(d, se)
            p = float(2 * stats.t.sf(abs(d) / max(se, 1e-12), scale.df))
            row |= {"se": se, "ci_low": sigma(low), "ci_high": sigma(high), "p_raw": p}
        rows.append(row)
    for row, p_adj in zip(rows, holm([r["p_raw"] for r in rows]), strict=True):
        row["p_adj"] = p_adj
    return rows


def head_to_head_section(evidence: Evidence) -> Section:
    """E3. Summary: metric id -> 'share', 'se', 'low', 'high', 'p', 'c2', 'model' (mean win probability of the
    minimiser by the model), 'n_votes', 'n_participants', 'n_scenes', 'reason', 'sentence'. Rows: ``head_to_head``."""
    votes, voice, options = evidence.votes, evidence.voice, evidence.options
    scores = {s.scene: s for s in scene_scores(evidence)}
    every = groups.groups(evidence)
    rows: list[Json] = []
    tests: list[Test] = []
    summary: Json = {}
    for metric in evidence.metrics:
        minimiser = np.full(len(votes.scenes), -1, dtype=np.intp)
        model = []
        for s, one in scores.items():
            tied = one.minimisers(metric)
            if len(tied):
                best = int(tied[np.argmax(one.theta[tied])])
                minimiser[s] = one.items[best]
                d = one.theta[best] - np.delete(one.theta, best)
                model.append(float(np.mean([sigma(float(x)) for x in d])))
        found = minimiser_share(votes, minimiser, seed=options.seed, draws=options.draws)
        duel_rows, duel_tests = _duels(evidence, metric, every)
        rows += duel_rows
        tests += duel_tests
        if found is None:
            pooled = metric.minima[POOLED]
            said = words.reason_json(pooled if isinstance(pooled, Reason) else why_unscored(evidence), voice)
            summary[metric.info.id] = {"share": None, "reason": said, "sentence": said["sentence"]}
            continue
        summary[metric.info.id] = _json(evidence, metric, found, float(np.mean(model)))
        tests += _tests(evidence, metric, found, summary[metric.info.id]["sentence"])
    return Section(summary, {"head_to_head": rows}, tuple(tests))


def _duels(evidence: Evidence, metric: MetricValues, every: Sequence[groups.Group]) -> tuple[list[Json], list[Test]]:
    rows, tests = [], []
    for group in every:
        found = metric.minima[group.scene]
        if not isinstance(found, Minimum):
            continue
        inside = groups.where_complete(evidence, group, found) if group.scene is POOLED else group
        scale = inside.scale
        if not isinstance(scale, Scale) or not set(found.items) <= set(scale.items) or len(scale.items) < 2:
            continue
        tied = np.array([scale.items.index(c) for c in found.items])
        h = int(tied[np.argmax(scale.theta[tied])])
        names = {"scope": "scene" if group.scene else "pooled", "scene_id": group.scene or ""}
        family = f"head to head {metric.info.id} {group.scene or 'pooled'}"
        for duel in duels(scale, h, _wins(inside, scale)):
            rows.append(names | {"metric_id": metric.info.id, "minimiser": scale.items[h]} | duel)
            tests.append(_duel_test(evidence, metric, names | {"family": family}, inside.where, scale, h, duel))
    return rows, tests


def _wins(group: groups.Group, scale: Scale) -> FloatArray:
    """(k, k) wins of the group's votes between the scored items."""
    box, k = group.votes, len(group.votes.items)
    wins = np.bincount(box.left * k + box.right, weights=box.y, minlength=k * k).reshape(k, k)
    wins = wins + np.bincount(box.right * k + box.left, weights=1 - box.y, minlength=k * k).reshape(k, k)
    at = [box.items.index(c) for c in scale.items]
    return np.asarray(wins[np.ix_(at, at)])


def _duel_test(
    evidence: Evidence, metric: MetricValues, names: Json, where: str, scale: Scale, h: int, duel: Json
) -> Test:
    labels = evidence.labels
    own, other = labels[scale.items[h]], labels[duel["rival"]]
    sentence = f"{where}, {own} would win {100 * duel['win_prob_model']:.0f} of 100 meetings against {other}"
    few = words.few_participants(scale.n_participants)
    if duel["p_adj"] is not None:
        sentence += f" ({words.p_text(duel['p_adj'])}, Holm)"
    return Test(
        hypothesis="head_to_head", confirmatory=False, claim_level="C1", metric_id=metric.info.id,
        estimate=duel["win_prob_model"], unit="win probability", null_value=0.5, ci_low=duel["ci_low"],
        ci_high=duel["ci_high"], ci_level=0.95 if scale.testable else None, se=duel["se"], df=scale.df,
        p_raw=duel["p_raw"], adjustment="holm", n_votes=duel["n"], n_participants=scale.n_participants,
        n_scenes=int(metric.usable.sum()) if names["scope"] == "pooled" else 1, n_conditions=len(scale.items),
        method="participant-clustered contrast, t; se in logits", message=evidence.voice.say(f"{sentence}."),
        status="ok" if scale.testable else "not_computable", reason_code="" if scale.testable else few.code, **names,
    )  # fmt: skip


def _json(evidence: Evidence, metric: MetricValues, found: WinShare, model: float) -> Json:
    voice = evidence.voice
    extreme = "highest" if metric.info.direction == "higher_better" else "lowest"
    sentence = (
        f"The image with the {extreme} {words.metric_name(metric.info.label)} won {100 * found.share:.0f} of 100 votes "
        "against the others of its scene"
    )
    reason = None
    if found.low is None or found.high is None or found.p is None:
        reason = words.reason_json(words.few_participants(found.n_participants), voice)
    else:
        interval = f"{100 * found.low:.0f}–{100 * found.high:.0f}"
        sentence += f" (95 % CI {interval}; {words.p_text(found.p)}, {words.C1_WORDS})"
    numbers = ("share", "se", "low", "high", "p", "n_votes", "n_participants", "n_scenes")
    row: Json = {key: getattr(found, key) for key in numbers} | {"model": model}
    if isinstance(found.c2, Reason):
        row["c2"] = dict.fromkeys(("se", "low", "high", "p")) | {"reason": words.reason_json(found.c2, voice)}
    else:
        row["c2"] = {key: getattr(found.c2, key) for key in ("se", "low", "high", "p")} | {"reason": None}
    return row | {"reason": reason, "sentence": voice.say(f"{sentence}.")}


def _tests(evidence: Evidence, metric: MetricValues, found: WinShare, sentence: str) -> list[Test]:
    if found.p is None:
        return []
    one = Test(
        hypothesis="head_to_head", family="minimiser's win share C1", claim_level="C1", metric_id=metric.info.id,
        estimate=found.share, unit="share of votes, rivals equal", null_value=0.5, se=found.se, ci_low=found.low,
        ci_high=found.high, ci_level=0.95, df=found.n_participants - 1, p_raw=found.p, adjustment="holm",
        n_votes=found.n_votes, n_participants=found.n_participants, n_scenes=found.n_scenes,
        n_conditions=len(evidence.votes.conditions), method="participant sign-flip; t interval",
        n_resamples=clusters.sign_draws(found.n_participants, evidence.options.draws),
        rng_seed=evidence.options.seed, message=sentence,
    )  # fmt: skip
    wide: Json = {"family": "minimiser's win share C2", "claim_level": "C2", "n_resamples": None, "rng_seed": None}
    wide["method"] = "two-way Cameron-Gelbach-Miller variance, t"
    if isinstance(found.c2, Reason):
        wide |= dict.fromkeys(("se", "ci_low", "ci_high", "ci_level", "df", "p_raw"))
        wide |= {
            "status": "not_computable",
            "reason_code": found.c2.code,
            "message": evidence.voice.say(found.c2.sentence),
        }
    else:
        c2 = found.c2
        wide |= {"se": c2.se, "ci_low": c2.low, "ci_high": c2.high, "df": c2.df, "p_raw": c2.p}
    return [one, replace(one, **wide)]
