"""Only the visibly changed images: which they are, and that the rest is left out."""

import json

import numpy as np
import pytest

from evaluation.core.evidence import gather
from evaluation.core.metrics import strength
from evaluation.core.options import Options
from tests.evaluation.metrics import add_metric
from tests.evaluation.simulate import study

# People like what is hardly changed; among the changed ones, what the loss says.
UTILITIES = np.tile([2.0, 1.5, 1.0, 0.0, 0.5, 1.0], (5, 1))
LOSSES = np.tile([6.0, 5, 4, 3, 2, 1], (5, 1))
DISTANCE = np.tile([0.0, 0.1, 0.2, 0.5, 0.6, 0.7], (5, 1)) * np.array([[1], [10], [100], [1], [1]])


def evidence(data):
    return gather(data.canonical(), "q", Options(draws=199))


@pytest.fixture(scope="module")
def section():
    data = study(utilities=UTILITIES, losses=LOSSES, n_participants=60)
    return strength.strength_section(evidence(add_metric(data, "lpips", DISTANCE, reference="content")))


def test_the_changed_ones_are_above_the_median(section):
    assert section.summary["conditions"] == ["c3", "c4", "c5"]
    assert section.summary["metric"] == "lpips"
    assert "lr 0.04, lr 0.05 and lr 0.06" in section.summary["sentence"]
    assert f"above {section.summary['threshold']:.2f}" in section.summary["sentence"]
    json.dumps(section.summary, allow_nan=False)


def test_the_verdict_turns_round_among_them(section):
    said = section.summary["metrics"]["total"]
    assert said["agreement"]["accuracy"] > 0.55
    assert said["minimum"]["verdict"] == "confirmed"
    assert said["minimum"]["minimiser"] == "c5"
    assert said["minimum"]["sentence"].startswith("Among visibly changed images, lr 0.06 has the lowest total loss")
    assert said["agreement"]["c3"]["reason"]["code"] == "NC_TOO_FEW_CONDITIONS"
    hypotheses = {t.hypothesis for t in section.tests}
    assert hypotheses == {"agreement", "agreement_equiv", "H_min_refute", "H_min_confirm"}
    assert not any(t.confirmatory for t in section.tests)
    assert all("visibly changed" in t.family for t in section.tests)


def test_only_votes_between_two_of_them_count(section):
    data = study(utilities=UTILITIES, losses=LOSSES, n_participants=60)
    changed = {"c3", "c4", "c5"}
    n = sum({t.left[2:], t.right[2:]} <= changed for t in data.trials)
    assert section.summary["metrics"]["total"]["agreement"]["n_votes"] == n


def test_the_median_of_an_odd_grid_is_not_above_itself():
    data = study(utilities=UTILITIES[:, :5], losses=LOSSES[:, :5])
    data = add_metric(data, "lpips", DISTANCE[:, :5], reference="content")
    assert strength.strength_section(evidence(data)).summary["conditions"] == ["c3", "c4"]


def test_similarity_to_the_content_is_turned_round():
    data = study(utilities=UTILITIES, losses=LOSSES)
    data = add_metric(data, "ssim", 1 - DISTANCE, reference="content", direction="higher_better")
    assert strength.strength_section(evidence(data)).summary["conditions"] == ["c3", "c4", "c5"]


def test_an_independent_metric_goes_before_the_objective_s_own_part():
    data = study(utilities=UTILITIES, losses=LOSSES)
    data = add_metric(data, "content", -DISTANCE, reference="content", role="objective_part")
    assert strength.strength_section(evidence(data)).summary["conditions"] == ["c0", "c1", "c2"]
    data = add_metric(data, "lpips", DISTANCE, reference="content")
    assert strength.strength_section(evidence(data)).summary["metric"] == "lpips"


def test_without_such_a_metric_there_is_a_reason():
    section = strength.strength_section(evidence(study(utilities=UTILITIES, losses=LOSSES)))
    assert section.summary["reason"]["code"] == "NC_NO_STRENGTH"
    assert section.tests == ()
