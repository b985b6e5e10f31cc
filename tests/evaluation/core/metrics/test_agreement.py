"""Agreement by hand, its p-values by enumeration and by simulation on three levels of claim, and its columns."""

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.core import clusters
from evaluation.core.clusters import sign_flip
from evaluation.core.evidence import gather
from evaluation.core.metrics import agreement as agree
from evaluation.core.metrics import claims, likelihood
from evaluation.core.metrics.agreement_table import metric_agreement_rows
from evaluation.core.metrics.claims import Permuted, TwoWay
from evaluation.core.metrics.discrimination import discrimination_section
from evaluation.core.metrics.regret import regret_section
from evaluation.core.metrics.top1 import top1_section
from evaluation.core.options import Options
from evaluation.core.words import Reason
from studyplatform.voting.core.claims import DRAWS
from tests.evaluation.metrics import add_metric
from tests.evaluation.simulate import study

R = Path(__file__).parents[4] / "fixtures" / "oracles"
UTILITIES = np.tile([0, 0.4, 1.2, 0.5, -0.3], (6, 1))


def evidence(data, draws=999):
    return gather(data.canonical(), "q", Options(draws=draws))


def within(rejections, level=0.05):
    n = len(rejections)
    return np.mean(rejections) <= level + 3.3 * np.sqrt(level * (1 - level) / n)


def test_accuracy_and_its_standard_error_by_hand():
    credit = np.array([1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1.0])
    who = np.repeat(np.arange(8), 2)
    found = claims.clustered_share(credit, who, 8, 1, seed=1, draws=9999)
    earned = credit.reshape(8, 2).sum(axis=1)
    assert found.accuracy == 0.75
    assert found.se == pytest.approx(np.sqrt(8 / 7 * np.sum((earned - 1.5) ** 2)) / 16)
    assert found.deff == pytest.approx(found.se**2 / (0.75 * 0.25 / 16))


def test_the_sign_flip_is_exact_for_few():
    scores = np.array([2.0, 1.0, 3.0])
    every = [abs(np.dot(signs, scores)) for signs in itertools.product((1, -1), repeat=3)]
    assert sign_flip(scores, seed=1, draws=9999) == np.mean([t >= 6 for t in every]) == 0.25


def test_the_sampled_sign_flip_agrees_with_the_exact_one():
    scores = np.random.default_rng(0).normal(0.4, 1, size=12)
    exact = sign_flip(scores, seed=1, draws=2**12)
    sampled = sign_flip(scores, seed=1, draws=2**12 - 1)
    assert sampled == pytest.approx(exact, abs=4 * np.sqrt(exact / 4096))


def test_the_two_way_variance_by_hand():
    rng = np.random.default_rng(2)
    credit, person, scene = rng.integers(0, 2, 200) * 1.0, rng.integers(0, 10, 200), rng.integers(0, 5, 200)
    credit[(scene == 0) | (person < 2)] = 1.0
    credit[person == 9] = 0.0
    found = claims.two_way_share(credit, person, scene)
    residual = credit - credit.mean()

    def one_way(groups):
        sums = [residual[groups == g].sum() for g in np.unique(groups)]
        return len(sums) / (len(sums) - 1) * np.sum(np.square(sums)) / 200**2

    expected = one_way(person) + one_way(scene) - one_way(person * 5 + scene)
    assert found.se == pytest.approx(np.sqrt(expected))
    assert found.df == 4
    assert claims.two_way_share(credit, person, scene % 3).code == "NC_TOO_FEW_SCENES"


def test_standard_errors_and_slope_equal_r():
    r = json.loads((R / "agreement.json").read_text())
    person, scene, x, y = (np.array(r[key]) for key in ("person", "scene", "x", "y"))
    credit = np.where(x == 0, 0.5, np.where(x < 0, y, 1 - y))
    found = claims.clustered_share(credit, person, 12, 6, seed=1, draws=99)
    assert found.accuracy == pytest.approx(r["accuracy"])
    assert found.se == pytest.approx(r["se_person"], rel=1e-9)
    assert claims.two_way_share(credit, person, scene).se == pytest.approx(r["se_two_way"], rel=1e-9)
    slope, loglik = likelihood.one_parameter(x, y)
    assert slope == pytest.approx(r["slope"], rel=1e-6)
    assert -loglik.mean() == pytest.approx(r["log_loss"], rel=1e-9)


def test_a_slope_without_an_end_is_kept_finite():
    slope, loglik = likelihood.one_parameter(np.array([-1.0, 1.0, -2.0]), np.array([1.0, 0.0, 1.0]))
    assert 2 < slope < 20
    assert np.all(np.isfinite(loglik))


def test_the_joint_permutation_by_enumeration():
    rng = np.random.default_rng(5)
    wins, cells = rng.integers(0, 5, size=(3, 5, 5)) * 1.0, rng.normal(size=(3, 5))
    found = claims.permuted_share(wins, cells, np.ones((3, 5), bool), 0.0, seed=1, draws=999)

    def agreed(order):
        m = cells[:, order]
        return sum(
            wins[s, i, j] * (1.0 if m[s, i] < m[s, j] else -1.0)
            for s in range(3)
            for i in range(5)
            for j in range(5)
            if i != j
        )

    null = [abs(agreed(list(order))) for order in itertools.permutations(range(5))]
    assert found.exact
    assert found.p == np.mean([t >= null[0] - 1e-9 for t in null])
    assert found.smallest == pytest.approx(2 / 120)


def test_the_sampled_permutation_agrees_with_the_exact_one():
    rng = np.random.default_rng(6)
    cells = rng.normal(size=(4, 6))
    wins = 10.0 + 5 * np.sign(cells[:, None, :] - cells[:, :, None] + rng.normal(size=(4, 6, 6)) * 3)
    there = np.ones((4, 6), bool)
    exact = claims.permuted_share(wins, cells, there, 0.0, seed=1, draws=720)
    sampled = claims.permuted_share(wins, cells, there, 0.0, seed=1, draws=719)
    assert exact.exact
    assert not sampled.exact
    assert sampled.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p / 719))


def test_three_conditions_can_never_claim_the_metric():
    found = claims.permuted_share(np.ones((9, 3, 3)), np.ones((9, 3)), np.ones((9, 3), bool), 0.001, seed=1, draws=999)
    assert found.code == "NC_TOO_FEW_CONDITIONS"
    assert "0.33" in found.sentence


def test_scenes_with_grids_of_their_own_are_permuted_each_by_itself():
    rng = np.random.default_rng(7)
    there = np.zeros((4, 20), bool)
    for s in range(4):
        there[s, 5 * s : 5 * s + 5] = True
    cells = np.where(there, rng.normal(size=(4, 20)), np.nan)
    lower = np.nan_to_num(cells)[:, :, None] < np.nan_to_num(cells)[:, None, :]
    wins = np.where(there[:, :, None] & there[:, None, :] & lower, 9.0, 0.0)
    found = claims.permuted_share(wins, cells, there, 0.0, seed=1, draws=999)
    assert not found.joint
    assert found.p == 0.001
    there[:, 0] = True
    there[:, 1] = True
    assert claims.permuted_share(wins, cells, there, 0.0, seed=1, draws=99).code == "NC_TOO_FEW_CONDITIONS"


def test_tastes_that_cancel_are_no_agreement():
    """N0 and N1: nobody prefers anything on average; C1 holds its level."""
    for axis in (0.0, 0.8):
        rejected = []
        for seed in range(150):
            rng = np.random.default_rng([seed, int(10 * axis)])
            lean = axis * rng.normal(size=20) * 0.6
            chance = 1 / (1 + np.exp(-np.repeat(lean, 24)))
            credit = (rng.random(480) < chance) * 1.0
            p = claims.clustered_share(credit, np.repeat(np.arange(20), 24), 20, 1, seed=1, draws=399).p
            rejected.append(p < 0.05)
        assert within(rejected)
        assert any(rejected)


@pytest.mark.parametrize("shared", [False, True])
def test_a_metric_that_has_nothing_to_do_with_real_preferences(shared):
    """N2 (scenes independent): C2 and C3 hold, C1 claims less and does not. N3 (one profile): C3 alone holds."""
    n = 200
    reject = {"C1": [], "C2": [], "C3": []}
    for seed in range(n):
        rng = np.random.default_rng([seed, shared])
        shape = (1, 5) if shared else (6, 5)
        theta, cells = (np.broadcast_to(rng.normal(size=shape), (6, 5)) for _ in range(2))
        person, scene = np.repeat(np.arange(20), 36), rng.integers(0, 6, 720)
        left = rng.integers(0, 5, 720)
        right = (left + rng.integers(1, 5, 720)) % 5
        y = (rng.random(720) < 1 / (1 + np.exp(theta[scene, right] - theta[scene, left]))) * 1.0
        credit = np.where(cells[scene, left] < cells[scene, right], y, 1 - y)
        wins = np.zeros((6, 5, 5))
        np.add.at(wins, (scene, left, right), y)
        np.add.at(wins, (scene, right, left), 1 - y)
        c1 = claims.clustered_share(credit, person, 20, 6, seed=1, draws=199)
        c3 = claims.permuted_share(wins, cells, np.ones((6, 5), bool), c1.p, seed=1, draws=199)
        reject["C1"].append(c1.p < 0.05)
        reject["C2"].append(claims.two_way_share(credit, person, scene).p < 0.05)
        reject["C3"].append(c3.p < 0.05)
    assert within(reject["C3"])
    assert any(reject["C3"])
    assert within(reject["C2"]) != shared
    assert np.mean(reject["C1"]) > 0.2


def test_a_metric_that_is_right_agrees_and_its_opposite_disagrees():
    data = study(utilities=[0, 0.7, 1.4], losses=[3, 2, 1])
    data = add_metric(data, "wrong", [3, 2, 1], direction="higher_better")
    found = agree.agreement_section(evidence(data)).summary
    assert found["total"]["low"] > 0.55
    assert found["total"]["accuracy"] + found["wrong"]["accuracy"] == pytest.approx(1)
    assert found["total"]["p"] == pytest.approx(0.001)
    assert "lower total loss" in found["total"]["sentence"]
    assert "higher WRONG" in found["wrong"]["sentence"]


def test_ties_of_votes_and_of_metrics_are_half():
    data = study(utilities=[0, 1], losses=[2, 1], ties=1.0)
    assert agree.agreement_section(evidence(data, 99)).summary["total"]["accuracy"] == 0.5
    data = study(utilities=[0, 3, 1], losses=[1, 1, 2], n_trials=60)
    assert 0.2 < agree.agreement_section(evidence(data, 99)).summary["total"]["accuracy"] < 0.8


def test_a_metric_without_a_lower_image_is_refused():
    found = agree.agreement_section(evidence(study(utilities=[0, 3], losses=[1, 1]), 99))
    assert found.summary["total"]["reason"]["code"] == "NC_CONSTANT_METRIC"
    assert not found.tests


def test_all_ties_are_chance_as_far_as_so_many_people_can_tell():
    found = agree.agreement_section(evidence(study(utilities=[0, 1], losses=[2, 1], ties=1.0, n_participants=9), 99))
    assert found.summary["total"]["p_chance"] == pytest.approx(2 * 0.5**9)


def test_scenes_that_share_grids_in_groups_have_no_permutation():
    data = study(utilities=np.tile(np.arange(5.0), (4, 1)), losses=np.tile(-np.arange(5.0), (4, 1)), n_trials=40)
    own = {f"s{s}c{c}": f"c{c}" if s < 2 else f"d{c}" for s in range(4) for c in range(5)}
    other = tuple(dataclasses.replace(c, id=f"d{i}", position=9 + i) for i, c in enumerate(data.conditions))
    stimuli = tuple(dataclasses.replace(s, condition=own[s.id]) for s in data.stimuli)
    data = dataclasses.replace(data, conditions=(*data.conditions, *other), stimuli=stimuli)
    said = agree.agreement_section(evidence(data, 99)).summary["total"]
    assert said["c3"]["reason"]["code"] == "NC_NO_SHARED_GRID"


def test_every_part_of_a_metric_s_agreement():
    rng = np.random.default_rng(1)
    data = study(utilities=UTILITIES, losses=-UTILITIES + rng.normal(size=(6, 5)) * 0.3, taste=0.3, n_participants=40)
    section = agree.agreement_section(evidence(data))
    said = section.summary["total"]
    json.dumps(section.summary, allow_nan=False)
    assert said["low"] < said["accuracy"] < said["high"]
    assert said["c2"]["low"] <= said["low"]
    assert said["c3"]["n_permutations"] == 120
    assert said["likelihood"]["slope"] > 0
    assert 0 < said["likelihood"]["explained"] <= 1
    near = said["normalised"]
    assert near["value"] == pytest.approx((said["accuracy"] - 0.5) / (said["ceilings"]["loo"] - 0.5))
    assert f"This is {100 * near['value']:.0f} % of the way" in near["sentence"]
    levels = [(t.hypothesis, t.claim_level) for t in section.tests]
    assert levels == [("agreement", "C1"), ("agreement_equiv", "C1"), ("agreement", "C2"), ("agreement", "C3")]
    assert [t.p_raw for t in section.tests] == [said["p"], said["p_chance"], said["c2"]["p"], said["c3"]["p"]]


def test_pairs_chosen_by_their_votes_have_no_p():
    found = agree.agreement_section(evidence(study(utilities=UTILITIES, losses=-UTILITIES, n_participants=60)))
    part = found.summary["total"]["different_pairs"]
    assert part["accuracy"] > found.summary["total"]["accuracy"]
    assert (part["p"], part["low"], part["reason"]["code"]) == (None, None, "NC_SELECTED")


def test_nobody_is_judged_where_voters_do_not_agree():
    section = agree.agreement_section(evidence(study(utilities=np.zeros((4, 5)), losses=np.ones((4, 5)) * range(5))))
    said = section.summary["total"]["normalised"]
    assert said["value"] is None
    assert said["reason"]["code"] == "NC_NO_AGREEMENT"


def test_few_participants_have_estimates_only():
    section = agree.agreement_section(evidence(study(utilities=UTILITIES, losses=-UTILITIES, n_participants=5)))
    said = section.summary["total"]
    assert said["accuracy"] > 0.5
    assert said["p"] is None
    assert {said[key]["reason"]["code"] for key in ("c2", "c3", "normalised")} == {"NC_FEW_PARTICIPANTS"}
    assert section.tests == ()


def test_a_rehearsal_does_not_speak_of_people():
    data = study(utilities=UTILITIES, losses=-UTILITIES, simulated=True)
    text = json.dumps(agree.agreement_section(evidence(data, 99)).summary)
    assert "In this SIMULATED rehearsal, the image" in text
    assert "people" not in text


def test_a_missing_score_leaves_its_scene_out():
    data = study(utilities=UTILITIES, losses=-UTILITIES)
    data = dataclasses.replace(data, scores=tuple(s for s in data.scores if s.stimulus != "s2c1"))
    assert agree.agreement_section(evidence(data, 99)).summary["total"]["n_scenes"] == 5


def test_frozen_designs_are_corrected_by_holm():
    data = study(utilities=UTILITIES, losses=-UTILITIES)
    data = add_metric(data, "other", UTILITIES)
    trials = tuple(dataclasses.replace(t, submitted_at="2026-02-02T00:00:00Z") for t in data.trials)
    data = dataclasses.replace(data, primary_metric="total", frozen_at="2026-01-01T00:00:00Z", trials=trials)
    tests = agree.agreement_section(evidence(data, DRAWS)).tests
    assert {(t.metric_id, t.confirmatory, t.adjustment) for t in tests} == {
        ("total", True, "holm"),
        ("other", False, "bh"),
    }


COLUMNS = [
    "metric_id",
    "subset",
    "n_votes",
    "n_participants",
    "n_scenes",
    "accuracy",
    "se_c1",
    "ci_low_c1",
    "ci_high_c1",
    "p_c1",
    "se_c2",
    "p_c2",
    "p_c3",
    "deff",
    "log_loss",
    "deviance_explained",
    "slope",
    "ceiling_loo",
    "ceiling_majority",
    "human_human",
    "accuracy_normalised",
    "auc_ds",
    "auc_bw",
    "c0",
    "n_different",
    "n_similar",
    "top1",
    "top1_chance",
    "regret_plugin",
    "regret_crossfit",
    "regret_low",
    "regret_up",
    "status",
    "reason_code",
]


@pytest.mark.parametrize("people", [3, 30])
def test_the_rows_of_the_table(people):
    data = study(utilities=UTILITIES, losses=-UTILITIES, n_participants=people, n_trials=900 // people)
    found = evidence(data, 199)
    rows = metric_agreement_rows(
        found,
        agreement=agree.agreement_section(found).summary,
        discrimination=discrimination_section(found).summary,
        top1=top1_section(found).summary,
        regret=regret_section(found).summary,
    )
    assert [r["subset"] for r in rows] == ["all", "different_pairs"]
    assert all(set(r) == set(COLUMNS) for r in rows)
    assert rows[0]["top1_chance"] == pytest.approx(0.2)
    assert rows[0]["status"] == ("ok" if people == 30 else "warning")


def test_labels_are_permuted_exactly_or_by_draws():
    every, exact = clusters.label_permutations(4, seed=1, draws=24)
    assert exact
    assert len({tuple(row) for row in every}) == 24
    some, exact = clusters.label_permutations(4, seed=1, draws=23)
    assert not exact
    assert some.shape == (23, 4)
    assert np.all(np.sort(some, axis=1) == np.arange(4))
    assert clusters.permutation_p(2.0, np.array([1.0, 2.0, 3.0]), exact=False) == 0.75
    assert clusters.permutation_p(2.0, np.array([1.0, 2.0, 3.0]), exact=True) == pytest.approx(2 / 3)


def test_what_was_refused_is_a_reason():
    found = agree.agreement_of(
        evidence(study(utilities=UTILITIES[:2], losses=-UTILITIES[:2]), 99),
        evidence(study(utilities=UTILITIES[:2], losses=-UTILITIES[:2]), 99).metrics[0],
        held_out=np.full(900, 0.5),
        full=np.zeros(900),
    )
    assert isinstance(found.two_way, Reason)
    assert isinstance(found.permuted, Permuted)
    assert not isinstance(found.two_way, TwoWay)


def test_signs_of_many_participants_need_no_draws():
    scores = np.random.default_rng(3).normal(0.03, 1, size=clusters.MANY + 1)
    many = sign_flip(scores, seed=1, draws=9999)
    few = sign_flip(scores[:-1], seed=1, draws=9999)
    assert many == pytest.approx(few, abs=0.03)
    assert clusters.sign_draws(clusters.MANY + 1, 9999) is None
    assert (clusters.sign_draws(8, 9999), clusters.sign_draws(30, 9999)) == (256, 9999)


def test_the_claim_about_the_metric_includes_the_claim_about_people():
    cells = np.arange(5.0)[None]
    wins = np.where(cells > cells.T, 9.0, 0.0)[None]
    found = claims.permuted_share(wins, cells, np.ones((1, 5), bool), 0.3, seed=1, draws=120)
    assert (found.p, found.p_permutation) == (0.3, pytest.approx(2 / 120))
