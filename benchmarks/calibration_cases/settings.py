"""Effects of settings (E17): do their intervals hold what an endless crowd, and endless renders, would show?"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from benchmarks.calibration_cases.worlds import SCENES, TASTES, Answers, Case, Row, inside, pooled_scores
from evaluation.core.dataset import Score, Stimulus, StudyData
from evaluation.core.evidence import gather
from evaluation.core.options import Options
from evaluation.core.sections import Json
from evaluation.core.simulator import Crowd, Design, as_study, expected_shares, simulate
from evaluation.core.voters.layouts import Layout, layout
from evaluation.core.weights.factors import factors_section
from studyplatform.voting.core.bradley_terry import FloatArray

WORLDS = {"single": "single changes from a default", "crossed": "crossed settings", "nothing": "nothing matters"}
#: Further renders of the default, from which the noise of one is known, and its SD in units of the metric.
SEEDS, RENDER_SD = 3, 0.3
Params = list[dict[str, float]]


def grid(kind: str, k: int) -> Params:
    """Settings of ``k`` conditions: crossed with two levels of one (``k`` is even), or changes of one at a time."""
    if kind == "crossed":
        return [{"a": float(a), "b": float(b)} for a, b in itertools.product(range(k // 2), range(2))]
    first = k // 2
    return [{"a": float(c if c <= first else 0), "b": float(c if c > first else 0)} for c in range(k)]


def settings(kind: str, participants: int, k: int, seed: int) -> Answers:
    """The rows of factors.csv: of people (logit), and of a metric with renders of other seeds (raw)."""
    rng = np.random.default_rng([seed, 7])
    size = 0.0 if kind == "nothing" else 0.7
    theta, metric = rng.normal(scale=size, size=(1, k)), rng.normal(scale=size, size=(SCENES, k))
    utilities = np.broadcast_to(theta, (SCENES, k))
    crowd = Crowd(participants, **TASTES)
    data = as_study(simulate(utilities, crowd, Design(30), seed=seed), {"total": metric})
    params = grid(kind, k)
    data = rendered(data, params, metric, rng)
    evidence = gather(data.canonical(), "q", Options(seed=seed, draws=2))
    found = layout([evidence.data.condition[c] for c in evidence.votes.conditions])
    assert isinstance(found, Layout)
    rows = factors_section(evidence).rows["factors"]
    return held(rows, found, pooled_scores(expected_shares(utilities, crowd)), "people", "logit") | held(
        rows, found, metric.mean(axis=0), "total", "raw"
    )


def held(rows: list[Json], found: Layout, truth: FloatArray, kind: str, unit: str) -> Answers:
    """Shares of the intervals of levels, and of the ranges over them, that hold those of ``truth`` (K,)."""
    true = {
        (f.name, level): float(x) for f in found.factors for level, x in zip(f.levels, f.contrasts @ truth, strict=True)
    }
    true |= {(f.name, ""): float(np.ptp(f.contrasts @ truth)) for f in found.factors}
    answers: dict[str, list[float]] = {}
    for row in rows:
        # The default against itself changes nothing, by definition.
        if row["kind"].split(":")[0] == kind and row["unit"] == unit and row["ci_low"] < row["ci_high"]:
            key = f"{kind}_{'level' if row['level'] else 'range'}"
            answers.setdefault(key, []).append(inside(row["ci_low"], true[row["factor"], row["level"]], row["ci_high"]))
    return {key: float(np.mean(each)) for key, each in answers.items()}


def rendered(data: StudyData, params: Params, metric: FloatArray, rng: np.random.Generator) -> StudyData:
    """The study with settings; every render has noise of its own, and the default is rendered anew in every scene."""
    noise = {s.stimulus: float(rng.normal(scale=RENDER_SD)) for s in data.scores}
    scores = [replace(s, value=(s.value or 0.0) + noise[s.stimulus]) for s in data.scores]
    stimuli = list(data.stimuli)
    first = data.conditions[0].id
    for (i, scene), r in itertools.product(enumerate(data.scenes), range(1, SEEDS + 1)):
        name = f"{scene.id}{first}r{r}"
        stimuli.append(Stimulus(name, scene.id, first, replicate=r))
        scores.append(Score(name, "total", float(metric[i, 0] + rng.normal(scale=RENDER_SD))))
    conditions = [
        replace(c, params=p, is_default=n == 0) for n, (c, p) in enumerate(zip(data.conditions, params, strict=True))
    ]
    return replace(data, conditions=tuple(conditions), stimuli=tuple(stimuli), scores=tuple(scores))


SETTINGS = Case(
    "settings",
    "Effects of settings",
    "Share of the 95 % intervals that hold what an endless crowd would say, or endless renders of the loss would show "
    f"(the noise of one render is known from {SEEDS} more of the default in each scene).",
    (
        Row("people_level", "**change of preference by a level of a setting (shipped)**", tuple(WORLDS), "coverage"),
        Row("people_range", "**range of preference over the levels (shipped)**", tuple(WORLDS), "coverage"),
        Row("total_level", "**change of a metric by a level of a setting (shipped)**", tuple(WORLDS), "coverage"),
        Row("total_range", "**range of a metric over the levels (shipped)**", tuple(WORLDS), "coverage"),
    ),
    WORLDS,
    settings,
    cells=((10, 6), (30, 6), (60, 8)),
)
