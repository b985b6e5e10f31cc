"""Flags: the rules by hand, and how often they find whom, against the table of specs/evaluation.md, E15."""

import math
import random

import numpy as np
import pytest

from studyplatform.voting.core.answers import Answers, clustered, habits, qualities
from studyplatform.voting.core.devices import device_of
from studyplatform.voting.core.flags import Rules, flags, side_p
from studyplatform.voting.core.observers import Observers
from studyplatform.voting.core.quality import Quality, quality

E15 = Rules(catch_rate=0.7, side_p=0.001, run=12, fast_share=0.5)


def answered(choices: list[str], rts: list[int | None] | None = None, caught: str = "") -> Quality:
    """Somebody's answers; ``caught``: one letter per catch pair, p passed and f failed."""
    pairs = [("left", "left" if letter == "p" else "right") for letter in caught]
    return quality(choices, rts or [1500] * len(choices), pairs)


def codes(found: Quality, rules: Rules = E15) -> list[str]:
    return [flag.code for flag in flags(found, rules)]


MIXED = ["left", "right"] * 15


@pytest.mark.parametrize(
    ("caught", "flagged"),
    [("pppp", False), ("fppp", False), ("f", False), ("ffpp", True), ("ff", True), ("ffppppp", False), ("", False)],
)
def test_two_failed_catch_pairs_and_too_small_a_share_flag(caught, flagged):
    assert codes(answered(MIXED, caught=caught)) == (["catch_failed"] if flagged else [])


def test_a_flag_says_what_happened_and_what_was_written_down():
    (flag,) = flags(answered(MIXED, caught="pff"), E15)
    assert flag.words == "failed 2 of 3 catch pairs: passed fewer than the 70 % written down before"


def test_the_other_rules_have_their_borders():
    assert codes(answered(["left"] * 11 + MIXED)) == ["same_side_run"]  # the first of MIXED is the twelfth
    assert codes(answered(["left"] * 10 + MIXED)) == []
    assert codes(answered(["left"] * 10 + ["right"] + ["left"] * 10 + ["right"] + ["left"] * 8)) == ["side_bias"]
    assert codes(answered(MIXED, [499] * 15 + [500] * 15)) == []  # a half is not more than a half
    assert codes(answered(MIXED, [499] * 16 + [500] * 14)) == ["too_fast"]
    assert codes(answered(MIXED, [None] * 30)) == []
    assert codes(answered([])) == []


def test_the_side_p_is_the_exact_binomial_one():
    assert side_p(5, 10) == 1
    assert side_p(0, 0) == 1
    assert side_p(0, 10) == side_p(10, 10) == pytest.approx(2 / 2**10)
    assert side_p(4, 30) == pytest.approx(2 * sum(math.comb(30, k) for k in range(5)) / 2**30)


def crowd(people: int, spam: str | None, catches: int = 5, seed: int = 3) -> list[Quality]:
    """Sessions of 30 pairs with catch pairs, as E15 simulated them: utilities of SD .7, tastes of .3, lapses of .03.

    A catch pair differs by so much that who looks passes unless they lapse.
    """
    rng = random.Random(seed)
    utilities = {n: rng.gauss(0, 0.7) for n in range(9)} | {"right one": 8.0, "broken": -8.0}
    observers = Observers(
        utilities,
        taste_sd=0.3,
        side_bias=(0.0, 0.0),
        seed=seed,
        spammers=float(spam is not None),
        spam=spam or "random",
    )
    found = []
    for number in range(people):
        person = observers.person(number)
        choices, rts, caught = [], [], []
        for k in range(30):
            known = k % 6 == 5 and k // 6 < catches
            pair = ["right one", "broken"] if known else rng.sample(range(9), 2)
            rng.shuffle(pair)
            answer = person.answer(*pair)
            assert answer is not None
            choices.append(answer.choice)
            rts.append(answer.rt_ms)
            if known:
                caught.append((answer.choice, "left" if pair[0] == "right one" else "right"))
        found.append(quality(choices, rts, caught))
    return found


def share(found: list[Quality], *wanted: str) -> float:
    return sum(any(code in wanted for code in codes(q)) for q in found) / len(found)


def near(truth: float, measured: float, people: int, table_se: float) -> bool:
    """Within four standard errors of both simulations, ours and that of the table."""
    se = math.sqrt(truth * (1 - truth) / people + table_se**2)
    return abs(measured - truth) < 4 * se


def test_catch_pairs_find_whom_the_table_says():
    n = 2000
    # Failing two of five passes 60 % at most, so the rule with its share is the table's.
    assert near(0.009, share(crowd(n, None), "catch_failed"), n, 0.002)
    assert near(0.83, share(crowd(n, "random"), "catch_failed"), n, 0.008)
    assert near(0.82, share(crowd(n, "left"), "catch_failed"), n, 0.008)
    # By hand: two or more of five coins, 1 - 6/32.
    assert near(1 - 6 / 32, share(crowd(n, "random"), "catch_failed"), n, 0)


def test_side_rules_find_whom_the_table_says():
    n, sides = 2000, ("side_bias", "same_side_run")
    assert near(0.005, share(crowd(n, None), *sides), n, 0.002)
    assert near(0.006, share(crowd(n, "random"), *sides), n, 0.002)
    assert share(crowd(n, "left"), *sides) == 1
    assert share(crowd(200, "fast"), "too_fast") == 1
    assert share(crowd(n, None), "too_fast") == 0


def test_all_at_once_is_what_one_by_one_says():
    rng = random.Random(1)
    people, table = {}, []
    for person in range(1, 30):
        n = rng.randint(1, 40)
        choices = rng.choices(["left", "right", "tie", "skip"], [5, 4, 1, 1], k=n)
        rts = [rng.choice([None, rng.randint(200, 900)]) for _ in range(n)]
        kinds = rng.choices(["main", "catch", "practice"], [5, 2, 1], k=n)
        caught = [(c, "left") for c, k in zip(choices, kinds, strict=True) if k == "catch" and c != "skip"]
        people[person] = quality(choices, rts, caught)
        for turn, (c, rt, kind) in enumerate(zip(choices, rts, kinds, strict=True)):
            table.append((person, turn, kind, c, rt, "left" if kind == "catch" else "", None, 1, 10, 11))
    assert qualities(Answers.of(table)) == people
    assert qualities(Answers.of([])) == {}


def test_habits_by_hand():
    first = [
        (1, 0, "main", "left", 1000, "", None, 1, 10, 11),
        (1, 1, "main", "tie", 2000, "", None, 1, 12, 11),
        (1, 2, "catch", "right", 900, "right", None, 1, 5, 6),
        (1, 3, "repeat", "right", 900, "", 0, 1, 11, 10),  # the same picture, on the other side
    ]
    second = [
        (2, 0, "main", "right", 3000, "", None, 1, 11, 10),
        (2, 1, "main", "skip", None, "", None, 1, 11, 12),
        (2, 2, "catch", "tie", 900, "left", None, 1, 5, 6),
        (2, 3, "repeat", "right", 900, "", 0, 1, 10, 11),
    ]
    h = habits(Answers.of([*first, *second]), offered=3)
    assert (h.answers, h.left.hits, h.left.n, h.median_rt_ms) == (3, 1, 2, 2000)
    assert (h.ties.hits, h.ties.n, h.catches.hits, h.catches.n, h.repeats.hits, h.repeats.n) == (1, 3, 1, 2, 1, 2)
    assert (h.pairs, h.uneven_sides) == ((0, 1, 2), 1)
    assert habits(Answers.of([]), offered=2).pairs == (0, 0)


def test_the_band_of_the_left_rate_is_wider_where_people_have_sides():
    alike, apart = np.array([10, 10, 10, 10]), np.array([20, 20, 0, 0])
    n = np.array([20] * 4)
    assert clustered(alike, n).low == clustered(alike, n).high == 0.5
    wide = clustered(apart, n)
    assert (wide.low, wide.high) == (0, 1)
    # By hand: squares 1 + 1 + 0 + 0 about 10 of 20 each, times 4/3, over 80^2; t(3) = 3.1824.
    near_half = clustered(np.array([11, 9, 10, 10]), n)
    assert near_half.high == pytest.approx(0.5 + 3.1824463 * math.sqrt(2 * 4 / 3) / 80)
    assert clustered(np.array([3]), np.array([4])).low is None


@pytest.mark.parametrize(
    ("said", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Mobile/15E148 Safari/604.1", "phone"),
        ("Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605 Mobile/15E148 Safari/604.1", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537 Chrome/120 Mobile Safari/537.36", "phone"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537 Chrome/120 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537 Chrome/120 Safari/537.36", "computer"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "computer"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_a_browser_says_its_device(said, device):
    assert device_of(said) == device
