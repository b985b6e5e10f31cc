"""A bundle is the study: out and back without loss, byte for byte, and safe to open in a spreadsheet."""

import csv
import dataclasses
import io

import pytest

from evaluation.core import bundle
from evaluation.core.analysis import analyse
from evaluation.core.dataset import LossPoint, Score
from evaluation.core.options import Options
from tests.evaluation.simulate import study

#: Digest of a tiny study as earlier versions told it.
EARLIER = "1dad828ec4163459537c4e8da90a0caa020eaf950ec5eae378b840c5ffab61a8"
LOSSES = [[3.5, 2.25, 1e-300], [3e9, 2.0, 0.1 + 0.2]]


@pytest.fixture
def data():
    made = study(utilities=[[0, 1, 0], [0, 1, 2]], losses=LOSSES, n_participants=9, n_trials=12, ties=0.2, control=True)
    params = {"lr": 0.1, "steps": 500, "tv": True, "name": "1"}
    made = dataclasses.replace(made, frozen_at="2026-01-02T03:04:05Z")
    conditions = (dataclasses.replace(made.conditions[0], params=params), *made.conditions[1:])
    scores = (*made.scores[:-1], Score(made.scores[-1].stimulus, "total", None, "failed"))
    scenes = (dataclasses.replace(made.scenes[0], label='=HYPERLINK("x"), "quoted"\nline'), *made.scenes[1:])
    curves = tuple(
        LossPoint(made.stimuli[0].id, step, term, None if step == 30 else 0.1 / (1 + step), weight)
        for term, weight in (("style", 1e3), ("total", 1.0)) for step in (0, 3, 30)
    )  # fmt: skip
    return dataclasses.replace(made, conditions=conditions, scores=scores, scenes=scenes, curves=curves).canonical()


def test_out_and_back_is_the_same_study(data, tmp_path):
    assert bundle.read(bundle.write(data)) == bundle.Loaded(data, ())
    bundle.save(data, tmp_path / "b")
    loaded = bundle.load(tmp_path / "b").data
    assert bundle.write(loaded) == bundle.write(data)
    assert loaded.digest == data.digest
    assert analyse(loaded, Options(draws=199)) == analyse(data, Options(draws=199))


def test_the_digest_of_a_study_of_earlier_versions_stands_and_sees_a_mask(data, tmp_path):
    assert study(utilities=[[0, 1]], losses=[[1.0, 2.0]], n_participants=1, n_trials=1).digest == EARLIER
    masked = dataclasses.replace(data, scenes=(dataclasses.replace(data.scenes[0], mask_image_sha256="ab" * 32),))
    assert masked.digest != dataclasses.replace(masked, scenes=data.scenes[:1]).digest
    whole = dataclasses.replace(data, scenes=(masked.scenes[0], *data.scenes[1:]))
    assert bundle.read(bundle.write(whole)).data == whole
    # A bundle that was written before there were masks reads as the same study.
    bundle.save(data, tmp_path / "b")
    scenes = tmp_path / "b" / "data" / "scenes.csv"
    rows = list(csv.DictReader(io.StringIO(scenes.read_text(), newline="")))
    with scenes.open("w", newline="") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name != "mask_image_sha256"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    assert bundle.load(tmp_path / "b").data.digest == data.digest


def test_two_exports_are_byte_identical_whatever_the_order_of_rows(data):
    shuffled = dataclasses.replace(data, trials=tuple(reversed(data.trials)), scores=tuple(reversed(data.scores)))
    assert bundle.write(shuffled) == bundle.write(data)


def test_no_cell_of_free_text_can_run_as_a_formula(data):
    for text in ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "'"):
        scene = dataclasses.replace(data.scenes[0], label=text)
        changed = dataclasses.replace(data, scenes=(scene, *data.scenes[1:]))
        cell = next(iter(csv.DictReader(io.StringIO(bundle.table_csv(changed, "scenes").decode(), newline=""))))
        assert cell["scene_label"][0] == "'"
        assert bundle.read(bundle.write(changed)).data.scenes[0].label == text


def test_the_format_is_what_the_dictionary_says(data):
    text = bundle.table_csv(data, "scores").decode()
    assert "\r" not in text
    assert text.splitlines()[0] == "stimulus_id,metric_id,value,status,run_id,computed_at"
    assert "0.30000000000000004" not in text  # this one failed and is empty
    assert text.splitlines()[-1] == "s1c2,total,,failed,,"
    assert "1e-300" in text
    conditions = bundle.table_csv(data, "conditions").decode().splitlines()
    assert conditions[0].endswith("param_lr,param_name,param_steps,param_tv")
    assert 'false,o,0.1,"""1""",500,true' in conditions[1]
    trials = bundle.table_csv(data, "trials").decode().splitlines()
    assert trials[0].endswith("condition_left,condition_right")


def test_a_broken_bundle_is_refused_with_its_place(data):
    files = bundle.write(data)
    broken = {**files, "data/trials.csv": files["data/trials.csv"].replace(b",false,,1.0", b",maybe,,1.0", 1)}
    with pytest.raises(bundle.BundleError, match=r"data/trials.csv, line 2, column superseded: 'maybe' is neither"):
        bundle.read(broken)
    with pytest.raises(bundle.BundleError, match=r"no column value"):
        bundle.read({**files, "data/scores.csv": files["data/scores.csv"].replace(b"value", b"worth", 1)})
    with pytest.raises(bundle.BundleError, match=r"data/stimuli.csv is missing"):
        bundle.read({})
    with pytest.raises(bundle.BundleError, match=r"data/metrics.csv is missing. A bundle holds data/stimuli.csv, "):
        bundle.read({k: v for k, v in files.items() if k != "data/metrics.csv"})
    with pytest.raises(KeyError, match="There is no table"):
        bundle.table_csv(data, "votes")


def edited(files, name, old, new):
    assert old in files[name]
    return {**files, name: files[name].replace(old, new, 1)}


DAMAGES = {
    "bad JSON": ("study.json", b'"schema": 1,', b'"schema": 1', r"study\.json, line \d+: .*as exported"),
    "missing key": ("study.json", b'"slug"', b'"slog"', r"study\.json: 'slug' is missing or not a text"),
    "wrong kind": ("study.json", b'"simulated": false', b'"simulated": "no"', r"'simulated' is .* not true or false"),
    "unknown primary": ("study.json", b'"primary_metric": ""', b'"primary_metric": "x"', r"primary_metric 'x'"),
    "stimulus": (
        "data/trials.csv",
        b",s0c0,",
        b",gone,",
        r"trials\.csv, line \d+, .*'gone' is not in data/stimuli\.csv",
    ),
    "scene": ("data/stimuli.csv", b"s0c0,s0,", b"s0c0,s9,", r"stimuli\.csv, line 2, .*'s9' is not in data/scenes"),
    "condition": ("data/stimuli.csv", b"s0c0,s0,c0,", b"s0c0,s0,c9,", r"line 2, .*'c9' is not in data/conditions"),
    "metric": ("data/scores.csv", b"s0c0,total", b"s0c0,other", r"line 2, .*'other' is not in data/metrics"),
    "short row": ("data/scores.csv", b",3.5,ok", b"", r"scores\.csv, line 2: fewer cells"),
    "long row": ("data/scores.csv", b",3.5,ok,,", b",3.5,ok,,,1", r"scores\.csv, line 2: more cells"),
    "open quote": ("data/scores.csv", b"s0c0,total", b'"s0c0,total', r"scores\.csv, line \d+: .*Save it as CSV"),
    "role": ("data/stimuli.csv", b",grid,", b",main,", r"stimuli\.csv, line 2, column role: 'main' is none of grid"),
    "choice": ("data/trials.csv", b",left,", b",l,", r"column choice: 'l' is none of left, right, tie, skip, timeout"),
    "direction": ("data/metrics.csv", b"lower_better", b"down", r"column direction: 'down' is none of"),
    "number": (
        "data/questions.csv",
        b",0,false\n",
        b",first,false\n",
        r"questions\.csv, line 2, column position: 'first' is not a whole",
    ),
    "twice": ("data/scores.csv", b"s0c1,", b"s0c0,", r"scores\.csv, line 3: .* stands in line 2 already"),
    "id": ("data/questions.csv", b"q,", b"../q,", r"questions\.csv, line 2: question_id '\.\./q' is no id"),
    "parameter": ("data/conditions.csv", b",500,", b",[1],", r"column param_steps: '\[1\]' is not a text"),
    "column twice": (
        "data/scores.csv",
        b"value,status",
        b"value,value",
        r"scores\.csv, line 1: the column value is .* twice",
    ),
    "underscores": ("data/questions.csv", b",0,false\n", b",1_0,false\n", "'1_0' is not a whole number"),
    "half a letter": (
        "data/conditions.csv",
        b",500,",
        rb',"""\ud800""",',
        r"param_steps: .* holds half of a character",
    ),
    "half a title": ("study.json", b"Learning rate", rb"\ud800", r"study\.json holds half of a character"),
    "parameter nan": ("data/conditions.csv", b",500,", b",NaN,", r"column param_steps: 'NaN' is not a text"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_wrong_is_said_with_its_file_and_row(data, damage):
    name, old, new, words = DAMAGES[damage]
    with pytest.raises(bundle.BundleError, match=words):
        bundle.read(edited(bundle.write(data), name, old, new))


def test_a_table_with_nothing_to_compare_is_refused(data):
    files = bundle.write(data)
    head = {name: content.splitlines(keepends=True)[0] for name, content in files.items()}
    for names, words in (
        (("questions", "trials"), r"questions\.csv has no row"),
        (("scenes", "stimuli", "trials", "scores", "loss_curves"), r"scenes\.csv has no row"),
        (("stimuli", "trials", "scores", "loss_curves"), "nothing to compare"),
    ):
        with pytest.raises(bundle.BundleError, match=words):
            bundle.read({**files, **{f"data/{n}.csv": head[f"data/{n}.csv"] for n in names}})


def test_a_bundle_that_a_spreadsheet_saved_reads_as_the_same(data):
    saved = {n: b"\xef\xbb\xbf" + c if n.endswith(".csv") else c for n, c in bundle.write(data).items()}
    assert bundle.read(saved) == bundle.Loaded(data, ())


def test_a_rehearsal_says_so_in_its_rows_and_its_name(data):
    def column(made, name):
        return {r[name] for r in csv.DictReader(io.StringIO(bundle.table_csv(made, "trials").decode()))}

    assert column(data, "simulated") == {"false"}
    assert column(dataclasses.replace(data, simulated=True), "simulated") == {"true"}
    assert bundle.export_name("demo", simulated=False) == "demo"
    assert bundle.export_name("demo", simulated=True) == "demo_SIMULATED"


def test_participants_come_with_how_they_answered(data):
    first, *rest = [t for t in data.trials if t.participant == "p000"][:5]
    own = [
        dataclasses.replace(first, choice="left", rt_ms=200),
        dataclasses.replace(rest[0], choice="left", rt_ms=1000),
        dataclasses.replace(rest[1], choice="right", rt_ms=3001),
        dataclasses.replace(rest[2], choice="tie", rt_ms=2000),
        dataclasses.replace(rest[3], choice="right", rt_ms=1, superseded=True),
    ]
    made = dataclasses.replace(data, trials=tuple(reversed(own)))
    rows = list(csv.DictReader(io.StringIO(bundle.table_csv(made, "participants").decode())))
    habits = [{k: r[k] for k in ("left_rate", "longest_run", "median_rt_ms", "share_fast")} for r in rows]
    assert habits[0] == {
        "left_rate": repr(2 / 3), "longest_run": "2", "median_rt_ms": "1500", "share_fast": "0.25",
    }  # fmt: skip
    assert set(habits[1].values()) == {""}
    assert bundle.read(bundle.write(made)).data == made.canonical()
