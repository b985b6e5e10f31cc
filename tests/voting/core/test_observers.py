"""Simulated observers do what their numbers say."""

import math
from itertools import pairwise
from statistics import median

import pytest

from studyplatform.voting.core.observers import Answer, Observers, favourite


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


def test_nobody_else_changes_with_the_share_of_spammers():
    """The answers of seed 5, person 3, as they were before there were spammers; and at any share, of who looks."""
    person = Observers({"a": 0.3}, seed=5).person(3)
    assert [(a.choice, a.rt_ms) for a in (person.answer("a", "b") for _ in range(4))] == [
        ("right", 2258),
        ("left", 4497),
        ("right", 1973),
        ("left", 2540),
    ]
    honest, mixed = Observers({"a": 0.3}, dropout=0.05), Observers({"a": 0.3}, dropout=0.05, spammers=0.4)
    looking = [i for i in range(200) if not mixed.person(i).spammer]
    assert len(looking) == pytest.approx(120, abs=30)
    for i in looking:
        before, after = honest.person(i), mixed.person(i)
        assert [before.answer("a", "b") for _ in range(9)] == [after.answer("a", "b") for _ in range(9)]


def session(spam: str, number: int = 0, length: int = 400) -> list[Answer]:
    person = Observers({"a": 9.0}, taste_sd=0, dropout=0.5, spammers=1.0, spam=spam).person(number)
    found = [person.answer("a", "b", ties=True) for _ in range(length)]
    assert None not in found  # never leaves
    return [answer for answer in found if answer is not None]


def test_spammers_answer_in_their_way_and_do_not_look():
    for spam in ("random", "fast"):
        choices = [answer.choice for answer in session(spam)]
        assert 150 < choices.count("left") < 250
        assert set(choices) == {"left", "right"}
    assert {answer.choice for answer in session("left")} == {"left"}
    assert all(a.choice != b.choice for a, b in pairwise(session("alternate")))
    assert {session("alternate", i, 1)[0].choice for i in range(20)} == {"left", "right"}
    times = [answer.rt_ms for answer in session("fast")]
    assert 300 <= min(times) < 310
    assert 490 < max(times) <= 500
    assert median(answer.rt_ms for answer in session("random")) == pytest.approx(1800, rel=0.1)


def test_the_share_of_spammers_is_as_stated_and_the_same_each_time():
    crowd = Observers({}, spammers=0.25)
    people = [crowd.person(i).spammer for i in range(4000)]
    assert sum(people) == pytest.approx(1000, abs=110)
    assert people == [crowd.person(i).spammer for i in range(4000)]
    assert not any(Observers({}).person(i).spammer for i in range(500))
    assert session("random", 3) == session("random", 3)


def test_who_looks_passes_catch_pairs_and_spammers_do_not():
    """Five known pairs with the better picture on either side; two failures or more exclude."""

    def failures(crowd: Observers, number: int) -> int:
        person = crowd.person(number)
        return sum(
            person.answer("good" if left else "bad", "bad" if left else "good").choice != ("left" if left else "right")
            for left in (True, False, True, False, True)
        )

    honest = Observers({"good": 5.0}, taste_sd=0.3)
    assert sum(failures(honest, i) >= 2 for i in range(500)) < 15
    for spam in ("random", "left", "fast", "alternate"):
        crowd = Observers({"good": 5.0}, taste_sd=0.3, spammers=1.0, spam=spam)
        assert sum(failures(crowd, i) >= 2 for i in range(500)) > (240 if spam == "alternate" else 380)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"spam": "lazy"}, "'lazy'. Choose one of random, left"), ({"spammers": 1.5}, r"1\.5 is no share")],
)
def test_a_crowd_that_cannot_be_is_refused_in_words(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Observers({}, **change)


def test_a_favourite_is_the_best_and_an_unknown_one_is_refused():
    keys = {"lr 0.1": {("cat", "lr 0.1")}, "lr 1": {("cat", "lr 1")}, "lr 10": {("cat", "lr 10")}}
    utilities = favourite(keys, "lr 1")
    assert max(utilities, key=utilities.__getitem__) == ("cat", "lr 1")
    with pytest.raises(KeyError, match=r"lr 0\.1, lr 1, lr 10"):
        favourite(keys, "lr 7")
