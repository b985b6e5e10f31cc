"""The vote and the loss stand in one row."""

import csv
import dataclasses
import io

import numpy as np
import pytest

from evaluation.core.ballots import analysis_set
from evaluation.core.derived import votes_analysis
from tests.evaluation import simulate

UTILITIES = np.array([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]])


@pytest.fixture
def data():
    return simulate.study(utilities=UTILITIES, losses=-UTILITIES, n_participants=8, n_trials=6, ties=0.5)


def rows(data):
    return list(csv.DictReader(io.StringIO(votes_analysis(data).decode())))


def test_every_analysed_vote_has_one_row_with_both_losses(data) -> None:
    votes, _ = analysis_set(data, data.questions[0].id)
    table = rows(data)
    assert len(table) == len(votes)
    assert len({row["trial_id"] for row in table}) == len(votes)
    stored = {(s.stimulus, s.metric): s.value for s in data.scores}
    metric = data.metrics[0]
    for row in table:
        left, right = float(row[f"{metric.key}_left"]), float(row[f"{metric.key}_right"])
        assert left == stored[row["stimulus_left"], metric.id]
        assert right == stored[row["stimulus_right"], metric.id]
        assert float(row[f"d_{metric.key}"]) == left - right


def test_a_tie_is_half_and_no_win(data) -> None:
    table = rows(data)
    assert {(row["choice"], row["win_left"], row["y"]) for row in table} == {
        ("left", "1", "1.0"),
        ("right", "0", "0.0"),
        ("tie", "", "0.5"),
    }


def test_the_rows_do_not_depend_on_the_order_of_the_input(data) -> None:
    shuffled = dataclasses.replace(data, trials=data.trials[::-1], scores=data.scores[::-1])
    assert votes_analysis(shuffled) == votes_analysis(data)
