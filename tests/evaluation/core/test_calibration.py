"""A fast part of benchmarks/calibration.py: what tests and intervals promise, on studies whose truth is known."""

import numpy as np
import pytest

from benchmarks.calibration import DOCUMENT, REACH, Count, broken, table
from benchmarks.calibration_cases import CASES, agreements, exclusion, intervals, minimum, printed
from benchmarks.calibration_cases.worlds import ALPHA, Case, Row, world
from evaluation.core import simulator
from evaluation.core.analysis import analyse
from evaluation.core.options import Options
from evaluation.core.sections import Test

STUDIES = 300


def share(replicate, kind, participants, k, *, studies=STUDIES):
    """Mean of each answer over ``studies`` studies."""
    answers = [replicate(kind, participants, k, seed) for seed in range(studies)]
    return {key: float(np.mean([a[key] for a in answers if key in a])) for key in {key for a in answers for key in a}}


def most(studies=STUDIES):
    """The largest share of rejections that a test of level alpha may show."""
    return ALPHA + REACH * np.sqrt(ALPHA * (1 - ALPHA) / studies)


@pytest.mark.parametrize("kind", ["N0", "N1"])
@pytest.mark.parametrize("participants", [10, 30])
def test_refuting_where_nobody_is_preferred(kind, participants):
    found = share(lambda *cell: minimum.pooled(world(*cell), cell[-1]), kind, participants, 5)
    assert found["pooled"] <= most()
    if kind == "N1":
        assert found["votes"] > most()  # what the test is there to catch


def test_refuting_in_any_scene_where_nobody_is_preferred():
    assert share(lambda *cell: minimum.scenes(world(*cell)), "N1", 30, 3, studies=150)["scenes"] <= most(150)


@pytest.mark.parametrize("kind", ["confirm", "equivalent"])
@pytest.mark.parametrize("participants", [10, 30])
def test_saying_yes_at_the_edge(kind, participants):
    assert share(minimum.edge, kind, participants, 5)["shipped"] <= most()


def test_agreement_for_these_images_where_tastes_differ():
    for participants in (10, 30):
        found = share(agreements.agreements, "N1", participants, 5)
        assert max(found["sign_flip"], found["t"], found["two_way"], found["c3"]) <= most()
        assert found["votes"] > most()


def test_agreement_for_other_scenes_and_for_the_metric():
    each, shared = (share(agreements.agreements, kind, 30, 5) for kind in ("N2", "N3"))
    assert max(each["two_way"], each["c3"], shared["c3"]) <= most()
    # The tests for these images find what is there, and would be wrong about the metric; so would the two-way one
    # where the scenes share their profile.
    assert min(each["sign_flip"], shared["sign_flip"], shared["two_way"]) > 2 * most()


def test_agreement_at_the_margin_is_not_called_chance():
    assert share(agreements.margin, "above", 30, 5)["chance"] <= most()


def test_intervals_hold_the_truth():
    found = share(lambda *cell: intervals.scores(world(*cell)) | intervals.agreement(world(*cell)), "N3", 30, 5)
    least = 1 - ALPHA - REACH * np.sqrt(ALPHA * (1 - ALPHA) / STUDIES)
    assert min(found["contrast"], found["agreement"], found["regret_low"], found["regret_high"]) >= least
    assert found["contrast_model"] < least


def test_win_shares_hold_the_truth_where_a_pair_has_a_vote_or_two():
    def both(*cell):
        study = world(*cell)
        return intervals.win_shares(study) | intervals.minimiser_share(study)

    found = share(both, "N3", 10, 9, studies=150)
    least = 1 - ALPHA - REACH * np.sqrt(ALPHA * (1 - ALPHA) / 150)
    assert min(found["win_share"], found["minimiser_share"]) >= least


def test_leaving_out_who_disagrees_makes_preferences_of_nothing():
    found = share(exclusion.exclusion, "N1", 30, 5, studies=100)
    assert max(found["refute_all"], found["agreement_all"]) <= most(100)
    assert min(found["refute_dropped"], found["agreement_dropped"]) > 0.15


ROW = Row("r", "a row", ("N0",))
CASE = Case(
    "case", "A case", "Words.", (ROW,), {"N0": "null", "N1": "other"}, lambda *cell: {}, cells=((10, 3), (30, 5))
)


def test_a_broken_promise_is_seen_and_named():
    fine, bad = Count(400, 30, 30), Count(400, 36, 36)  # .075 and .09 with an error of .011
    assert not broken(ROW, "N0", fine)
    assert broken(ROW, "N0", bad)
    assert not broken(ROW, "N1", bad)  # nothing was promised there
    covered = Row("r", "a row", ("N0",), "coverage")
    assert broken(covered, "N0", Count(400, 360, 360))
    assert not broken(covered, "N0", Count(400, 370, 370))
    text = table(CASE, {("N0", (10, 3), "r"): fine, ("N0", (30, 5), "r"): bad})
    assert "| a row | .075–.090 **broken: 30 people, 5 conditions** | – |" in text


def test_the_cases_promise_what_they_print():
    for case in CASES:
        answers = case.replicate(next(iter(case.worlds)), 30, 5, 1)
        assert set(answers) <= {row.key for row in case.rows}, case.name
        assert all(set(row.judged) <= set(case.worlds) for row in case.rows), case.name
        assert any(row.judged for row in case.rows), case.name
        assert DOCUMENT.read_text().count(f"<!-- {case.name}: begin -->") == 1, case.name


def test_every_p_value_of_an_analysis_has_its_row():
    rows = {row.key for row in printed.PRINTED.rows}
    data = printed.study_of(world("N2", 12, 5, 1), 1)
    tests = analyse(data, Options(draws=99))["tables"]["hypothesis_tests"]
    found = [Test(**{name: value for name, value in row.items() if name != "test_id"}) for row in tests]
    keys = {printed.key_of(t) for t in found if t.p_raw is not None and t.hypothesis not in printed.TRUE_HERE}
    assert len(keys) > 1
    assert keys <= rows


def test_every_study_of_a_cell_is_another_one_and_the_same_next_time():
    first, again, other = (world("N2", 10, 3, seed).votes.y for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert simulator.Crowd().participants == 30
