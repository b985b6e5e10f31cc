"""Votes and participants that carry the winner: by hand and by brute force."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation.core.ballots import Ballots
from evaluation.core.evidence import POOLED, gather
from evaluation.core.options import Options
from evaluation.core.voters import flips
from studyplatform.voting.core import bradley_terry as bt
from tests.evaluation.simulate import study


def evidence_of(data):
    return gather(data.canonical(), "q", Options(draws=99))


def duel(won, lost, tied=0):
    """A study of two conditions: the second won, lost and tied so often; one vote per participant."""
    data = study(utilities=[0, 0], losses=[1, 2], n_participants=won + lost + tied, n_trials=1)
    winners = ["s0c1"] * won + ["s0c0"] * lost + [""] * tied
    trials = tuple(
        dataclasses.replace(t, choice="left" if t.left == w else "right" if w else "tie")
        for t, w in zip(data.trials, winners, strict=True)
    )
    return dataclasses.replace(data, trials=trials)


@pytest.mark.parametrize(
    ("won", "lost", "tied", "votes", "people"), [(10, 4, 0, 4, 7), (11, 4, 0, 4, 8), (9, 8, 0, 1, 2), (10, 4, 6, 4, 7)]
)
def test_two_conditions_by_hand(won, lost, tied, votes, people):
    found = flips.flips_section(evidence_of(duel(won, lost, tied))).summary
    assert (found["favourite"], found["rival"]) == ("c1", "c0")
    assert (found["votes"], found["participants"]) == (votes, people)
    assert found["share"] == pytest.approx(votes / (won + lost + tied))
    assert f"If {votes} of {won + lost + tied} votes" in found["sentence"]


def test_the_number_is_the_smallest_in_its_order():
    evidence = evidence_of(
        study(utilities=[0, 0.4, 0.8, 1.0], losses=[1, 2, 3, 4], n_participants=25, taste=0.3, seed=2)
    )
    scale, votes = evidence.scales[POOLED], evidence.votes
    box = Ballots(scale.items, scale.n_participants, votes.person, votes.left, votes.right, votes.y)
    leader, rival = (int(i) for i in np.argsort(-scale.theta)[:2])
    found = flips.votes_to_flip(box, leader, rival)
    wins = bt.count_wins(4, votes.left, votes.right, votes.y)
    assert found <= wins[leader, rival]

    def leads_after(m):
        moved = wins.copy()
        moved[leader, rival] -= m
        moved[rival, leader] += m
        return int(np.argmax(bt.fit(moved).theta))

    assert leads_after(found) != leader
    assert all(leads_after(m) == leader for m in range(found))
    people = flips.participants_to_flip(box, scale, leader, rival)
    push = scale.influence[:, leader] - scale.influence[:, rival]
    for gone, still in ((people - 1, True), (people, False)):
        stay = ~np.isin(votes.person, np.argsort(-push)[:gone])
        theta = bt.fit(bt.count_wins(4, votes.left[stay], votes.right[stay], votes.y[stay])).theta
        assert (int(np.argmax(theta)) == leader) == still


def test_votes_beyond_the_direct_meetings_are_used():
    # The two best never met; each met the third one.
    rows = [(0, 2, 1)] * 18 + [(0, 2, 0)] * 2 + [(1, 2, 1)] * 12 + [(1, 2, 0)] * 8
    left, right, y = (np.array(c) for c in zip(*rows, strict=True))
    box = Ballots(("a", "b", "c"), 40, np.arange(40), left, right, y.astype(float))
    # 18:2 against 12:8; six wins moved on either side make it even, the seventh turns it.
    found = flips.votes_to_flip(box, 0, 1)
    assert found == 7


def test_a_shared_lead_has_nothing_to_flip():
    found = flips.flips_section(evidence_of(duel(6, 6))).summary
    assert found["votes"] is None
    assert found["reason"]["code"] == "NC_NO_LEADER"
    assert found["sentence"] == "lr 0.01 and lr 0.02 share the highest score: none of them leads."


def test_a_winner_of_all_and_too_few_votes_give_numbers_or_reasons():
    clear = flips.flips_section(evidence_of(duel(20, 0))).summary
    assert (clear["votes"], clear["participants"]) == (11, None)
    assert clear["reason"]["code"] == "NC_NO_FLIP"
    assert "Leaving out participants would not change who leads." in clear["sentence"]
    few = flips.flips_section(evidence_of(duel(3, 1))).summary
    assert few["reason"]["code"] == "NC_FEW_VOTES"
    assert json.dumps([clear, few], allow_nan=False)
