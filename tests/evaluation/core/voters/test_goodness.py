"""Does one scale fit: by hand, by its error rate, and on votes that follow two criteria."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from evaluation.core.dataset import Trial
from evaluation.core.evidence import gather
from evaluation.core.options import Options
from evaluation.core.voters import goodness
from evaluation.core.voters.concordance import kendall_u
from studyplatform.voting.core import bradley_terry as bt
from tests.evaluation.simulate import study


def evidence_of(data, draws=199):
    return gather(data.canonical(), "q", Options(draws=draws))


def circle(people=12):
    """Everybody: 0 beats 1, 1 beats 2, 2 beats 0, and all beat 3 now and then."""
    data = study(utilities=[0, 0, 0, 0], losses=[1, 2, 3, 4], n_participants=people, n_trials=1)
    trials = []
    for p, (i, j) in itertools.product(range(people), itertools.combinations(range(4), 2)):
        first = {(0, 1): True, (1, 2): True, (0, 2): False}.get((i, j), p % 4 > 0)
        trials.append(
            Trial(f"t{p}_{i}{j}", f"p{p:03d}", "q", 4 * i + j, "s0", f"s0c{i}", f"s0c{j}", "left" if first else "right")
        )
    return dataclasses.replace(data, trials=tuple(trials))


def test_g2_is_the_likelihood_ratio_against_free_pairs():
    evidence = evidence_of(study(utilities=[0, 0.5, 1, 0.2], losses=[1, 2, 3, 4], n_participants=20))
    fit = goodness.pair_fit(evidence)
    wins = evidence.votes.wins()[0]
    p = bt.win_probability(evidence.scales["s0"].theta)
    free = wins / np.maximum(wins + wins.T, 1)
    off = ~np.eye(4, dtype=bool)
    expected = 2 * np.sum(wins[off] * np.log(free[off] / p[off]))
    assert fit.g2 == pytest.approx(expected)
    assert fit.df == 6 - 3
    games = (wins + wins.T)[off]
    assert fit.x2 == pytest.approx(np.sum((wins[off] - games * p[off]) ** 2 / (games * p[off])))


def test_signs_that_agree_give_back_what_was_observed():
    evidence = evidence_of(study(utilities=[0, 0.5, 1, 0.2], losses=[1, 2, 3, 4], n_participants=20))
    scene = goodness._scene(evidence.votes, 0, evidence.scales["s0"])
    plus = goodness._signed(scene, np.ones((20, 1)))
    assert plus == pytest.approx((scene.won - scene.n * scene.p)[None], abs=1e-6)
    one = goodness._signed(scene, np.eye(20))
    assert one.sum(axis=0) == pytest.approx(plus[0], abs=1e-6)


def test_votes_from_one_scale_are_seldom_called_otherwise():
    rejected = []
    for seed in range(150):
        data = study(
            utilities=[0, 0.4, 0.8, 0.2], losses=[1, 2, 3, 4], n_participants=12, axis=0.5, taste=0.5, seed=seed
        )
        rejected.append(goodness.pair_fit(evidence_of(data)).p <= 0.05)
    assert 0 < np.mean(rejected) <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 150)


def test_a_circle_is_no_scale():
    section = goodness.goodness_section(evidence_of(circle(), draws=999))
    assert section.summary["fit"]["p"] < 0.01
    assert section.summary["sentence"].startswith("One scale does not describe these votes (people may be using two")
    found = section.summary["triads"]
    assert (found["majority"], found["significant"], found["n_complete"]) == (1, 1, 12)
    (row,) = found["scenes"]
    # Those who put 3 last hold one circular triad each; so do those who put it first.
    assert found["own"] == 12
    assert row["mean_zeta"] == pytest.approx(0.5)
    assert row["kendall_u"] == pytest.approx(kendall_u(section_wins()))
    assert json.dumps(section.summary, allow_nan=False)


def section_wins():
    wins = np.zeros((4, 4))
    for i, j in ((0, 1), (1, 2), (2, 0)):
        wins[i, j] = 12
    wins[:3, 3], wins[3, :3] = 9, 3
    return wins


def test_participants_who_tie_or_repeat_are_not_complete():
    data = circle()
    first = data.trials[0]
    tied = (dataclasses.replace(first, choice="tie"), *data.trials[1:])
    again = (*data.trials, dataclasses.replace(first, id="again", position=99))
    twice = (dataclasses.replace(data.trials[1], id="twice", position=99), *data.trials[1:])
    for trials in (tied, again, twice):
        votes = evidence_of(dataclasses.replace(data, trials=trials)).votes
        assert len(goodness._complete(votes, 0, np.arange(4))) == 11


def test_what_is_missing_says_so():
    two = goodness.goodness_section(evidence_of(study(utilities=[0, 1], losses=[1, 2]))).summary
    assert two["fit"]["p"] is None
    assert two["reason"]["code"] == "NC_NO_OVERLAP"
    none = study(utilities=[0, 1, 2], losses=[1, 2, 3])
    empty = goodness.goodness_section(evidence_of(dataclasses.replace(none, trials=()))).summary
    assert empty["fit"] is None
    assert empty["reason"]["code"] == "NC_NO_VOTES"
    assert empty["krippendorff_alpha"]["reason"]["code"] == "NC_NO_OVERLAP"
    assert json.dumps([two, empty], allow_nan=False)
    bots = study(utilities=[0, 1, 2], losses=[1, 2, 3], simulated=True)
    assert "people" not in json.dumps(goodness.goodness_section(evidence_of(bots)).summary)
