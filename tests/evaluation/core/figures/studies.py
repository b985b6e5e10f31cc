"""Studies that between them have everything a figure can show, and what is drawn of them."""

import dataclasses
import functools
import itertools

import numpy as np

from evaluation.core.analysis import analyse
from evaluation.core.dataset import MetricInfo, Score
from evaluation.core.figures.files import CHARTS
from evaluation.core.options import Options
from generation.core.drawing import style
from tests.evaluation.core.figures.drawn import LONG, boxes
from tests.evaluation.simulate import study

FAST = Options(draws=199)


METRICS = (
    MetricInfo("style", "style", "Style loss (raw)", role="objective_part", comparable_within="scene"),
    MetricInfo("content", "content", "Content loss (raw)", role="objective_part", comparable_within="scene"),
    MetricInfo("lpips", "lpips", "LPIPS", comparable_within="scene"),
)


GRID = [{"style_weight": 10.0**a, "lr": b} for a in (3, 4, 5) for b in (0.01, 0.05, 0.1)]


def study_of(k=6, scenes=3, *, params=None, labels=None, spread=1.0, seed=0, n_trials=40, **more):
    """A study over learning rates (or ``params``, one mapping per condition) with four metrics and response times."""
    rng = np.random.default_rng(seed)
    params = params or [{"lr": round(0.01 * (i + 1), 2)} for i in range(k)]
    hill = -((np.linspace(-1, 1, k) - 0.2) ** 2) * 2 * spread
    utilities = hill + 0.3 * spread * rng.normal(size=(scenes, k))
    losses = 4e5 * (1 + rng.random((scenes, k))) * 10 ** rng.uniform(0, 1, (scenes, 1))
    data = study(utilities=utilities, losses=losses, n_trials=n_trials, taste=0.3, seed=seed, **more)
    scores = [
        Score(f"s{s}c{c}", m.id, float(np.exp(-utilities[s, c] * weight + 0.5 * rng.normal())))
        for m, weight in zip(METRICS, (0.3, 0.2, 0.9), strict=True)
        for s in range(scenes)
        for c in range(k)
    ]
    times = rng.lognormal(np.log(1800), 0.5, len(data.trials))

    def grown(c):
        label = labels[c.position] if labels else c.label
        return dataclasses.replace(c, params=params[c.position], is_default=c.position == 1, label=label)

    return dataclasses.replace(
        data,
        conditions=tuple(grown(c) for c in data.conditions),
        metrics=(*data.metrics, *METRICS),
        primary_metric="total",
        scores=(*data.scores, *scores),
        trials=tuple(dataclasses.replace(t, rt_ms=int(ms)) for t, ms in zip(data.trials, times, strict=True)),
    )


def result_of(data):
    """The analysis of ``data`` with loss curves, and with hyper-parameters where its own grid has none."""
    result = analyse(data, FAST)
    result["tables"]["factors"] = result["tables"]["factors"] or factor_rows(result)
    result["curves"] = curves_of(result)
    return result


def factor_rows(result):
    """Hyper-parameters changed one at a time: the first level of each is the default."""
    rng = np.random.default_rng(5)
    factors = {
        "initialisation": ["Glorot", "He", "orthogonal"],
        "learning_rate": ["1e-4", "4e-4"],
        "batch": ["1", "16"],
    }
    rows = []
    for rank, (factor, levels) in enumerate(factors.items(), start=1):
        for level, (kind, unit) in itertools.product(
            (*levels, ""), (("people", "logit"), (result["primary"], "z"), (result["primary"], "raw"))
        ):
            change = 0.0 if level == levels[0] else float(rng.normal())
            half = 0.3 if change and kind == "people" else 0.0 if kind == "people" else None
            rows.append(
                {"factor": factor, "level": level, "kind": kind, "unit": unit, "change": change,
                 "ci_low": None if half is None else change - half, "ci_high": None if half is None else change + half,
                 "rank": rank, "p_rank_first": None, "status": "ok",
                 "reason_code": "" if kind == "people" else "NC_ONE_SEED"}
            )  # fmt: skip
    return rows


def curves_of(result, steps=20):
    """Loss curves that fall, raw and with a weight on the style."""
    return [
        {"scene": g["scene"], "condition": c["id"], "term": term, "step": 20 * step, "raw": raw,
         "weighted": raw * (1000 if term == "style" else 1)}
        for g in result["groups"] if g["scope"] == "scene"
        for i, c in enumerate(result["conditions"])
        for term in ("content", "style", "total")
        for step in range(steps)
        for raw in [(1 + 0.3 * i) * (1 + 50 * float(np.exp(-step / (2 + i))))]
    ]  # fmt: skip


def long_study():
    params = [{"optimiser": label.split()[0], "restarts": i} for i, label in enumerate(LONG)]
    return study_of(5, 2, labels=LONG, params=params)


def screened_study():
    """Some were left out by a rule, some were pilots, some answers were skipped, one metric lacks a value."""
    data = study_of(5, 2, n_participants=120, n_trials=8)
    why = ["catch_failed" if i % 10 == 6 else "side_bias" if i % 10 == 9 else "" for i in range(120)]
    return dataclasses.replace(
        data,
        participants=tuple(
            dataclasses.replace(p, exclusion_reason=why[i], is_pilot=i % 37 == 5)
            for i, p in enumerate(data.participants)
        ),
        trials=tuple(dataclasses.replace(t, choice="skip") if i % 50 == 3 else t for i, t in enumerate(data.trials)),
        scores=tuple(s for s in data.scores if (s.stimulus, s.metric) != ("s1c2", "total")),
    )


STUDIES = {
    "rates": lambda: study_of(6, 3, simulated=True),
    "grid": lambda: study_of(9, 2, params=GRID, n_participants=40),
    "long": long_study,
    "one scene": lambda: study_of(4, 1, n_participants=12, n_trials=20),
    "few people": lambda: study_of(5, 2, n_participants=6, spread=0.0),
    "screened": screened_study,
}


#: What every study above has, in order.
ALWAYS = ["fig01_votes", "fig03_loss", "fig02_curves", "fig02_curves_weighted", "fig02_losses", "fig05_wins",
          "fig06_agreement", "fig09_regret", "fig10_times", "fig11_participants", "fig12_flow",
          "fig14_factors"]  # fmt: skip


@functools.cache
def result(name):
    return result_of(STUDIES[name]())


#: Figures that look different in a study than in the others; the first two draw all they have.
DRAWN = {
    "rates": CHARTS,
    "long": CHARTS,
    "grid": ("fig04_grid", "fig05_wins", "fig05_wins_by_scene", "fig07_dose"),
    "one scene": ("fig02_losses", "fig05_wins", "fig07_dose"),
    "few people": ("fig06_agreement", "fig07_dose", "fig09_regret"),
    "screened": ("fig02_losses", "fig11_participants", "fig12_flow"),
}


def rows(name, stem):
    chart = next(c for c in CHARTS if c.stem == stem)
    head, *lines = chart.rows(result(name))
    return [dict(zip(head, line, strict=True)) for line in lines]


def texts_of(chart, found, narrow=False):
    return {text for text, _ in boxes(style.styled(functools.partial(chart.draw, found, narrow)))}


def by_stem(stem):
    return next(c for c in CHARTS if c.stem == stem)
