"""Every p-value of the analysis, where there is nothing to find: sections as shipped, on a whole study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.calibration_cases.worlds import ALPHA, DRAWS, SCENES, WORLDS, Answers, Case, Row, World, world
from evaluation.core.analysis import SECTIONS
from evaluation.core.dataset import StudyData
from evaluation.core.evidence import Evidence, gather
from evaluation.core.options import Options
from evaluation.core.scale.groups import groups
from evaluation.core.sections import Test
from evaluation.core.simulator import as_study
from evaluation.core.verdict.verdicts import metric_verdicts, verdict_tests
from evaluation.core.voters.goodness import pair_fit

#: What is no null hypothesis in these worlds: nothing differs, and 'hardly different' is then true.
TRUE_HERE = ("H_min_equiv", "agreement_equiv")


def study_of(study: World, seed: int) -> StudyData:
    """The study with its metric as the total loss and two more metrics of the same kind as style and content loss."""
    rng = np.random.default_rng([seed, 4])
    kind = (SCENES if np.ptp(study.metric, axis=0).any() else 1, study.metric.shape[1])
    style, content = (np.broadcast_to(rng.normal(size=kind), study.metric.shape) for _ in range(2))
    k = study.metric.shape[1]
    levels = {"lr": [0.01 * 2**c for c in range(k)], "style_weight": [1.0] * k, "content_weight": [1.0] * k}
    data = as_study(study.votes, {"total": study.metric, "style": style, "content": content}, levels=levels)
    metrics = tuple(replace(m, role="objective_part") if m.id != "total" else m for m in data.metrics)
    return replace(data, metrics=metrics).canonical()


def tests_of(evidence: Evidence) -> list[Test]:
    """Every test of the analysis."""
    parts = groups(evidence)
    verdicts = verdict_tests(evidence, [metric_verdicts(evidence, m, parts) for m in evidence.metrics])
    return [*verdicts, *(test for section in SECTIONS.values() for test in section(evidence).tests)]


def key_of(test: Test) -> str:
    """The row of a test: hypothesis, in one scene or over all, claim level."""
    return f"{test.hypothesis} {'scene' if test.scope == 'scene' else 'all'} {test.claim_level}"


def printed(kind: str, participants: int, k: int, seed: int) -> Answers:
    """Share of the p-values of each row that are below alpha."""
    data = study_of(world(kind, participants, k, seed), seed)
    evidence = gather(data, "q", Options(seed=seed, draws=DRAWS))
    found: dict[str, list[float]] = {}
    for test in tests_of(evidence):
        if test.p_raw is not None and test.hypothesis not in TRUE_HERE:
            found.setdefault(key_of(test), []).append(float(test.p_raw < ALPHA))
    fit = pair_fit(evidence)
    if fit is not None and fit.p is not None:
        found["goodness"] = [float(fit.p < ALPHA)]
    return {key: float(np.mean(rejected)) for key, rejected in found.items()}


#: Where each claim has nothing to find.
IMAGES, SCENE, METRIC = ("N0", "N1"), ("N0", "N1", "N2"), tuple(WORLDS)


PRINTED = Case(
    "printed",
    "Every p-value of the analysis",
    "Share of the p-values below .05, before any correction for their number, in whole studies of three metrics of "
    "which none has to do with preference. Each row is one kind of p-value; 'these images' (C1), 'other scenes too' "
    "(C2), 'this metric rather than anything else along the grid' (C3) is what its sentence claims.",
    (
        Row("H_min_refute all C1", "minimiser refuted, all scenes", IMAGES),
        Row("H_min_refute scene C1", "minimiser refuted, one scene", IMAGES),
        Row("H_min_confirm all C1", "minimiser confirmed, all scenes", IMAGES),
        Row("H_min_confirm scene C1", "minimiser confirmed, one scene", IMAGES),
        Row("head_to_head all C1", "minimiser's win share and each duel, all scenes, these images", IMAGES),
        Row("head_to_head scene C1", "each duel, one scene, these images", IMAGES),
        Row("head_to_head all C2", "minimiser's win share, other scenes too", SCENE),
        Row("agreement all C1", "agreement, these images", IMAGES),
        Row("agreement all C2", "agreement, other scenes too", SCENE),
        Row("agreement all C3", "agreement, this metric", METRIC),
        Row("correlation all C1", "rank correlation, all scenes, these images", IMAGES),
        Row("correlation scene C1", "rank correlation, one scene, these images", IMAGES),
        Row("correlation all C2", "rank correlation, other scenes too", SCENE),
        Row("correlation all C3", "rank correlation, all scenes, this metric", METRIC),
        Row("correlation scene C3", "rank correlation, one scene, this metric", METRIC),
        Row("comparison all C1", "one metric against another, these images", IMAGES),
        Row("comparison all C2", "one metric against another, other scenes too", SCENE),
        Row("comparison all C3", "one metric against another, these metrics", METRIC),
        Row("top1 all C3", "how often the minimiser is the favourite, this metric", METRIC),
        Row("increment all C1", "weight of a metric in a regression, these images", IMAGES),
        Row("increment all C2", "weight of a metric in a regression, other scenes too", SCENE),
        Row("lambda all C1", "learned share of style against the generator's, these images", IMAGES),
        Row("lambda all C2", "learned share of style against the generator's, other scenes too", SCENE),
        Row("gain all C1", "gain of learned weights on scenes left out, these images", IMAGES),
        Row("interior_peak all C1", "a peak inside the parameter's range", IMAGES),
        Row("quadratic_slopes all C1", "Lind and Mehlum's slopes", IMAGES),
        Row("not_monotone all C1", "not monotone along the parameter", IMAGES),
        Row("side_bias all C1", "side bias", tuple(WORLDS)),
        Row("goodness", "one scale does not describe the votes", IMAGES),
    ),
    WORLDS,
    printed,
    cells=((10, 5), (30, 6)),
)
