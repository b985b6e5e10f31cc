"""Standard errors by hand, error rates by simulation, gates by their sentences."""

import numpy as np
import pytest

from evaluation.core.ballots import Ballots, analysis_set
from evaluation.core.evidence import vote_table
from evaluation.core.scale import inference
from evaluation.core.scale.inference import NotEstimated, Scale
from studyplatform.voting.core import bradley_terry as bt
from tests.evaluation.simulate import study


def first_scene(data) -> Ballots:
    data = data.canonical()
    votes = vote_table(data, analysis_set(data, "q")[0])
    return votes.group(np.array([0]), np.flatnonzero(votes.there[0]))


def scale_of(data, *, draws=999) -> Scale | NotEstimated:
    labels = {c.id: c.label for c in data.conditions}
    return inference.estimate(first_scene(data), labels=labels, group="Scene A", draws=draws)


def votes_of(rows, n_items) -> Ballots:
    """Ballots from (participant, left, right, y) rows."""
    p, left, right, y = (np.array(column) for column in zip(*rows, strict=True))
    items = tuple(f"c{i}" for i in range(n_items))
    return Ballots(items, int(p.max()) + 1, p, left, right, y.astype(float))


def tables(box) -> np.ndarray:
    """(P, K, K) table of wins of each participant: what the sparse counts stand for."""
    wins = np.zeros((box.n_participants, len(box.items), len(box.items)))
    np.add.at(wins, (box.participant, box.left, box.right), box.y)
    np.add.at(wins, (box.participant, box.right, box.left), 1.0 - box.y)
    return wins


def test_the_jackknife_is_what_it_says():
    data = study(utilities=[0, 0.5, 1.0], losses=[1, 2, 3], n_participants=9, n_trials=20, taste=0.5)
    scale = scale_of(data)
    by_person = tables(first_scene(data))
    fit = bt.fit(by_person.sum(axis=0))
    without = []
    for own in by_person:
        others = by_person.sum(axis=0) - own
        games = others + others.T
        p = bt.win_probability(fit.theta)
        weight = games * p * (1 - p)
        information = np.diag(weight.sum(axis=1)) - weight
        without.append(fit.theta + np.linalg.pinv(information) @ (others - games * p).sum(axis=1))
    deviation = np.array(without) - np.mean(without, axis=0)
    people = len(by_person)
    assert np.allclose(scale.cov, (people - 1) / people * deviation.T @ deviation, atol=1e-10)


def test_the_standard_error_is_the_larger_of_two():
    same_for_all = [(p, 0, 1, y) for p in range(10) for y in (1, 1, 1, 0)]
    scale = inference.estimate(votes_of(same_for_all, 2), labels={"c0": "a", "c1": "b"}, group="g")
    # Everybody voted alike, so the clustered SE is zero and the model's stands: 1/sqrt(n p (1-p)).
    assert scale.se_contrast[0, 1] == pytest.approx(1 / np.sqrt(40 * 0.75 * 0.25), rel=1e-6)
    split = [(p, 0, 1, float(p < 6)) for p in range(10) for _ in range(4)]
    scale = inference.estimate(votes_of(split, 2), labels={"c0": "a", "c1": "b"}, group="g")
    assert scale.se_contrast[0, 1] > 1.5 / np.sqrt(40 * 0.6 * 0.4)


def test_intervals_use_t_with_participants_less_one():
    scale = scale_of(study(utilities=[0, 0.5, 1.0], losses=[1, 2, 3], n_participants=9, n_trials=20))
    low, high = scale.interval(0.0, 1.0)
    assert high == -low == pytest.approx(2.306, abs=5e-4)  # t(8), any table


def test_refuting_a_true_null_stays_within_its_level():
    rejected = replicates = 0
    for seed in range(120):
        data = study(utilities=np.zeros(4), losses=[1, 2, 3, 4], n_participants=24, n_trials=12, taste=0.6, seed=seed)
        scale = scale_of(data)
        rejected += scale.p_some_rival_better(0, np.array([1, 2, 3])) < 0.05
        replicates += 1
    assert rejected / replicates <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / replicates)


def test_refuting_a_true_null_stays_within_its_level_with_few_participants():
    rejected = 0
    for seed in range(120):
        data = study(utilities=np.zeros(4), losses=[1, 2, 3, 4], n_participants=10, n_trials=12, taste=0.6, seed=seed)
        rejected += scale_of(data).p_some_rival_better(0, np.array([1, 2, 3])) < 0.05
    assert rejected / 120 <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 120)


def test_a_clear_favourite_is_alone_in_the_confidence_set():
    scale = scale_of(study(utilities=[0, 0, 1.5, 0], losses=[1, 2, 3, 4]))
    assert scale.favourites(0.05).tolist() == [2]
    nobody = scale_of(study(utilities=[0, 0, 0, 0], losses=[1, 2, 3, 4], n_trials=10))
    assert len(nobody.favourites(0.05)) >= 3


def test_seven_participants_give_estimates_only():
    scale = scale_of(study(utilities=[0, 0.5, 1], losses=[1, 2, 3], n_participants=7))
    assert not scale.testable
    assert "7 participants are too few" in scale.reasons[0].sentence


def test_too_few_votes_are_not_estimated():
    found = scale_of(study(utilities=[0, 0.5, 1], losses=[1, 2, 3], n_participants=2, n_trials=3))
    assert isinstance(found, NotEstimated)
    assert found.reason.code == "NC_FEW_VOTES"
    assert "6 votes over 3 conditions" in found.reason.sentence


def test_a_condition_that_was_never_compared_is_named():
    rows = [(p, 0, 1, y) for p in range(10) for y in (1, 0)] + [(p, 2, 3, y) for p in range(10) for y in (1, 0, 1)]
    rows += [(p, 3, 4, y) for p in range(10) for y in (1, 0)]
    labels = {f"c{i}": f"lr {i}" for i in range(5)}
    scale = inference.estimate(votes_of(rows, 5), labels=labels, group="g")
    assert scale.items == ("c2", "c3", "c4")
    assert scale.left_out == ("c0", "c1")
    assert scale.reasons[0].sentence.startswith("lr 0 and lr 1 were never compared")


def test_separation_is_said_and_stays_finite():
    rows = [(p, 0, 1, 1) for p in range(10) for _ in range(2)] + [(p, 1, 2, y) for p in range(10) for y in (1, 0)]
    scale = inference.estimate(votes_of(rows, 3), labels={f"c{i}": f"lr {i}" for i in range(3)}, group="g")
    assert scale.reasons[0].code == "NC_SEPARATED"
    assert "lr 0 won every vote" in scale.reasons[0].sentence
    assert np.isfinite(scale.theta).all()
    assert np.isfinite(scale.se_contrast).all()
    # Ten of ten people chose it every time: 2 rivals x 2 looks x 2^-10.
    assert scale.p_some_rival_better(1, np.array([0, 2])) == pytest.approx(4 * 0.5**10)
    assert scale.p_each_rival_worse(0, np.array([1]))[0] == pytest.approx(2 * 0.5**10)
    assert scale.p_some_rival_better(0, np.array([1, 2])) == 1


def test_the_exact_bound_lies_above_one_half_just_where_the_sign_test_decides():
    for people in range(8, 13):
        rows = [(p, 0, 1, 1) for p in range(people) for _ in range(2)]
        rows += [(p, 1, 2, y) for p in range(people) for y in (1, 0)]
        scale = inference.estimate(votes_of(rows, 3), labels={f"c{i}": f"lr {i}" for i in range(3)}, group="g")
        for alpha in (0.05, 0.004, 0.0005):
            exact = 1 / (1 + np.exp(-inference._exact_bound(scale.p_unanimous[[0], [1]], alpha / 2)[0]))
            assert exact == pytest.approx((alpha / 2) ** (1 / people))
            assert (exact > 0.5) == (2 * 0.5**people < alpha)
            if exact > 0.5:
                bound = scale.bounds_rival_worse(0, np.array([1]), alpha)[0]
                assert bound == pytest.approx(np.log(exact / (1 - exact)))


def test_a_clean_sweep_in_a_circle_is_no_separation():
    # 0 beat 1 every time, but 1 beat 2 and 2 beat 0: the scores are bounded, though 3 lost everything.
    rows = [(p, 0, 1, 1) for p in range(10)] + [(p, 1, 2, y) for p in range(10) for y in (1, 1, 0)]
    rows += [(p, 2, 0, y) for p in range(10) for y in (1, 1, 0)] + [(p, 0, 3, 1) for p in range(10)]
    scale = inference.estimate(votes_of(rows, 4), labels={f"c{i}": f"lr {i}" for i in range(4)}, group="g")
    assert scale.p_unanimous[0, 1] == 1
    assert scale.p_unanimous[0, 3] == 0.5**10


def test_holm_by_hand():
    assert inference.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert inference.holm([0.02, None, 0.5]) == [0.04, None, 0.5]
    assert inference.holm([0.6, 0.7]) == [1.0, 1.0]
