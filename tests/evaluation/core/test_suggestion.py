"""The next grid: a file that can be rendered, around a planted peak, and better than the minimiser in two rounds."""

import dataclasses
import json
import re
import tomllib

import numpy as np
import pytest
from scipy.special import expit

from evaluation.core.dataset import MetricInfo, Score
from evaluation.core.evidence import POOLED, gather
from evaluation.core.options import Options
from evaluation.core.suggestion import NoSuggestionError, suggest
from evaluation.core.suggestion import toml as toml_text
from generation.core import grid as grids
from generation.core import style_transfer  # noqa: F401  registers the task
from tests.evaluation.simulate import study

FAST = Options(draws=499)
FILE = """
[grid]
title = "Rates and weights"
slug = "rates"
task = "style_transfer"
[sources.cat]
file = "../sources/cat.png"
title = 'Cat "Chelsea"'
licence = "CC0"
[sources.waves]
file = "waves.png"
title = "Waves"
[scenes]
list = [{ content = "cat", style = "waves", label = "A" }]
[parameters]
backbone = "squeezenet1_1"
learning_rate = 0.03
style_weight = 1.0
content_weight = 0.2
[[conditions]]
design = "product"
learning_rate = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
[controls]
photograph = true
[replicates]
seeds = [0, 1]
[reference]
style_weight = 2.0
"""
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
BASE = {"style_weight": 1.0, "content_weight": 0.2, "optimizer": "adam", "size": 384}


def losses(params, scene):
    """Style and content loss as smooth functions of the learning rate and the weights' ratio."""
    rate, ratio = np.log10(params["learning_rate"]), np.log(params["style_weight"] / params["content_weight"])
    reach, harm = expit(4 * (rate + 2.4)), expit(4 * (rate + 1.4))  # the style comes first, the content goes later
    style = (1.2 + 0.1 * scene) * (1 - 0.7 * reach * expit(ratio) - 0.2 * harm)
    content = (0.9 + 0.05 * scene) * (0.2 * reach + 0.8 * harm) * expit(ratio - 0.5) + np.exp(3 * (rate + 0.7))
    return style, content


def utility(params, scene, *, w_style=3.0, w_content=2.3):
    style, content = losses(params, scene)
    return -(w_style * style + w_content * content)


def votes(conditions, *, seed, simulated=False, scenes=4, n_participants=40, n_trials=30, value=utility):
    """A study of ``conditions`` (parameters) whose votes follow ``value``."""
    k = len(conditions)
    table = np.array([[value(p, s) for p in conditions] for s in range(scenes)])
    data = study(utilities=np.zeros((scenes, k)) + table, losses=np.ones((scenes, k)), seed=seed, taste=0.2,
                 n_participants=n_participants, n_trials=n_trials, simulated=simulated)  # fmt: skip
    parts = np.array([[losses(p, s) for p in conditions] for s in range(scenes)])
    weights = {"style_weight": 1.0, "content_weight": 0.2}
    metrics = (
        MetricInfo(
            "total_loss", "total_loss", "Total loss", role="reference_objective", config_json=json.dumps(weights)
        ),
        MetricInfo("style_loss", "style_loss", "Style loss (raw)", role="objective_part", reference="style"),
        MetricInfo("content_loss", "content_loss", "Content loss (raw)", role="objective_part", reference="content"),
    )
    tables = (parts[..., 0] + 0.2 * parts[..., 1], parts[..., 0], parts[..., 1])
    scores = tuple(
        Score(f"s{s}c{c}", m.id, float(t[s, c]))
        for m, t in zip(metrics, tables, strict=True) for s in range(scenes) for c in range(k)
    )  # fmt: skip
    return dataclasses.replace(
        data, primary_metric="total_loss", metrics=metrics, scores=scores,
        conditions=tuple(dataclasses.replace(c, params=p) for c, p in zip(data.conditions, conditions, strict=True)),
    )  # fmt: skip


def worth(params):
    return np.mean([utility(params, s) for s in range(4)])


def favourite_of(evidence):
    scale = evidence.scales[POOLED]
    return evidence.data.condition[scale.items[int(np.argmax(scale.theta))]].params


def first_round(**fields):
    return gather(votes([BASE | {"learning_rate": r} for r in RATES], **fields).canonical(), "q", FAST)


def test_the_suggestion_is_a_grid_file_with_the_same_scenes_and_reference():
    found = suggest(first_round(seed=1), tomllib.loads(FILE))
    old, new = grids.parse(FILE), grids.parse(found.toml)
    assert new.slug == "rates-round-2"
    assert new.title == "Rates and weights, round 2"
    assert (new.scenes, new.sources, new.reference, new.seeds) == (old.scenes, old.sources, old.reference, old.seeds)
    conditions = [c for c in new.conditions if c.role == "grid"]
    assert 4 <= len(conditions) == len(found.reasons) <= 8
    assert [c.role for c in new.conditions].count("control") == 1
    assert all(f"# {reason}" in found.toml for reason in found.reasons)
    assert any("95 % CI" in reason for reason in found.reasons)
    assert "people prefer: learning rate" in found.sentence
    third = suggest(first_round(seed=1), tomllib.loads(found.toml))
    assert grids.parse(third.toml).slug == "rates-round-3"
    assert suggest(first_round(seed=1), tomllib.loads(FILE)) == found  # the same votes, the same file


def test_it_looks_where_the_planted_peak_is():
    def hill(params, scene):
        return -1.5 * (np.log10(params["learning_rate"]) + 1.8) ** 2

    found = suggest(first_round(seed=2, value=hill), tomllib.loads(FILE))
    rates = [c.params["learning_rate"] for c in grids.parse(found.toml).conditions if c.role == "grid"]
    assert min(abs(np.log10(r) + 1.8) for r in rates) < 0.1  # 0.016 lies between 0.01 and 0.03
    assert sum(abs(np.log10(r) + 1.8) < 0.5 for r in rates) >= 3


def test_beyond_an_end_that_is_preferred_but_not_beyond_the_limits():
    def rise(params, scene):
        return 0.8 * np.log10(params["learning_rate"])

    found = suggest(first_round(seed=1, value=rise, n_participants=60), tomllib.loads(FILE))
    rates = [c.params["learning_rate"] for c in grids.parse(found.toml).conditions if c.role == "grid"]
    assert 0.3 < max(rates) < 1.3
    assert "or further (the curve still rises there)" in found.sentence
    assert any("a guess outside what was tested" in reason for reason in found.reasons)


def test_a_curve_beside_the_favourite_is_not_asked_about_the_other_end_of_the_grid():
    def steep(params, scene):
        # A sharp peak at .003 and a flat rest: one quadratic cannot describe it.
        return {0.001: -1.2, 0.003: 1.4}.get(params["learning_rate"], -0.3)

    evidence = first_round(seed=3, value=steep)
    found = suggest(evidence, tomllib.loads(FILE))
    assert "fitted beside the favourite" in found.sentence
    wins = [int(n) for reason in found.reasons for n in re.findall(r"expected to win (\d+) of 100", reason)]
    assert wins
    assert max(wins) <= 100 * expit(1.7) + 8


def test_the_learned_weights_become_a_condition():
    found = suggest(first_round(seed=4, n_participants=80), tomllib.loads(FILE))
    [learned] = [r for r in tomllib.loads(found.toml)["conditions"][0]["rows"] if "content_weight" in r]
    assert learned["content_weight"] == pytest.approx(2.3 / 3, rel=0.4)  # the votes weigh 3 : 2.3
    assert "style : content" in found.sentence


def test_two_rounds_beat_the_minimiser():
    better, further = 0, []
    for seed in range(10):
        evidence = first_round(seed=seed, n_participants=30)
        minimiser = evidence.data.condition[evidence.metric("total_loss").minima[POOLED].items[0]].params
        new = grids.parse(suggest(evidence, tomllib.loads(FILE)).toml)
        conditions = [dict(c.params) for c in new.conditions if c.role == "grid"]
        second = gather(votes(conditions, seed=100 + seed, n_participants=30).canonical(), "q", FAST)
        known, favourite = favourite_of(evidence), favourite_of(second)
        better += worth(favourite) > worth(minimiser)
        further.append(worth(favourite) - worth(known))
    assert better >= 9
    assert np.mean(further) > 0  # and better than the favourite of the first round


def test_two_parameters_and_a_name():
    conditions = [
        {**BASE, "learning_rate": r, "tv_weight": t, "optimizer": o}
        for o in ("adam", "sgd") for r in (0.003, 0.01, 0.03) for t in (0.01, 0.1)
    ][:9]  # fmt: skip

    def value(params, scene):
        hill = -2 * (np.log10(params["learning_rate"]) + 2) ** 2 - 0.5 * np.log10(params["tv_weight"])
        return hill - (params["optimizer"] == "sgd")

    evidence = gather(votes(conditions, seed=1, value=value).canonical(), "q", FAST)
    found = suggest(evidence, tomllib.loads(FILE))
    rows = tomllib.loads(found.toml)["conditions"][0]["rows"]
    assert 4 <= len(rows) <= 8
    assert {"learning_rate", "tv_weight", "optimizer"} <= set(rows[0])
    assert sum(r["optimizer"] == "adam" for r in rows) >= len(rows) - 1  # the minimiser may be the other one
    grids.parse(found.toml)


def test_refusals_are_sentences():
    same = gather(votes([BASE | {"learning_rate": 0.1}] * 3, seed=1).canonical(), "q", FAST)
    with pytest.raises(NoSuggestionError, match="the same parameters"):
        suggest(same, tomllib.loads(FILE))
    names = gather(votes([BASE | {"learning_rate": 0.1, "optimizer": o} for o in ("adam", "sgd", "nadam")], seed=1)
                   .canonical(), "q", FAST)  # fmt: skip
    with pytest.raises(NoSuggestionError, match="has no numeric steps"):
        suggest(names, tomllib.loads(FILE))
    with pytest.raises(NoSuggestionError, match="5 participants are too few"):
        suggest(first_round(seed=1, n_participants=5), tomllib.loads(FILE))
    with pytest.raises(NoSuggestionError, match="not estimated"):
        suggest(first_round(seed=1, n_participants=1, n_trials=1), tomllib.loads(FILE))


def test_votes_that_tell_nothing_keep_the_grid():
    found = suggest(first_round(seed=5, value=lambda params, scene: 0.0, n_participants=20), tomllib.loads(FILE))
    assert found.toml == ""
    assert "keep this grid and ask on" in found.sentence
    assert "more votes" in found.sentence or "as many votes" in found.sentence


def test_a_rehearsal_never_speaks_of_people():
    found = suggest(first_round(seed=1, simulated=True), tomllib.loads(FILE))
    assert found.sentence.startswith("In this SIMULATED rehearsal, the next grid")
    assert "people" not in found.toml


def test_text_comes_back_from_toml():
    table = {"a b": 'x"\\\n\x7f', "n": 1e-06, "whole": 3, "yes": True, "rows": [{"k": 1.5, "l": ["é"]}], "in": {"k": 2}}
    assert tomllib.loads("\n".join(toml_text.table("t", table))) == {"t": table}
    assert toml_text.comment("one\ntwo") == "# one two"
    with pytest.raises(TypeError):
        toml_text.value(None)
