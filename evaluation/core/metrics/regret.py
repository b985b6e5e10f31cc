"""E4: what does it cost to choose by a metric?

The regret of a condition is how far the favourite lies above it, max theta - theta_c, in logits. The plug-in estimate
picks and prices the favourite with the same votes and is too large (.15-.40 logits at 10 participants where the truth
is 0); the cross-fit picks with one half of the participants and prices with the other (specs/evaluation.md, E4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.core import words
from evaluation.core.evidence import POOLED, Evidence, MetricValues, VoteTable
from evaluation.core.resampling import SceneScores, half_signs, scene_scores
from evaluation.core.sections import Json, Section
from evaluation.core.verdict.hypotheses import sigma
from evaluation.core.words import Reason
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Random halves of the participants.
SPLITS = 50
#: A choice in a scene: position in ``SceneScores.items`` of what is chosen there, or None where nothing can be.
Choice = Callable[[int], int | None]


@dataclass(frozen=True)
class Halves:
    """Scores of each scene by each half: ``theta[i]`` is (2 SPLITS, k) for the i-th scene; row r picks, row
    :meth:`other` (r) prices."""

    theta: tuple[FloatArray, ...]

    @staticmethod
    def other(rows: int) -> IntArray:
        """Row of the other half."""
        return np.roll(np.arange(rows), rows // 2)

    def regret(self, i: int, h: int) -> FloatArray:
        """(2 SPLITS,) regret of choosing item h in scene i: the favourite of one half, priced by the other."""
        theta = self.theta[i]
        price = theta[self.other(len(theta))]
        rows = np.arange(len(theta))
        return np.asarray(price[rows, theta.argmax(axis=1)] - price[:, h])


def halves(votes: VoteTable, scenes: Sequence[SceneScores], *, seed: int, splits: int = SPLITS) -> Halves:
    """Refit every scene (ridge .05) on ``splits`` random halves of the participants and on their complements."""
    signs = half_signs(len(votes.people), seed=seed, splits=splits)
    found = []
    for scores in scenes:
        number = np.full(len(votes.conditions), -1, dtype=np.intp)
        number[scores.items] = np.arange(len(scores.items))
        keep = (votes.scene == scores.scene) & (number[votes.left] >= 0) & (number[votes.right] >= 0)
        left, right, y, who = number[votes.left[keep]], number[votes.right[keep]], votes.y[keep], votes.person[keep]
        k = len(scores.items)
        total = bradley_terry.count_wins(k, left, right, y)
        one = np.array([bradley_terry.count_wins(k, left[m], right[m], y[m]) for m in (row[who] > 0 for row in signs)])
        other = np.maximum(total - one, 0.0)
        theta = np.concatenate([bradley_terry.fit_many(wins, start=scores.theta) for wins in (one, other)])
        found.append(theta)
    return Halves(tuple(found))


@dataclass(frozen=True)
class Regret:
    """Mean over ``scenes`` (ids) in logits. ``low``, ``high``: simultaneous one-sided bounds, None where participants
    are too few or for a benchmark; ``by_scene``: the plug-in regret of each scene."""

    plugin: float
    crossfit: float
    low: float | None
    high: float | None
    scenes: tuple[str, ...]
    by_scene: tuple[float, ...]

    def to_json(self) -> Json:
        """Numbers in logits, and as how often the favourite would win against what is chosen."""
        return {
            "plugin": self.plugin,
            "crossfit": self.crossfit,
            "low": self.low,
            "high": self.high,
            "win_plugin": sigma(self.plugin),
            "win_crossfit": sigma(self.crossfit),
            "win_low": None if self.low is None else sigma(self.low),
            "win_high": None if self.high is None else sigma(self.high),
            "n_scenes": len(self.scenes),
            "by_scene": dict(zip(self.scenes, self.by_scene, strict=True)),
        }


def regret_of(
    choice: Choice, scenes: Sequence[SceneScores], split: Halves, names: Sequence[str], *, alpha: float | None = None
) -> Regret | None:
    """Regret of a choice over the scenes in which it chooses; None where it never does.

    ``names``: scene ids by their numbers. ``alpha``: level of the bounds (none without): each scene's bounds at
    alpha / scenes, so that they hold together and so does their mean.
    """
    chosen = [(i, h) for i in range(len(scenes)) if (h := choice(i)) is not None]
    if not chosen:
        return None
    plugin = [float(scenes[i].theta.max() - scenes[i].theta[h]) for i, h in chosen]
    crossfit = np.mean([split.regret(i, h) for i, h in chosen])
    low = high = None
    if alpha is not None and all(scenes[i].scale.testable for i, _ in chosen):
        bounds = [regret_bounds(scenes[i], h, alpha / len(chosen)) for i, h in chosen]
        low, high = (float(np.mean([b[side] for b in bounds])) for side in (0, 1))
    used = tuple(names[scenes[i].scene] for i, _ in chosen)
    return Regret(float(np.mean(plugin)), float(crossfit), low, high, used, tuple(plugin))


def regret_bounds(scores: SceneScores, h: int, alpha: float) -> tuple[float, float]:
    """One-sided bounds of max_j theta_j - theta_h in one scene, not below 0 (E2: max-t below, each rival's t above)."""
    rivals = np.delete(np.arange(len(scores.items)), h)
    scale = scores.scale
    low = float(scale.bounds_rival_better(h, rivals, alpha).max())
    high = float(-scale.bounds_rival_worse(h, rivals, alpha).min())
    return max(0.0, low), max(0.0, high)


def by_metric(scenes: Sequence[SceneScores], metric_minimisers: Callable[[SceneScores], IntArray]) -> Choice:
    """The metric's minimiser in each scene; of tied ones the best, which favours the metric."""

    def choose(i: int) -> int | None:
        tied = metric_minimisers(scenes[i])
        return int(tied[np.argmax(scenes[i].theta[tied])]) if len(tied) else None

    return choose


def always(scenes: Sequence[SceneScores], condition: int) -> Choice:
    """The same condition in every scene that has it."""

    def choose(i: int) -> int | None:
        at = np.flatnonzero(scenes[i].items == condition)
        return int(at[0]) if len(at) else None

    return choose


def benchmarks(evidence: Evidence, scenes: Sequence[SceneScores], split: Halves) -> Json:
    """Regret of a random condition, of the grid's default, of the best fixed setting, and of each participant's choice
    by the consensus of all others."""
    votes = evidence.votes
    found: Json = {"random": _random(scenes, split), "default": None, "best_fixed": None, "consensus": None}
    default = next((c.id for c in evidence.data.conditions if c.is_default and c.id in votes.conditions), None)
    if default is not None:
        choice = always(scenes, votes.conditions.index(default))
        if (one := regret_of(choice, scenes, split, votes.scenes)) is not None:
            found["default"] = {"condition": default, "plugin": one.plugin, "crossfit": one.crossfit}
    found["best_fixed"] = _best_fixed(evidence, scenes, split)
    lost = []
    for scores in scenes:
        picks = scores.without().argmax(axis=1)
        lost.append(float(scores.theta.max() - scores.theta[picks].mean()))
    found["consensus"] = {"plugin": float(np.mean(lost)), "crossfit": None}
    return found


def _random(scenes: Sequence[SceneScores], split: Halves) -> Json:
    plugin = [float(s.theta.max() - s.theta.mean()) for s in scenes]
    crossfit = [np.mean([split.regret(i, h) for h in range(len(s.items))]) for i, s in enumerate(scenes)]
    return {"plugin": float(np.mean(plugin)), "crossfit": float(np.mean(crossfit))}


def _best_fixed(evidence: Evidence, scenes: Sequence[SceneScores], split: Halves) -> Json | None:
    """'Always condition c' for the c of least mean regret; the cross-fit picks c, too, with one half."""
    everywhere = [c for c in range(len(evidence.votes.conditions)) if all(c in s.items for s in scenes)]
    if not everywhere:
        return None
    at = [np.array([int(np.flatnonzero(s.items == c)[0]) for c in everywhere]) for s in scenes]
    mean = np.mean([s.theta.max() - s.theta[a] for s, a in zip(scenes, at, strict=True)], axis=0)
    rows = len(split.theta[0])
    by_half = np.mean([t.max(axis=1, keepdims=True) - t[:, a] for t, a in zip(split.theta, at, strict=True)], axis=0)
    pick = by_half.argmin(axis=1)
    prices = []
    for theta, a in zip(split.theta, at, strict=True):
        price = theta[Halves.other(rows)]
        row = np.arange(rows)
        prices.append(price[row, theta.argmax(axis=1)] - price[row, a[pick]])
    best = int(mean.argmin())
    condition = evidence.votes.conditions[everywhere[best]]
    return {"condition": condition, "plugin": float(mean[best]), "crossfit": float(np.mean(prices))}


def regret_section(evidence: Evidence) -> Section:
    """E4. Summary: 'metrics': metric id -> :meth:`Regret.to_json` with 'reason' and 'sentence'; 'benchmarks': random,
    default, best_fixed, consensus -> {plugin, crossfit} (and 'condition') or None; 'sentence'."""
    votes, voice = evidence.votes, evidence.voice
    scenes = scene_scores(evidence)
    split = halves(votes, scenes, seed=evidence.options.seed)
    metrics: Json = {}
    for metric in evidence.metrics:
        choice = by_metric(scenes, lambda s, m=metric: s.minimisers(m))  # type: ignore[misc]
        found = regret_of(choice, scenes, split, votes.scenes, alpha=evidence.options.alpha)
        if found is None:
            pooled = metric.minima[POOLED]
            said = words.reason_json(pooled if isinstance(pooled, Reason) else why_unscored(evidence), voice)
            metrics[metric.info.id] = {"plugin": None, "crossfit": None, "reason": said, "sentence": said["sentence"]}
            continue
        few = words.reason_json(words.few_participants(min(s.scale.n_participants for s in scenes)), voice)
        reason = few if found.low is None else None
        metrics[metric.info.id] = found.to_json() | {"reason": reason, "sentence": voice.say(_sentence(metric, found))}
    if not scenes:
        said = words.reason_json(why_unscored(evidence), voice)
        return Section({"metrics": metrics, "benchmarks": None, "reason": said, "sentence": said["sentence"]})
    beside = benchmarks(evidence, scenes, split)
    summary: Json = {"metrics": metrics, "benchmarks": beside, "reason": None}
    return Section(summary | {"sentence": voice.say(_beside(evidence, beside))})


def why_unscored(evidence: Evidence) -> Reason:
    """Why no scene has human scores."""
    reasons = [scale.reason for scene in evidence.votes.scenes if hasattr(scale := evidence.scales[scene], "reason")]
    return reasons[0] if reasons else words.reason("NC_NO_VOTES", group="All scenes")


def _sentence(metric: MetricValues, found: Regret) -> str:
    name = words.metric_name(metric.info.label)
    if found.crossfit <= 0:
        return (
            f"Choosing by {name} costs nothing that these votes can show (cross-fit regret {found.crossfit:.2f} "
            f"logits; plug-in {found.plugin:.2f})."
        )
    return (
        f"Choosing by {name}, the favourite would win {100 * sigma(found.crossfit):.0f} of 100 meetings against what "
        f"is chosen (cross-fit; plug-in {100 * sigma(found.plugin):.0f})."
    )


def _beside(evidence: Evidence, beside: Json) -> str:
    parts = [f"a random condition {100 * sigma(beside['random']['crossfit']):.0f}"]
    for key, name in (("default", "the default"), ("best_fixed", "always")):
        if beside[key] is not None:
            label = evidence.labels[beside[key]["condition"]]
            parts.append(f"{name} {label} {100 * sigma(beside[key]['crossfit']):.0f}")
    return (
        f"The favourite would win, of 100 meetings (cross-fit), against {words.joined(parts)}; it is picked by one "
        "half of the voters and priced by the other."
    )
