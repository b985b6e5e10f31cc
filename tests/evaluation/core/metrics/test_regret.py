"""Regret of choosing by a metric: by hand, without a winner's curse, beside its benchmarks."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation.core.evidence import gather
from evaluation.core.metrics import regret
from evaluation.core.options import Options
from evaluation.core.resampling import scene_scores
from evaluation.core.verdict.hypotheses import sigma
from tests.evaluation.simulate import study

UTILITIES = np.tile([0.0, 0.3, 1.2], (4, 1))
WRONG = np.tile([1.0, 2, 3], (4, 1))


def evidence(data, draws=199):
    return gather(data.canonical(), "q", Options(draws=draws))


def test_the_regret_of_a_wrong_choice():
    found = regret.regret_section(evidence(study(utilities=UTILITIES, losses=WRONG, n_participants=80)))
    said = found.summary["metrics"]["total"]
    assert said["plugin"] == pytest.approx(1.2, abs=0.25)
    assert said["crossfit"] == pytest.approx(1.2, abs=0.25)
    assert 0 < said["low"] < 1.2 < said["high"]
    assert said["win_plugin"] == sigma(said["plugin"])
    assert "Choosing by total loss, the favourite would win 7" in said["sentence"]
    json.dumps(found.summary, allow_nan=False)


def test_plug_in_by_hand():
    found = evidence(study(utilities=UTILITIES, losses=WRONG))
    scenes = scene_scores(found)
    said = regret.regret_section(found).summary["metrics"]["total"]
    by_hand = [s.theta.max() - s.theta[0] for s in scenes]
    assert said["plugin"] == pytest.approx(np.mean(by_hand))
    assert list(said["by_scene"].values()) == pytest.approx(by_hand)


def test_the_cross_fit_has_no_winner_s_curse():
    """True regret 0: the plug-in is far above it, the cross-fit is not."""
    plugin, crossfit = [], []
    for seed in range(40):
        found = evidence(
            study(utilities=np.zeros((3, 4)), losses=WRONG[:3, [0, 1, 2, 2]], n_participants=12, seed=seed)
        )
        scenes = scene_scores(found)
        split = regret.halves(found.votes, scenes, seed=seed)
        one = regret.regret_of(regret.always(scenes, 0), scenes, split, found.votes.scenes)
        plugin.append(one.plugin)
        crossfit.append(one.crossfit)
    error = np.std(crossfit) / np.sqrt(40)
    assert np.mean(plugin) > 0.2
    assert abs(np.mean(crossfit)) < 3.3 * error
    assert error < 0.05


def test_halves_are_complements():
    found = evidence(study(utilities=UTILITIES, losses=WRONG, n_participants=11))
    scenes = scene_scores(found)
    split = regret.halves(found.votes, scenes, seed=1, splits=6)
    assert split.theta[0].shape == (12, 3)
    assert np.array_equal(split.other(12), [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5])
    both = (split.theta[0] + split.theta[0][split.other(12)]) / 2
    assert both.mean(axis=0) == pytest.approx(scenes[0].theta, abs=0.15)


def test_benchmarks():
    data = study(utilities=UTILITIES, losses=WRONG, n_participants=60)
    conditions = tuple(dataclasses.replace(c, is_default=c.id == "c1") for c in data.conditions)
    found = evidence(dataclasses.replace(data, conditions=conditions))
    summary = regret.regret_section(found).summary
    beside = summary["benchmarks"]
    assert beside["default"]["condition"] == "c1"
    assert beside["default"]["plugin"] == pytest.approx(0.9, abs=0.2)
    assert beside["best_fixed"] == {"condition": "c2", "plugin": 0.0, "crossfit": pytest.approx(0, abs=0.02)}
    assert beside["random"]["plugin"] == pytest.approx((1.2 + 0.9) / 3, abs=0.15)
    assert beside["consensus"]["plugin"] == pytest.approx(0, abs=0.02)
    assert "a random condition" in summary["sentence"]


def test_bounds_hold_the_truth_together():
    misses = 0
    for seed in range(20):
        found = evidence(study(utilities=UTILITIES, losses=WRONG, n_participants=25, taste=0.4, seed=seed), 99)
        said = regret.regret_section(found).summary["metrics"]["total"]
        # Tastes make the marginal difference smaller than the conditional 1.2: about 1.1.
        misses += not said["low"] <= 1.1 <= said["high"]
    assert misses <= 3


def test_few_participants_have_no_bounds():
    data = study(utilities=UTILITIES, losses=WRONG, n_participants=5, n_trials=60)
    said = regret.regret_section(evidence(data)).summary["metrics"]["total"]
    assert said["plugin"] > 0
    assert (said["low"], said["reason"]["code"]) == (None, "NC_FEW_PARTICIPANTS")


def test_no_scores_no_regret():
    data = study(utilities=UTILITIES, losses=WRONG, n_participants=1, n_trials=3)
    section = regret.regret_section(evidence(data))
    assert section.summary["benchmarks"] is None
    assert section.summary["metrics"]["total"]["reason"]["code"] == "NC_FEW_VOTES"
    constant = regret.regret_section(evidence(study(utilities=UTILITIES, losses=np.ones((4, 3)))))
    assert constant.summary["metrics"]["total"]["reason"]["code"] == "NC_CONSTANT_METRIC"
