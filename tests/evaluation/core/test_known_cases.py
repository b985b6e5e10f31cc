"""Crowds whose truth is known, through the analysis: what was planted comes back, what was not does not.

One test per case of the specification's list. Truths are those of an endless crowd (``expected_shares``).
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from evaluation.core.analysis import analyse
from evaluation.core.evidence import POOLED, gather
from evaluation.core.metrics.agreement import agreement_section
from evaluation.core.metrics.ordering import correlation_section
from evaluation.core.metrics.regret import regret_section
from evaluation.core.metrics.top1 import top1_section
from evaluation.core.options import Options
from evaluation.core.scale.inference import Scale
from evaluation.core.simulator import Crowd, Design, as_study, expected_shares, simulate
from evaluation.core.voters.data_quality import data_quality_section
from evaluation.core.voters.habits import habits, screened_out
from evaluation.core.voters.heterogeneity import heterogeneity_section
from evaluation.core.voters.ties import ties_section
from evaluation.core.weights.learned import learned_section
from evaluation.core.weights.shape import shape_section
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.flags import Rules

FAST = Options(draws=999)
ALIKE = {"taste": 0.0, "axis": 0.0, "lapse": 0.0}
PROFILE = np.array([0.0, 0.5, 1.3, 0.6, -0.4])
LR = {"lr": [0.01, 0.02, 0.04, 0.08, 0.16]}


def study_of(utilities, metric, crowd, *, trials=30, seed=1, design=None, levels=None, keep=None):
    """A simulated study of one question with one metric (S, K), lower predicted better."""
    votes = simulate(np.asarray(utilities), crowd, design or Design(trials), seed=seed)
    if keep is not None:
        votes = votes.where(keep(votes))
    return as_study(votes, {"total": np.asarray(metric)}, levels=levels)


def evidence_of(*args, **kwargs):
    return gather(study_of(*args, **kwargs).canonical(), "q", FAST)


def verdict_of(data):
    result = analyse(data, FAST)
    json.dumps(result, allow_nan=False)
    return result["headline"]["verdict"]


def every_scene(profile, scenes=4):
    return np.tile(profile, (scenes, 1))


def true_scores(utilities, crowd):
    """Pooled scores of an endless crowd."""
    wins = expected_shares(utilities, crowd).sum(axis=0)
    np.fill_diagonal(wins, 0)
    return bradley_terry.fit(wins, ridge=0.0).theta


def holds(scale, truth):
    """Whether the 95 % intervals of all pairs of scores hold the true differences (at 99.9 %, since there are many)."""
    reach = scale.interval(0.0, 1.0, level=0.999)[1] * scale.se_contrast
    off = (scale.theta[:, None] - scale.theta[None, :]) - (truth[:, None] - truth[None, :])
    return bool((np.abs(off) <= reach + 1e-9).all())


def test_nobody_prefers_anything():
    grid = every_scene([4.0, 3, 2, 1])
    for seed in range(3):
        few = study_of(np.zeros((4, 4)), grid, Crowd(30, **ALIKE), seed=seed)
        assert verdict_of(few) in {"inconclusive", "equivalent"}
    many = study_of(np.zeros((4, 4)), grid, Crowd(200, **ALIKE), trials=60)
    assert verdict_of(many) == "equivalent"


def test_tastes_that_cancel_are_no_preference_and_are_seen_as_tastes():
    crowd = Crowd(60, taste=0.3, axis=1.0)
    data = study_of(np.zeros((4, 5)), every_scene(np.arange(5.0)), crowd)
    assert verdict_of(data) in {"inconclusive", "equivalent"}
    tastes = heterogeneity_section(gather(data.canonical(), "q", FAST)).summary
    alike = heterogeneity_section(
        evidence_of(np.zeros((4, 5)), every_scene(np.arange(5.0)), Crowd(60, **ALIKE))
    ).summary
    assert tastes["agreement_deff"]["deff"] > 2 > 1.4 > alike["agreement_deff"]["deff"]
    assert tastes["taste_sd"] > 0.4 > 0.2 > alike["taste_sd"]


@pytest.mark.parametrize("shared", [False, True])
def test_an_unrelated_metric_is_related_to_these_images_only(shared):
    lucky = for_all = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        shape = (1 if shared else 5, 6)
        utilities, metric = (np.broadcast_to(rng.normal(size=shape), (5, 6)) for _ in range(2))
        found = agreement_section(evidence_of(utilities, metric, Crowd(40), seed=seed)).summary["total"]
        lucky += found["p"] < 0.05
        for_all += found["c3"]["p"] < 0.05
        assert found["c3"]["p"] >= found["p"]
    assert lucky >= 6  # the images do agree or disagree, by chance
    assert for_all <= 2


def test_a_metric_that_is_minus_the_utility():
    utilities = np.random.default_rng(3).normal(size=(6, 5))
    utilities[:, 2] = utilities.max(axis=1) + 1.0
    crowd = Crowd(80, taste=0.2, axis=0.2)
    data = study_of(utilities, -utilities, crowd, trials=40)
    assert verdict_of(data) == "confirmed"
    evidence = gather(data.canonical(), "q", FAST)
    found = agreement_section(evidence).summary["total"]
    truth = expected_shares(utilities, crowd)
    best = np.maximum(truth, 1 - truth)[:, ~np.eye(5, dtype=bool)].mean()
    assert found["low"] < best < found["high"]
    assert max(found["p"], found["c2"]["p"], found["c3"]["p"]) < 0.05
    assert top1_section(evidence).summary["total"]["hits"] == 6
    assert correlation_section(evidence).summary["total"]["pooled"]["spearman"] > 0.85
    assert regret_section(evidence).summary["metrics"]["total"]["crossfit"] == pytest.approx(0, abs=0.05)
    assert holds(evidence.scales[POOLED], true_scores(utilities, crowd))


def test_an_inverted_u_is_seen_and_its_end_refuted():
    crowd = Crowd(40, taste=0.3, axis=0.3)
    data = study_of(every_scene(PROFILE), every_scene([5.0, 4, 3, 2, 1]), crowd, levels=LR)
    assert verdict_of(data) == "refuted"
    shape = shape_section(gather(data.canonical(), "q", FAST)).summary["lr"]
    assert shape["shape"] == "inverted_u"
    assert shape["p_interior_peak"] < 0.05
    assert 0.02 < shape["peak_low"] < shape["peak_x"] < shape["peak_high"] < 0.08


def test_a_plateau_is_no_inverted_u():
    seen = []
    for seed in range(6):
        evidence = evidence_of(
            every_scene([0.0, 0.4, 0.8, 0.8, 0.8]), every_scene(np.arange(5.0)), Crowd(60), levels=LR, seed=seed
        )
        seen.append(shape_section(evidence).summary["lr"]["shape"])
    assert seen.count("inverted_u") == 0
    assert "increasing" in seen


def test_learned_weights_are_those_that_were_planted():
    rng = np.random.default_rng(2)
    style, content = rng.normal(size=(2, 8, 5))
    z = [(m - m.mean(axis=1, keepdims=True)) / m.std(axis=1, keepdims=True) for m in (style, content)]
    crowd = Crowd(60, taste=0.2, axis=0.0)
    votes = simulate(-(0.8 * z[0] + 0.2 * z[1]), crowd, Design(40), seed=1)
    weights = {"style_weight": [1.0] * 5, "content_weight": [1.0] * 5}
    data = as_study(votes, {"style": z[0], "content": z[1]}, levels=weights)
    data = replace(data, metrics=tuple(replace(m, role="objective_part") for m in data.metrics))
    found = learned_section(gather(data.canonical(), "q", FAST)).summary
    assert found["lambda_low"] < 0.8 < found["lambda_high"] < 1
    assert found["lambda_generator"] == pytest.approx(0.5)
    assert found["p"] < 0.001


def test_lapses_and_a_side_bias_come_back():
    crowd = Crowd(80, taste=0, axis=0, lapse=0.15, side=0.5)
    evidence = evidence_of(every_scene([0.0, 0.0, 0.0]), every_scene([1.0, 2, 3]), crowd)
    bias = ties_section(evidence).summary["side"]
    assert bias["low"] < logit(0.85 * expit(0.5) + 0.075) < bias["high"]
    assert bias["p"] < 0.001
    # Sides are random: the bias moves no score.
    biased = evidence_of(every_scene(PROFILE), every_scene(-PROFILE), replace(crowd, lapse=0.0))
    assert holds(biased.scales[POOLED], true_scores(every_scene(PROFILE), replace(crowd, lapse=0.0)))


def test_ties_are_counted_as_half_a_vote_to_each():
    crowd = Crowd(80, **ALIKE, ties=1.0)
    evidence = evidence_of(every_scene(PROFILE), every_scene(-PROFILE), crowd)
    d = PROFILE[:, None] - PROFILE[None, :]
    expected = (1 / (np.exp(d / 2) + 1 + np.exp(-d / 2)))[~np.eye(5, dtype=bool)].mean()
    assert data_quality_section(evidence).summary["tie_rate"] == pytest.approx(expected, abs=0.03)
    assert holds(evidence.scales[POOLED], true_scores(every_scene(PROFILE), crowd))
    assert verdict_of(study_of(every_scene(PROFILE), every_scene(-PROFILE), crowd)) == "confirmed"


def test_a_favourite_that_wins_every_vote_has_a_bound_and_no_infinity():
    profile = [0.0, 0.3, 60.0]
    data = study_of(every_scene(profile), every_scene([3.0, 2, 1]), Crowd(20, **ALIKE))
    assert verdict_of(data) == "confirmed"
    scale = gather(data.canonical(), "q", FAST).scales[POOLED]
    assert [r.code for r in scale.reasons] == ["NC_SEPARATED"]
    assert np.isfinite(scale.theta).all()
    assert verdict_of(study_of(every_scene(profile), every_scene([1.0, 2, 3]), Crowd(20, **ALIKE))) == "refuted"


def test_parts_that_never_met_are_named_and_not_compared():
    def two_islands(votes):
        return (votes.left < 2) == (votes.right < 2)

    profile = [2.0, 0.0, 0.0, 0.5, 0.2]
    data = study_of(every_scene(profile), every_scene([5.0, 4, 3, 1, 2]), Crowd(40), keep=two_islands)
    scale = gather(data.canonical(), "q", FAST).scales[POOLED]
    assert isinstance(scale, Scale)
    assert (scale.items, scale.left_out) == (("c2", "c3", "c4"), ("c0", "c1"))
    assert scale.reasons[0].code == "NC_DISCONNECTED"
    json.dumps(analyse(data, FAST), allow_nan=False)


def test_spammers_blur_but_do_not_turn_the_verdict_and_are_seen():
    crowd = Crowd(60, taste=0.2, axis=0.2, spam_random=0.15, spam_left=0.1)
    data = study_of(every_scene(PROFILE), every_scene(-PROFILE), crowd, trials=40)
    assert verdict_of(data) == "confirmed"
    evidence = gather(data.canonical(), "q", FAST)
    assert holds(evidence.scales[POOLED], true_scores(every_scene(PROFILE), crowd))
    votes = evidence.votes
    always = np.bincount(votes.person, weights=votes.y) == 40
    found = habits(data)
    assert always.sum() >= 3
    assert found.people == votes.people
    assert screened_out(found, Rules())[always].all()
    assert screened_out(found, Rules())[~always].mean() < 0.1


def test_thurstone_people_are_described_in_the_same_units():
    steps = np.log(3) * np.array([0.0, 0.5, 1.0])
    crowd = Crowd(150, **ALIKE, link="normal")
    evidence = evidence_of(every_scene(steps), every_scene(-steps), crowd, trials=40)
    theta = evidence.scales[POOLED].theta
    assert theta[2] - theta[0] == pytest.approx(np.log(3), abs=0.12)  # one JOD
    assert holds(evidence.scales[POOLED], true_scores(every_scene(steps), crowd))


def test_a_focused_design_changes_no_score():
    crowd = Crowd(80, taste=0.2, axis=0.0)
    design = Design(30, hub=[4, 4, 4, 4], focus=0.8)
    evidence = evidence_of(every_scene(PROFILE), every_scene([5.0, 4, 3, 2, 1]), crowd, design=design)
    assert holds(evidence.scales[POOLED], true_scores(every_scene(PROFILE), crowd))
    assert verdict_of(study_of(every_scene(PROFILE), every_scene([5.0, 4, 3, 2, 1]), crowd, design=design)) == "refuted"
