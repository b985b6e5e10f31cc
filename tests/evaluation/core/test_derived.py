"""The vote and the loss stand in one row."""

import csv
import dataclasses
import io

import numpy as np
import pytest

from evaluation.core import bundle
from evaluation.core.ballots import analysis_set
from evaluation.core.derived import COLUMNS, files, votes_analysis
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


def with_params(data, **levels):
    """``data`` with parameters: name -> the value of each condition."""
    conditions = [
        dataclasses.replace(c, params={name: values[i] for name, values in levels.items() if values[i] is not None})
        for i, c in enumerate(data.conditions)
    ]
    return dataclasses.replace(data, conditions=tuple(conditions))


def test_a_difference_in_standard_deviations_is_within_the_scene() -> None:
    losses = [[1.0, 2.0, 6.0], [10.0, 10.0, 10.0], [3.0, 5.0, 4.0]]
    data = simulate.study(utilities=np.zeros((3, 3)), losses=losses, n_participants=8, n_trials=20)
    gone = dataclasses.replace(data.scores[-1], value=None, status="failed")
    table = rows(dataclasses.replace(data, scores=(*data.scores[:-1], gone)))
    spread = {"s0": np.std([1, 2, 6]), "s1": None}
    for row in table:
        if row["scene_id"] == "s2":  # a score is missing: nothing is standardised there
            assert row["dz_total"] == ""
        elif row["scene_id"] == "s1":
            assert float(row["dz_total"]) == 0
        else:
            assert float(row["dz_total"]) == pytest.approx(float(row["d_total"]) / spread["s0"], abs=1e-12)


def test_a_parameter_stands_on_the_scale_of_the_analysis(data) -> None:
    table = rows(
        with_params(data, lr=[0.01, 0.1, 1], tv=[0, 1, 2], opt=["a", "b", "c"], on=[True, False, True], one=[5, 5, 5])
    )
    assert {name for name in table[0] if name.startswith("x_")} == {
        "x_lr_left",
        "x_lr_right",
        "x_tv_left",
        "x_tv_right",
    }
    for row in table:
        assert float(row["x_lr_left"]) == pytest.approx(np.log10(float(row["param_lr_left"])))
        assert float(row["x_tv_right"]) == float(row["param_tv_right"])  # zero has no logarithm


def test_a_parameter_may_be_none_or_larger_than_any_float(data) -> None:
    levels = [
        {"lr": None, "n": None, "big": 10**400},
        {"lr": 0.1, "n": None, "big": 1},
        {"lr": 10, "n": None, "big": 2},
    ]
    conditions = [dataclasses.replace(c, params=p) for c, p in zip(data.conditions, levels, strict=True)]
    study = dataclasses.replace(data, conditions=tuple(conditions))
    table = rows(study)
    assert {name for name in table[0] if name.startswith("x_")} == {"x_lr_left", "x_lr_right"}
    assert {(row["param_lr_left"], row["x_lr_left"]) for row in table} == {("", ""), ("0.1", "-1.0"), ("10", "1.0")}
    without = [
        dataclasses.replace(c, params={k: v for k, v in c.params.items() if k == "lr" and v}) for c in conditions
    ]
    kept = [dataclasses.replace(c, params={k: v for k, v in c.params.items() if k != "big"}) for c in conditions]
    read = bundle.read(bundle.write(dataclasses.replace(data, conditions=tuple(kept)))).data
    assert read.conditions == tuple(without)


def test_votes_of_one_question_only(data) -> None:
    other = dataclasses.replace(data.questions[0], id="other", position=1)
    both = dataclasses.replace(
        data,
        questions=(*data.questions, other),
        trials=(*data.trials, dataclasses.replace(data.trials[0], id="z", question="other")),
    )
    assert len(rows(both)) == len(rows(data)) + 1
    assert votes_analysis(both, question="q") == votes_analysis(data)


RESULT = {"question": {"id": "q"}, "flow": [{"step": "presented", "words": "a", "n_trials": 2, "n_participants": 1}]}


def test_every_table_of_the_dictionary_is_written_with_its_columns(data) -> None:
    row = {
        "scope": "pooled",
        "scene_id": "",
        "item": "c0",
        "theta": np.float64(0.5),
        "in_favourite_set": np.True_.item(),
    }
    found = files(
        RESULT
        | {"tables": {"human_scores": [row], "quality": [{"a": 1, "b": None}, {"a": 2, "c": "=x"}], "fooling": []}},
        data,
    )
    assert set(found) == {f"derived/{name}.csv" for name in (*COLUMNS, "quality", "votes_analysis")}
    head, line = found["derived/human_scores.csv"].decode().splitlines()
    assert head.startswith("scope,scene_id,item,theta,se_model,se_cluster,ci_low,ci_high,theta_jod,p_best,")
    assert line.startswith("pooled,,c0,0.5,,,,,,,true,")
    assert found["derived/quality.csv"].decode() == "a,b,c\n1,,\n2,,'=x\n"
    assert found["derived/correlations.csv"].decode().count("\n") == 1
    assert found["derived/flow.csv"].decode() == "step,words,n_trials,n_participants\npresented,a,2,1\n"


@pytest.mark.parametrize(
    ("row", "words"),
    [({"thetta": 1.0}, "has no column thetta"), ({"theta": float("nan")}, "theta: nan is not a number")],
)
def test_a_mistake_of_the_analysis_is_not_written_down(data, row, words) -> None:
    with pytest.raises(ValueError, match=words):
        files(RESULT | {"tables": {"human_scores": [row]}}, data)
