"""Whether the answer hangs on the ties, and whether the side matters: planted truths, gates and sentences."""

import json
from dataclasses import replace

import numpy as np
import pytest

from evaluation.core import evidence
from evaluation.core.clusters import t_p
from evaluation.core.options import Options
from evaluation.core.voters import ties
from studyplatform.voting.core import bradley_terry as bt
from tests.evaluation.simulate import study

UTILITIES = [0, 0.4, 1.2, 0.3]
LOSSES = [1, 2, 3, 4]


def section_of(data):
    return ties.ties_section(evidence.gather(data.canonical(), "q", Options(draws=999)))


def turned(data, share, seed=0):
    """The same votes, of which ``share`` were cast for the left picture whatever it showed."""
    rng = np.random.default_rng(seed)
    trials = tuple(replace(t, choice="left") if rng.random() < share else t for t in data.trials)
    return replace(data, trials=trials)


def test_the_contrast_is_of_the_strongest_rival_and_the_minimiser():
    section = section_of(study(utilities=UTILITIES, losses=LOSSES, ties=0.2))
    found = section.summary
    assert (found["minimiser"], found["rival"]) == ("c0", "c2")
    assert found["default"] == "davidson"
    assert found["tie_rate"] == pytest.approx(0.2, abs=0.04)
    assert found["n_ties"] == round(found["tie_rate"] * found["n_votes"])
    assert [m["model"] for m in found["models"]] == ["half_wins", "davidson", "rao_kupper"]
    assert {m["favourite"] for m in found["models"]} == {"c2"}
    assert {m["conclusion"] for m in found["models"]} == {"rival ahead"}
    assert found["same"] is True
    assert found["sentence"].endswith("However they are counted, lr 0.03 is ahead of the minimum, lr 0.01.")
    json.dumps(section.summary, allow_nan=False)


def test_the_numbers_are_those_of_the_estimators():
    data = study(utilities=UTILITIES, losses=LOSSES, ties=0.3, taste=0.5).canonical()
    gathered = evidence.gather(data, "q", Options(draws=999))
    votes = gathered.votes
    fit = bt.fit_davidson(4, votes.left, votes.right, votes.y, cluster=votes.person)
    row = ties.ties_section(gathered).summary["models"][1]
    assert (row["estimate"], row["se"]) == pytest.approx(fit.difference(2, 0))
    assert row["tie"] == pytest.approx(fit.tie)
    assert row["low"] < row["estimate"] < row["high"]


def test_the_minimiser_may_be_the_favourite():
    found = section_of(study(utilities=[1.5, 0, 0, 0], losses=LOSSES, ties=0.1)).summary
    assert found["minimiser"] == "c0"
    assert {m["conclusion"] for m in found["models"]} == {"minimiser ahead"}
    assert "the minimum, lr 0.01, is ahead of" in found["sentence"]


def test_an_interval_around_zero_leaves_it_open():
    found = section_of(study(utilities=[0, 0.05, 0, 0], losses=LOSSES, ties=0.1, n_trials=8)).summary
    assert all(m["low"] < 0 < m["high"] and m["estimate"] != 0 for m in found["models"])
    assert {m["conclusion"] for m in found["models"]} == {"open"}
    assert "it stays open which of" in found["sentence"]


def test_without_ties_the_models_are_one():
    found = section_of(study(utilities=UTILITIES, losses=LOSSES)).summary
    assert found["default"] == "half_wins"
    assert found["sentence"] == "No vote was a tie, so nothing depends on how ties are counted."
    estimates = [m["estimate"] for m in found["models"]]
    assert estimates == pytest.approx([estimates[0]] * 3)
    assert [m["tie"] for m in found["models"]] == [None] * 3


def test_votes_that_are_all_ties_have_no_model_of_ties():
    found = section_of(study(utilities=UTILITIES, losses=LOSSES, ties=1.0)).summary
    half_wins, davidson, _ = found["models"]
    assert half_wins["estimate"] == pytest.approx(0)
    assert davidson["reason"]["code"] == "NC_ALL_TIES"
    assert davidson["estimate"] is None


def test_a_planted_side_effect_is_found_and_named():
    data = turned(study(utilities=UTILITIES, losses=LOSSES), 0.3)
    section = section_of(data)
    side, test = section.summary["side"], section.tests[0]
    assert side["gamma"] > 0.3
    assert side["p"] == test.p_raw < 0.001
    assert test.hypothesis == "side_bias"
    assert test.message == side["sentence"]
    assert "the left one would win" in side["sentence"]
    assert test.df == 29
    assert (test.ci_low, test.ci_high) == (side["low"], side["high"])


def test_no_side_effect_is_rejected_at_its_level():
    rejected, people, each = 0, 12, 20
    for seed in range(300):
        rng = np.random.default_rng(seed)
        person = np.repeat(np.arange(people), each)
        left = rng.integers(0, 4, len(person))
        right = (left + rng.integers(1, 4, len(person))) % 4
        own = np.array(UTILITIES) + 0.6 * rng.normal(size=(people, 4))  # tastes differ, sides do not
        lean = 0.6 * rng.normal(size=people)  # some lean left, some right, nobody on the whole
        d = own[person, left] - own[person, right] + lean[person]
        y = np.where(rng.random(len(d)) < 0.2, 0.5, rng.random(len(d)) < 1 / (1 + np.exp(-d)))
        votes = ties.PooledVotes(("a", "b", "c", "d"), person, left, right, y)
        fit = ties.fit_model(votes, "davidson", side=True)
        rejected += t_p(fit.side, fit.se_side, people - 1) < 0.05
    assert rejected / 300 <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 300)


def test_one_side_that_took_every_vote_is_said():
    section = section_of(turned(study(utilities=UTILITIES, losses=LOSSES), 1.0))
    assert section.summary["side"]["reason"]["code"] == "NC_NO_SIDE"
    assert section.tests[0].status == "not_computable"
    json.dumps(section.summary, allow_nan=False)


def test_seven_participants_give_estimates_only():
    section = section_of(study(utilities=UTILITIES, losses=LOSSES, ties=0.2, n_participants=7))
    row = section.summary["models"][0]
    assert row["estimate"] is not None
    assert row["low"] is None
    assert row["reason"]["code"] == section.summary["side"]["reason"]["code"] == "NC_FEW_PARTICIPANTS"
    assert section.summary["sentence"].endswith("However they are counted, lr 0.03 has the highest score.")


def test_without_scores_or_metric_the_reason_is_given():
    few = section_of(study(utilities=UTILITIES, losses=LOSSES, n_participants=2, n_trials=3))
    assert few.summary["reason"]["code"] == "NC_FEW_VOTES"
    assert few.tests[0].reason_code == "NC_FEW_VOTES"
    data = replace(study(utilities=UTILITIES, losses=LOSSES, ties=0.2), metrics=(), scores=())
    blind = section_of(data).summary
    assert blind["reason"]["code"] == "NC_NO_METRIC"
    assert blind["models"][0]["favourite"] == "c2"
    assert blind["minimiser"] is None


def test_a_metric_of_scenes_without_votes_is_said():
    data = study(utilities=[UTILITIES] * 2, losses=[LOSSES] * 2, ties=0.1)
    data = replace(
        data,
        trials=tuple(t for t in data.trials if t.scene == "s0"),
        scores=tuple(s for s in data.scores if s.stimulus.startswith("s1")),
    )
    section = section_of(data)
    assert section.summary["reason"]["code"] == section.tests[0].reason_code == "NC_NO_VOTES"
    json.dumps(section.summary, allow_nan=False)


def test_a_rehearsal_never_speaks_of_people():
    section = section_of(study(utilities=UTILITIES, losses=LOSSES, ties=0.2, simulated=True))
    for sentence in (section.summary["sentence"], section.summary["side"]["sentence"]):
        assert "SIMULATED" in sentence
        assert "people" not in sentence
