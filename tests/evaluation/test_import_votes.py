"""Votes gathered elsewhere, in the arena format: into a bundle, to a verdict, and back to the same scores."""

import csv
import io
import json
import time

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from evaluation.core import bundle, evidence
from evaluation.core.bundle.arena import INDEPENDENT, _Ids
from evaluation.core.bundle.formats import FORMATS
from evaluation.core.options import Options
from tests.evaluation.simulate import study

UTILITIES = np.array([[0, 0.9, 0.4, -0.3], [0.2, 0.7, 0.1, 0], [-0.2, 0.3, 0.8, 0.1]])
LOSSES = "scene,model,total,ssim\nbeach,old one,1.5,.4\nbeach,new/one,2.5,.3\nforest,old one,7,\nforest,new/one,6,.6\n"
VOTES = (
    "model_a,model_b,winner,scene,judge\n"
    "old one,new/one,model_a,beach,ann\nnew/one,old one,model_b,forest,ann\nold one,new/one,tie,beach,bob\n"
    "old one,new/one,tie (bothbad),forest,bob\n"
)


def put(folder, votes, losses=LOSSES, name="votes.csv"):
    (folder / name).write_text(votes)
    (folder / "losses.csv").write_text(losses)
    return folder / name


def run(votes, folder, **options):
    said = io.StringIO()
    call_command("import_votes", votes, losses=votes.parent / "losses.csv", out=folder / "b", stdout=said, **options)
    return said.getvalue()


def test_two_tables_become_a_study_that_can_be_evaluated(tmp_path):
    said = run(put(tmp_path, VOTES), tmp_path, higher=["ssim"], question="Which is sharper?", title="Two upscalers")
    loaded = bundle.load(tmp_path / "b")
    data = loaded.data
    assert (data.title, [q.text for q in data.questions]) == ("Two upscalers", ["Which is sharper?"])
    assert [(c.id, c.label) for c in data.conditions] == [("old-one", "old one"), ("new-one", "new/one")]
    assert [s.label for s in data.scenes] == ["beach", "forest"]
    assert [(t.choice, t.participant) for t in data.trials] == [
        ("left", "ann"), ("right", "ann"), ("tie", "bob"), ("tie", "bob"),
    ]  # fmt: skip
    assert {m.id: m.direction for m in data.metrics} == {"total": "lower_better", "ssim": "higher_better"}
    assert {(s.stimulus, s.metric): s.value for s in data.scores}["forest:old-one", "ssim"] is None
    assert "1 votes call both bad; they count as ties" in said
    assert INDEPENDENT not in said
    assert "1 votes call both bad" in " ".join(loaded.notes)
    call_command("evaluate", bundle=tmp_path / "b", out=tmp_path / "out", stdout=io.StringIO())
    assert (tmp_path / "out" / "question" / "report.html").exists()


def test_every_line_that_cannot_be_read_is_named_and_none_is_lost(tmp_path):
    bad = "old one,new/one,modelA,beach,ann\n,new/one,tie,beach,ann\nold one,old one,tie,beach,ann\n"
    said = run(put(tmp_path, VOTES + bad + "old one,third,model_b,beach,cy\n"), tmp_path)
    for words in (
        "line 6: winner 'modelA' is none of",
        "line 7: model_a is empty",
        "line 8: 'old one' cannot meet itself",
    ):
        assert words in said
    assert "losses.csv has no row for 'third' in 'beach': its votes stay in" in said
    data = bundle.load(tmp_path / "b").data
    assert len(data.trials) + 3 == len((VOTES + bad).splitlines())
    assert "3 lines of the votes could not be read" in (tmp_path / "b" / "study.json").read_text()
    assert (tmp_path / "b" / "notes.txt").read_text().count(" is left out.") == 3


def test_without_judges_the_intervals_say_what_they_assume(tmp_path):
    plain = "\n".join(line.rsplit(",", 1)[0] for line in VOTES.splitlines()) + "\n"
    assert INDEPENDENT in run(put(tmp_path, plain), tmp_path)
    assert len(bundle.load(tmp_path / "b").data.participants) == 4
    said = io.StringIO()
    call_command("evaluate", bundle=tmp_path / "b", out=tmp_path / "out", stdout=said)
    assert INDEPENDENT in said.getvalue()
    assert INDEPENDENT in (tmp_path / "out" / "notes.txt").read_text()


def test_json_lines_and_columns_of_other_names(tmp_path):
    rows = [
        {"model_a": "x", "model_b": "y", "winner": "model_a", "prompt": "beach", "user": 7, "asked": "Better?"},
        {"model_a": "y", "model_b": "x", "winner": "model_b", "prompt": "beach", "user": 8, "asked": "Nicer?"},
    ]
    votes = put(
        tmp_path, "".join(json.dumps(r) + "\n" for r in rows), "prompt,model,loss\nbeach,x,1\nbeach,y,2\n", "v.jsonl"
    )
    run(votes, tmp_path, scene="prompt", judge="user", question_column="asked")
    data = bundle.load(tmp_path / "b").data
    assert [(t.choice, t.participant) for t in data.trials] == [("left", "7"), ("right", "8")]
    assert [q.text for q in data.questions] == ["Better?", "Nicer?"]


@pytest.mark.parametrize(
    ("votes", "losses", "words"),
    [
        ("model_a,winner\na,tie\n", LOSSES, "votes.csv has no column model_b"),
        (VOTES, "scene,total\nbeach,1\n", "losses.csv has no column model"),
        (VOTES, LOSSES + "beach,old one,3,3\n", "line 6: 'old one' in 'beach' stands above already"),
        (VOTES, LOSSES.replace("1.5", "much"), "line 2, column total: 'much' is no number"),
        (VOTES, "scene,model\nbeach,x\n", "no column of numbers"),
        ('{"model_a": 1\n', LOSSES, "votes.csv, line 1: .*Each line must be one JSON object"),
        ("model_a,model_b,winner\na,b,c\n", LOSSES, "no vote that can be read. votes.csv, line 2"),
        (VOTES, '{"model": "a", "total": 1}\n{"total": 2}\n', "losses.csv, line 2: model is empty"),
        ('{"model_a": "a", "n": ' + "9" * 5000 + "}\n", LOSSES, "votes.csv, line 1: a number is too long"),
        ('{"model_a": ' + "[" * 100_000 + "}\n", LOSSES, "votes.csv, line 1: .* brackets are too deep"),
        (VOTES + "x,y,tie,,\nx,y,tie,all,\n", LOSSES, "Some scenes have no name and others are called 'all'"),
        (
            "model_a,model_b,winner,question\na,b,tie,\na,b,tie,question\n",
            LOSSES,
            "Some questions have no name and others are called 'question'.*column question",
        ),
    ],
)
def test_a_file_that_is_something_else_is_refused_in_a_sentence(tmp_path, votes, losses, words):
    with pytest.raises(CommandError, match=words):
        run(put(tmp_path, votes, losses), tmp_path)
    assert not (tmp_path / "b").exists()


def test_a_line_of_json_that_lacks_a_number_has_none(tmp_path):
    votes = "model_a,model_b,winner\na,b,model_a\n"
    run(put(tmp_path, votes, '{"model": "a", "loss": 1}\n{"model": "b", "ssim": 2}\n'), tmp_path)
    values = {(s.stimulus, s.metric): s.value for s in bundle.load(tmp_path / "b").data.scores}
    assert values == {("all:a", "loss"): 1, ("all:b", "loss"): None, ("all:a", "ssim"): None, ("all:b", "ssim"): 2}


def test_many_judges_with_names_alike_have_an_id_each_soon():
    ids = _Ids()
    start = time.process_time()
    found = [ids(f"judge {chr(0x4E00 + n)}") for n in range(20_000)]  # each would be called judge
    plain = [ids(f"p{n}") for n in range(20_000)]
    assert time.process_time() - start < 2
    assert len({*found, *plain}) == 40_000
    assert found[:2] == ["judge", "judge-2"]


@pytest.mark.parametrize("ties", [0.0, 0.3])
def test_what_is_exported_for_arenas_comes_back_with_the_same_scores(tmp_path, ties):
    made = study(utilities=UTILITIES, losses=-UTILITIES, n_participants=20, n_trials=20, ties=ties, seed=3).canonical()
    (tmp_path / "arena.csv").write_bytes(FORMATS["arena"](made, "q")["arena.csv"])
    with (tmp_path / "losses.csv").open("w") as file:
        table = csv.writer(file)
        table.writerow(["scene", "model", "total"])
        table.writerows([s.stimulus[:2], s.stimulus[2:], s.value] for s in made.scores)
    run(tmp_path / "arena.csv", tmp_path)
    back = bundle.load(tmp_path / "b").data
    options = Options(draws=199)
    before, after = evidence.gather(made, "q", options), evidence.gather(back, "question", options)
    assert set(before.scales) == set(after.scales)
    for group, scale in before.scales.items():
        assert list(after.scales[group].items) == list(scale.items)
        assert after.scales[group].theta == pytest.approx(scale.theta, abs=1e-9)
        assert after.scales[group].cov == pytest.approx(scale.cov, abs=1e-9)
