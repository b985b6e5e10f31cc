"""Pair by pair: shares, their errors with participants as the unit, and which pairs differ."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from evaluation.core import evidence
from evaluation.core.options import Options
from evaluation.core.scale import pairs
from evaluation.core.sections import benjamini_hochberg
from tests.evaluation.simulate import study

FAST = Options(draws=199)


def gathered(data):
    return evidence.gather(data.canonical(), "q", FAST)


@pytest.fixture
def data():
    return study(
        utilities=[[0, 1.5, 0], [0, 0.2, 0.4]], losses=[[1, 2, 3], [1, 2, 3]], n_participants=12, n_trials=20, ties=0.1,
        taste=0.4, seed=4,
    )  # fmt: skip


def by_hand(data, scene, first, second):
    """Share of ``first``, its interval and p, vote by vote."""
    own: dict[str, list[float]] = {}
    for t in data.trials:
        shown = (t.left[2:], t.right[2:])
        if t.scene == scene and set(shown) == {first, second}:
            y = {"left": 1.0, "right": 0.0, "tie": 0.5}[t.choice]
            own.setdefault(t.participant, []).append(y if shown[0] == first else 1 - y)
    n, people = sum(map(len, own.values())), len(own)
    share = sum(map(sum, own.values())) / n
    clustered = people / (people - 1) * sum((sum(v) - share * len(v)) ** 2 for v in own.values()) / n**2
    se = np.sqrt(max(clustered, share * (1 - share) / n)) / (share * (1 - share))
    centre = np.log(share / (1 - share))
    reach = stats.t.ppf(0.975, people - 1) * se
    low, high = (1 / (1 + np.exp(-(centre + side * reach))) for side in (-1, 1))
    return n, people, share, low, high, 2 * stats.t.sf(abs(centre) / se, people - 1)


def test_every_pair_is_what_its_votes_say(data):
    rows = pairs.pairs_section(gathered(data)).rows["pairs"]
    assert [(r["scene_id"], r["condition_1"], r["condition_2"]) for r in rows] == [
        (s, *pair) for s in ("s0", "s1") for pair in (("c0", "c1"), ("c0", "c2"), ("c1", "c2"))
    ]
    for r in rows:
        n, people, share, low, high, p = by_hand(data, r["scene_id"], r["condition_1"], r["condition_2"])
        assert (r["n"], r["n_participants"]) == (n, people)
        assert [r[k] for k in ("p_1", "ci_low", "ci_high", "p_value")] == pytest.approx(
            [share, low, high, p], abs=1e-12
        )
        assert r["wins_1"] + r["wins_2"] == r["n"]
        assert r["item_1"] == f"{r['scene_id']}{r['condition_1']}"
    assert [r["q_bh"] for r in rows] == benjamini_hochberg([r["p_value"] for r in rows])
    assert [r["class"] for r in rows] == ["different" if r["q_bh"] < 0.05 else "similar" for r in rows]
    assert {r["class"] for r in rows} == {"different", "similar"}


def test_votes_that_all_go_one_way_have_the_sign_test_of_their_participants():
    unanimous = study(utilities=[[0, 60.0]], losses=[[1, 2]], n_participants=9, n_trials=4)
    [row] = pairs.pairs_section(gathered(unanimous)).rows["pairs"]
    assert (row["p_1"], row["ci_low"]) == (0.0, 0.0)
    assert row["ci_high"] == pytest.approx(1 - 0.025 ** (1 / 9))
    assert row["p_value"] == pytest.approx(2 * 0.5**9)


def test_ties_alone_show_no_preference():
    tied = study(utilities=[[0, 1.0]], losses=[[1, 2]], n_participants=9, n_trials=4, ties=1.0)
    [row] = pairs.pairs_section(gathered(tied)).rows["pairs"]
    assert (row["p_1"], row["ties"], row["p_value"], row["class"]) == (0.5, 36, 1.0, "similar")


def test_few_participants_get_a_share_and_a_reason(data):
    few = dataclasses.replace(data, trials=tuple(t for t in data.trials if t.participant < "p005"))
    section = pairs.pairs_section(gathered(few))
    for row in section.rows["pairs"]:
        assert 0 <= row["p_1"] <= 1
        assert [row[k] for k in ("ci_low", "ci_high", "p_value", "q_bh", "class")] == [None] * 5
        assert (row["status"], row["reason_code"]) == ("not_computable", "NC_FEW_PARTICIPANTS")
    assert section.summary["sentence"] == "6 pairs of images were compared."


def test_without_votes_there_are_no_pairs(data):
    section = pairs.pairs_section(gathered(dataclasses.replace(data, trials=())))
    assert section.rows == {"pairs": []}
    assert section.summary["n_pairs"] == 0


def test_more_pairs_than_anybody_reads_are_not_listed(data, monkeypatch):
    monkeypatch.setattr(pairs, "MOST_ROWS", 5)
    section = pairs.pairs_section(gathered(data))
    assert section.rows == {"pairs": []}
    assert "more than 5 and not listed" in section.summary["sentence"]


def test_a_rehearsal_says_so():
    made = study(utilities=[[0, 1.0]], losses=[[1, 2]], n_participants=9, n_trials=4, simulated=True)
    assert pairs.pairs_section(gathered(made)).summary["sentence"].startswith("In this SIMULATED rehearsal, 1 pair")


def test_a_null_pair_is_called_different_at_its_level():
    """Tastes differ, nobody prefers either on average: 5 % of 1 200 pairs, within 3.3 standard errors."""
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(40):
        own = rng.normal(0, 1.0, (30, 30))  # people x scenes
        v = np.repeat(np.arange(900), 4)
        person, scene = v // 30, v % 30
        y = (rng.random(len(v)) < 1 / (1 + np.exp(-own[person, scene]))).astype(float)
        none = np.zeros(len(v), dtype=int)
        table = evidence.VoteTable(
            tuple(map(str, range(30))), tuple(map(str, range(30))), ("a", "b"), person, scene, none, none + 1, y,
            np.full(len(v), np.nan), np.ones((30, 2), dtype=bool),
        )  # fmt: skip
        hits.append(np.mean(pairs.pairs(table).p < 0.05))
    assert abs(np.mean(hits) - 0.05) < 3.3 * np.sqrt(0.05 * 0.95 / 1200)
