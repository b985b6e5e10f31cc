"""A bundle is the study: out and back without loss, byte for byte, and safe to open in a spreadsheet."""

import csv
import dataclasses
import io

import pytest

from evaluation.core import bundle
from evaluation.core.analysis import Options, analyse
from evaluation.core.dataset import Score
from tests.evaluation.simulate import study

LOSSES = [[3.5, 2.25, 1e-300], [3e9, 2.0, 0.1 + 0.2]]


@pytest.fixture
def data():
    made = study(utilities=[[0, 1, 0], [0, 1, 2]], losses=LOSSES, n_participants=9, n_trials=12, ties=0.2, control=True)
    params = {"lr": 0.1, "steps": 500, "tv": True, "name": "1"}
    conditions = (dataclasses.replace(made.conditions[0], params=params), *made.conditions[1:])
    scores = (*made.scores[:-1], Score(made.scores[-1].stimulus, "total", None, "failed"))
    scenes = (dataclasses.replace(made.scenes[0], label='=HYPERLINK("x"), "quoted"\nline'), *made.scenes[1:])
    return dataclasses.replace(made, conditions=conditions, scores=scores, scenes=scenes).canonical()


def test_out_and_back_is_the_same_study(data, tmp_path):
    assert bundle.read(bundle.write(data)) == data
    bundle.save(data, tmp_path / "b")
    loaded = bundle.load(tmp_path / "b")
    assert loaded.digest == data.digest
    assert analyse(loaded, Options(draws=199)) == analyse(data, Options(draws=199))


def test_two_exports_are_byte_identical_whatever_the_order_of_rows(data):
    shuffled = dataclasses.replace(data, trials=tuple(reversed(data.trials)), scores=tuple(reversed(data.scores)))
    assert bundle.write(shuffled) == bundle.write(data)


def test_no_cell_of_free_text_can_run_as_a_formula(data):
    for text in ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "'"):
        scene = dataclasses.replace(data.scenes[0], label=text)
        changed = dataclasses.replace(data, scenes=(scene, *data.scenes[1:]))
        cell = next(iter(csv.DictReader(io.StringIO(bundle.table_csv(changed, "scenes").decode(), newline=""))))
        assert cell["scene_label"][0] == "'"
        assert bundle.read(bundle.write(changed)).scenes[0].label == text


def test_the_format_is_what_the_dictionary_says(data):
    text = bundle.table_csv(data, "scores").decode()
    assert "\r" not in text
    assert text.splitlines()[0] == "stimulus_id,metric_id,value,status"
    assert "0.30000000000000004" not in text  # this one failed and is empty
    assert text.splitlines()[-1] == "s1c2,total,,failed"
    assert "1e-300" in text
    conditions = bundle.table_csv(data, "conditions").decode().splitlines()
    assert conditions[0].endswith("param_lr,param_name,param_steps,param_tv")
    assert 'false,o,0.1,"""1""",500,true' in conditions[1]
    trials = bundle.table_csv(data, "trials").decode().splitlines()
    assert trials[0].endswith("condition_left,condition_right")


def test_a_broken_bundle_is_refused_with_its_place(data):
    files = bundle.write(data)
    broken = {**files, "data/trials.csv": files["data/trials.csv"].replace(b",1500,", b",soon,", 1)}
    with pytest.raises(bundle.BundleError, match=r"data/trials.csv, line 2, column rt_ms"):
        bundle.read(broken)
    with pytest.raises(bundle.BundleError, match=r"no column value"):
        bundle.read({**files, "data/scores.csv": files["data/scores.csv"].replace(b"value", b"worth", 1)})
    with pytest.raises(bundle.BundleError, match=r"study.json"):
        bundle.read({})
    with pytest.raises(bundle.BundleError, match=r"data/scenes.csv is missing"):
        bundle.read({k: v for k, v in files.items() if k != "data/scenes.csv"})
    with pytest.raises(KeyError, match="There is no table"):
        bundle.table_csv(data, "votes")
