"""From CSV files alone to the verdict: on a bare machine, the same bytes twice, and a sentence for every bad study."""

import csv
import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from evaluation.core import bundle
from tests.evaluation.simulate import study

ROOT = Path(__file__).resolve().parents[2]
#: What a file must not hold: how a program writes that it has no answer.
BROKEN = re.compile(r"Traceback|\b(NaN|nan|None|inf|Infinity)\b")


def minimal(data, folder):
    """``data`` as the four tables with their key columns only."""
    keys = {
        "stimuli": ("stimulus_id", "scene_id", "condition_id"),
        "metrics": ("metric_id",),
        "scores": ("stimulus_id", "metric_id", "value"),
        "trials": ("trial_id", "participant_id", "stimulus_left", "stimulus_right", "choice"),
    }
    (folder / "data").mkdir(parents=True)
    for name, columns in keys.items():
        rows = csv.DictReader(io.StringIO(bundle.table_csv(data, name).decode(), newline=""))
        lines = [",".join(columns), *(",".join(row[c] for c in columns) for row in rows)]
        (folder / "data" / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


def bare(*words, folder):
    """``manage.py evaluate`` as a process whose environment holds nothing of Eyeballot's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", "evaluate", *map(str, words)],
        env=kept | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def codes(html):
    """What is said in a code and not in words."""
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.findall(r"NC_[A-Z_]+|\bC[123]\b|\bE1?\d\b|H_min\w+|not_computable", words)


def files_in(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run(folder, out, **options):
    said = io.StringIO()
    call_command("evaluate", bundle=folder, out=out, stdout=said, **options)
    return said.getvalue()


def test_a_bare_machine_gives_the_verdict_and_the_same_bytes_twice(tmp_path):
    data = study(utilities=[[0, 1.2, 0.3], [0, 1, 0]], losses=[[1, 2, 3], [1, 2, 3]], n_participants=12, n_trials=12)
    folder = minimal(data, tmp_path / "lr study")
    var = {p.name for p in ROOT.iterdir()}
    done = [bare("--bundle", folder, "--out", tmp_path / out, "--seed", 5, folder=tmp_path) for out in ("one", "two")]
    for found in done:
        assert found.returncode == 0, found.stderr
    assert "Refuted: Over all scenes, c0 has the lowest total, but people prefer c1" in done[0].stdout
    assert "There is no study.json" in done[0].stdout
    assert done[0].stdout.replace("/one/", "/two/") == done[1].stdout
    assert {p.name for p in ROOT.iterdir()} == var, "something was written beside --out"
    one, two = files_in(tmp_path / "one"), files_in(tmp_path / "two")
    assert one == two
    for name in ("question/results.json", "question/report.html", "question/fig01_votes.svg", "notes.txt",
                 "question/derived/pairs.csv", "question/derived/votes_analysis.csv", "README.md", "datapackage.json",
                 "manifest.json", "checksums.sha256", "croissant.json"):  # fmt: skip
        assert one[name], name
    assert json.loads(one["manifest.json"])["options"]["seed"] == 5
    assert one["notes.txt"].decode().count("\n") == 2


def cut(data, keep):
    return dataclasses.replace(data, trials=tuple(t for t in data.trials if keep(t)))


def bad_studies():
    two = {"utilities": [[0, 1.0, 0.5, 0.2]], "losses": [[1, 2, 3, 4]]}
    plain = study(**two, n_participants=10, n_trials=20)

    def only(*groups):
        return lambda t: any({t.left[-1], t.right[-1]} <= set(g) for g in groups)

    return {
        "one participant": (study(**two, n_participants=1, n_trials=60), "1 participant is too few"),
        "two participants": (study(**two, n_participants=2, n_trials=40), "too few for an interval"),
        "one condition": (_one_condition(plain), "Fewer than two conditions"),
        "all ties": (study(**two, n_participants=10, n_trials=20, ties=1.0), "stays open"),
        "disconnected": (cut(plain, only("01", "23")), "never compared"),
        "separated": (
            study(utilities=[[0, 60.0, 30.0]], losses=[[1, 2, 3]], n_participants=10, n_trials=20),
            "Refuted",
        ),
        "no votes": (cut(plain, lambda t: False), "nobody has compared two conditions yet"),
        "one pair": (study(utilities=[[0, 1.0]], losses=[[1, 2]], n_participants=9, n_trials=9), "Verdict"),
        "constant metric": (study(**(two | {"losses": [[2, 2, 2, 2]]}), n_participants=10, n_trials=20), "one value"),
    }


def _one_condition(data):
    stimuli = tuple(s for s in data.stimuli if s.condition == "c0")
    scores = tuple(s for s in data.scores if s.stimulus == stimuli[0].id)
    return dataclasses.replace(data, stimuli=stimuli, scores=scores, trials=())


@pytest.mark.parametrize("name", bad_studies())
def test_a_bad_study_gets_sentences_and_whatever_can_be_computed(name, tmp_path):
    data, words = bad_studies()[name]
    said = run(minimal(data, tmp_path / "in"), tmp_path / "out")
    files = files_in(tmp_path / "out")
    page = re.sub(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+", "", files["question/report.html"].decode())
    assert words in said + page, said
    assert not BROKEN.search(said), BROKEN.search(said)
    assert codes(page) == []
    for path, content in files.items():
        if not path.endswith((".png", "datapackage.json", "croissant.json")):
            text = page if path.endswith(".html") else content.decode()
            found = BROKEN.search(text)
            assert not found, (path, text[max(0, found.start() - 80) : found.end() + 80])
    assert files["question/derived/flow.csv"].decode().count("\n") > 5
    votes = files["question/derived/votes_analysis.csv"].decode().count("\n") - 1
    assert votes == len(data.trials)
    if votes:
        assert files["question/derived/pairs.csv"].decode().count("\n") > 1


def test_the_page_stands_alone_and_says_every_code_in_words(tmp_path):
    data = study(utilities=[[0, 1.2, 0.3], [0, 1, 0]], losses=[[1, 2, 3], [1, 2, 3]], n_participants=12, n_trials=12)
    run(minimal(data, tmp_path / "in"), tmp_path / "out")
    html = (tmp_path / "out" / "question" / "report.html").read_text()
    assert "<script" not in html
    assert not re.search(r"(src|href|srcset)=\"(?!data:)", html), "the page fetches something"
    assert "url(" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert "prefer c1" in html
    assert "<td>holds for these images only</td>" in html
    assert "<details>" in html
    assert html.count("<img") == html.count("<figcaption>") >= 3


def test_what_cannot_be_read_or_written_is_one_sentence(tmp_path):
    data = study(utilities=[[0, 1.0]], losses=[[1, 2]], n_participants=9, n_trials=9)
    folder = minimal(data, tmp_path / "in")
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="file cannot be written"):
        run(folder, tmp_path / "file")
    with pytest.raises(CommandError, match="is not there"):
        run(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(CommandError, match="--bundle needs --out"):
        call_command("evaluate", bundle=folder)
    (folder / "data" / "trials.csv").write_bytes(os.urandom(10_000_000))
    with pytest.raises(CommandError, match=r"in: data/trials\.csv holds zero bytes"):
        run(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    found = bare("--bundle", folder, "--out", tmp_path / "out", folder=tmp_path)
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1, found.stderr


def test_a_rehearsal_says_so_wherever_it_is_read(tmp_path):
    data = study(utilities=[[0, 1.0]], losses=[[1, 2]], n_participants=9, n_trials=9, simulated=True)
    bundle.save(data, tmp_path / "in")
    assert "SIMULATED: a rehearsal of the analysis." in run(tmp_path / "in", tmp_path / "out")
    html = (tmp_path / "out" / "q" / "report.html").read_text()
    assert '<p class="notice">SIMULATED' in html
    assert "people" not in html.replace("anything about people", "")
    assert "SIMULATED" in (tmp_path / "out" / "README.md").read_text()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["study"]["simulated"] is True
    assert (tmp_path / "out" / "notes.txt").read_text() == ""
