"""Rates of one participant's answers, by hand."""

from studyplatform.voting.core.quality import quality


def test_rates_by_hand():
    q = quality(["left", "left", "tie", "left", "right"], [1000, 200, 900, 250, None])
    assert (q.answers, q.left_rate, q.median_rt_ms, q.longest_run, q.fast_share) == (5, 0.75, 575.0, 2, 0.5)


def test_a_tie_breaks_a_run_and_a_run_of_ties_is_none():
    assert quality(["tie", "tie", "right"], [None] * 3).longest_run == 1
    assert quality(["right"] * 4, [None] * 4).longest_run == 4


def test_nobody_answered():
    q = quality([], [])
    assert (q.answers, q.left_rate, q.median_rt_ms, q.longest_run, q.fast_share) == (0, None, None, 0, None)
