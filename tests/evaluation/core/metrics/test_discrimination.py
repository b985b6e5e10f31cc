"""Different/similar and better/worse: AUCs against their definition, refusals."""

import itertools
import json

import numpy as np
import pytest
from scipy import stats

from evaluation.core.evidence import gather
from evaluation.core.metrics import discrimination as disc
from evaluation.core.options import Options
from evaluation.core.sections import benjamini_hochberg
from tests.evaluation.simulate import study


def evidence(data, draws=99, seed=1):
    return gather(data.canonical(), "q", Options(draws=draws, seed=seed))


def half(x):
    return 1.0 if x > 0 else 0.5 if x == 0 else 0.0


def test_the_three_statistics_by_their_definition():
    rng = np.random.default_rng(4)
    gap, lead, different = np.round(rng.normal(size=20), 1), rng.normal(size=20), rng.random(20) < 0.5
    found = disc.statistics(gap, lead, different)
    ds = [half(abs(a) - abs(b)) for a, b in itertools.product(gap[different], gap[~different])]
    right = (-np.sign(lead) * gap)[different]
    bw = [half(a + b) for a, b in itertools.permutations(right, 2)]
    assert found == pytest.approx([np.mean(ds), np.mean(bw), np.mean([half(r) for r in right])])


def test_better_worse_does_not_depend_on_which_picture_is_named_first():
    rng = np.random.default_rng(5)
    gap, lead = rng.normal(size=40), rng.normal(size=40)
    every = np.ones(40, bool)
    flip = np.where(rng.random(40) < 0.5, -1, 1)
    one = disc.statistics(gap, lead, every)
    other = disc.statistics(gap * flip, lead * flip, every)
    assert one[1:] == pytest.approx(other[1:])
    # And it is the mean, over the orientations, of the usual AUC of 'first is better' by the metric.
    aucs = []
    for _ in range(300):
        flip = np.where(rng.random(40) < 0.5, -1, 1)
        better, g = lead * flip > 0, gap * flip
        u = stats.mannwhitneyu(-g[better], -g[~better]).statistic
        aucs.append(u / (better.sum() * (~better).sum()))
    assert one[1] == pytest.approx(np.mean(aucs), abs=3.3 * np.std(aucs) / np.sqrt(300) + 0.01)


def test_the_step_up_is_that_of_benjamini_and_hochberg():
    p = np.random.default_rng(7).random(50) ** 3
    limit = disc.step_up(p, 0.05)
    assert np.array_equal(p <= limit, np.array(benjamini_hochberg(list(p))) <= 0.05)
    assert disc.step_up(np.array([0.5, 0.9]), 0.05) < 0


def test_a_metric_that_knows_and_one_that_does_not():
    rng = np.random.default_rng(8)
    utilities = rng.normal(size=(9, 5))
    data = study(utilities=utilities, losses=-utilities, n_participants=60, n_trials=60)
    found = disc.discrimination_section(evidence(data)).summary["total"]
    assert found["auc_ds"] > 0.9
    assert found["auc_bw"] > 0.99
    assert found["c0"] > 0.95
    assert found["n_scenes"] == 9
    assert found["n_different"] + found["n_similar"] == 90
    blind = study(utilities=utilities, losses=rng.normal(size=(9, 5)), n_participants=60, n_trials=60)
    found = disc.discrimination_section(evidence(blind)).summary["total"]
    assert found["auc_bw"] == pytest.approx(0.5, abs=0.2)
    assert found["auc_ds"] == pytest.approx(0.5, abs=0.2)
    json.dumps(found, allow_nan=False)


def test_votes_on_different_pairs():
    utilities = np.array([[0.0, 0.0, 3.0]])
    found = evidence(study(utilities=utilities, losses=-utilities, n_participants=40))
    votes = found.votes
    mask = disc.different_votes(found)
    assert np.array_equal(mask, (votes.left == 2) | (votes.right == 2))


@pytest.mark.parametrize(
    ("utilities", "code"),
    [(np.zeros((2, 3)), "NC_NO_DIFFERENT"), (np.array([[0.0, 4.0]]), "NC_NO_SIMILAR")],
)
def test_classes_that_are_empty(utilities, code):
    data = study(utilities=utilities, losses=-utilities + np.arange(utilities.shape[1]), n_participants=40, seed=2)
    said = disc.discrimination_section(evidence(data)).summary["total"]
    assert said["reason"]["code"] == code
    assert said["auc_ds"] is None


def test_few_participants():
    utilities = np.array([[0.0, 1.0, 2.0]])
    said = disc.discrimination_section(evidence(study(utilities=utilities, losses=utilities, n_participants=4))).summary
    assert said["total"]["reason"]["code"] == "NC_FEW_PARTICIPANTS"
