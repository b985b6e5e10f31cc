"""Simulated observers do what their numbers say."""

import math
from statistics import median

import pytest

from studyplatform.voting.core.observers import Observers, favourite


def answers(crowd: Observers, n: int = 4000, *, ties: bool = False) -> list[str]:
    return [crowd.person(i).answer("a", "b", ties=ties).choice for i in range(n)]


def test_choices_follow_the_utilities():
    crowd = Observers({"a": 1.0, "b": 0.0}, taste_sd=0, side_bias=(0, 0), lapse=0)
    share = answers(crowd).count("left") / 4000
    assert share == pytest.approx(1 / (1 + math.exp(-1)), abs=0.025)


def test_side_bias_and_lapses_pull_as_stated():
    biased = Observers({}, taste_sd=0, side_bias=(0.8, 0), lapse=0)
    assert answers(biased).count("left") / 4000 == pytest.approx(1 / (1 + math.exp(-0.8)), abs=0.025)
    lapsing = Observers({"a": 50.0}, taste_sd=0, side_bias=(0, 0), lapse=0.4)
    assert answers(lapsing).count("left") / 4000 == pytest.approx(0.8, abs=0.025)


def test_tastes_differ_between_people_and_stay_with_a_person():
    crowd = Observers({"a": 0.5}, taste_sd=1.0)
    tastes = [crowd.person(i).utility("a") for i in range(2000)]
    assert sum(tastes) / 2000 == pytest.approx(0.5, abs=0.1)
    assert len(set(tastes)) == 2000
    person = crowd.person(7)
    assert person.utility("b") == person.utility("b")
    assert person.utility("a") == crowd.person(7).utility("a")  # whatever was seen before


def test_response_times_are_long_for_hard_pairs_and_never_impossible():
    crowd = Observers({"easy": 6.0}, taste_sd=0, median_rt_ms=1500)
    easy = median(crowd.person(i).answer("easy", "b").rt_ms for i in range(1500))
    hard = median(crowd.person(i).answer("a", "b").rt_ms for i in range(1500))
    assert easy == pytest.approx(1500, rel=0.1)
    assert hard == pytest.approx(2250, rel=0.1)
    assert min(crowd.person(i).answer("a", "b").rt_ms for i in range(1500)) >= 250


def test_some_leave_and_ties_come_only_where_allowed():
    crowd = Observers({}, dropout=0.3)
    assert sum(crowd.person(i).answer("a", "b") is None for i in range(2000)) == pytest.approx(600, abs=90)
    undecided = Observers({}, taste_sd=0, lapse=0)
    assert "tie" in answers(undecided, 100, ties=True)
    assert "tie" not in answers(undecided, 100)


def test_the_same_seed_is_the_same_crowd():
    def play(seed: int) -> list[object]:
        person = Observers({"a": 0.3}, seed=seed).person(0)
        return [person.answer("a", "b") for _ in range(30)]

    assert play(5) == play(5)
    assert play(5) != play(6)


def test_a_favourite_is_the_best_and_an_unknown_one_is_refused():
    keys = {"lr 0.1": {("cat", "lr 0.1")}, "lr 1": {("cat", "lr 1")}, "lr 10": {("cat", "lr 10")}}
    utilities = favourite(keys, "lr 1")
    assert max(utilities, key=utilities.__getitem__) == ("cat", "lr 1")
    with pytest.raises(KeyError, match=r"lr 0\.1, lr 1, lr 10"):
        favourite(keys, "lr 7")
