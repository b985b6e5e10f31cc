"""A bundle explains itself: types and keys that other readers check, versions, digests."""

import csv
import dataclasses
import hashlib
import io
import json
import re
from pathlib import Path

import frictionless
import pytest

from evaluation.core import bundle, derived
from evaluation.core.dataset import Score
from evaluation.core.dictionary import dictionary, markdown
from tests.evaluation.simulate import study


@pytest.fixture
def data():
    made = study(
        utilities=[[0, 1, 0], [0, 1, 2]], losses=[[3, 2, 1], [3, 2, 1]], n_participants=4, n_trials=6, control=True
    )
    params = [{"lr": 0.1, "steps": 5, "opt": "adam", "tv": True}, {"lr": 1, "steps": 7, "opt": "1", "tv": False}]
    conditions = [dataclasses.replace(c, params=p) for c, p in zip(made.conditions, [*params, {}, {}], strict=True)]
    scores = (*made.scores[:-1], Score(made.scores[-1].stimulus, "total", None, "failed"))
    return dataclasses.replace(made, conditions=tuple(conditions), scores=scores).canonical()


def written(data, **more):
    files = bundle.write(data) | {derived.NAME: derived.votes_analysis(data)}
    return bundle.described(files, data, derived.schemas([derived.NAME]), **more)


def report(files, folder):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return frictionless.validate(folder / "datapackage.json")


def test_frictionless_finds_every_table_as_described(data, tmp_path):
    files = written(data)
    found = report(files, tmp_path)
    assert found.valid, found.flatten(["type", "note"])
    assert found.stats["tasks"] == 11
    package = json.loads(files["datapackage.json"])
    resources = {r["name"]: r["schema"] for r in package["resources"]}
    kind = {f["name"]: f["type"] for f in resources["conditions"]["fields"]}
    assert {k: v for k, v in kind.items() if k.startswith("param_")} == {
        "param_lr": "number", "param_steps": "integer", "param_opt": "string", "param_tv": "boolean",
    }  # fmt: skip
    assert resources["scores"]["primaryKey"] == ["stimulus_id", "metric_id"]
    assert {k["reference"]["resource"] for k in resources["trials"]["foreignKeys"]} == {
        "questions", "scenes", "stimuli", "participants",
    }  # fmt: skip
    assert bundle.read(files) == bundle.Loaded(data, ())


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("data/trials.csv", b",left,", b",sideways,"),
        ("data/scores.csv", b"s0c0,total", b"gone,total"),
        ("data/scores.csv", b"s0c1,", b"s0c0,"),
        ("data/scores.csv", b",3.0,", b",three,"),
    ],
)
def test_frictionless_finds_what_was_changed(data, tmp_path, name, old, new):
    files = written(data)
    assert old in files[name]
    assert not report({**files, name: files[name].replace(old, new, 1)}, tmp_path).valid


def test_the_manifest_and_the_checksums_hold(data):
    files = written(data, options={"seed": 3})
    sums = dict(reversed(line.split("  ")) for line in files["checksums.sha256"].decode().splitlines())
    assert sums == {n: hashlib.sha256(c).hexdigest() for n, c in files.items() if n != "checksums.sha256"}
    manifest = json.loads(files["manifest.json"])
    assert manifest["files"] == {n: s for n, s in sums.items() if n != "manifest.json"}
    assert manifest["rows"]["trials"] == len(data.trials)
    assert manifest["study"]["data_digest"] == data.digest
    assert manifest["options"] == {"seed": 3}
    assert set(manifest["versions"]) == {"eyeballot", "python", "numpy", "scipy"}
    assert "24 trials" in files["README.md"].decode()


def test_the_same_study_gives_the_same_bytes_but_for_the_time_that_is_given(data):
    shuffled = dataclasses.replace(data, trials=data.trials[::-1], scores=data.scores[::-1])
    assert written(shuffled) == written(data)
    early, late = (written(data, created_at=f"2026-01-0{day}T00:00:00Z") for day in (1, 2))
    assert {n for n in early if early[n] != late[n]} == {"manifest.json", "checksums.sha256"}
    times = [json.loads(f["manifest.json"]).pop("created_at") for f in (early, late)]
    assert times == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]


def test_croissant_names_every_column_of_every_table(data):
    files = written(data)
    found = json.loads(files["croissant.json"])
    assert found["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    objects = {o["@id"]: o for o in found["distribution"]}
    for record in found["recordSet"]:
        source = objects[record["field"][0]["source"]["fileObject"]["@id"]]
        content = files[source["contentUrl"]]
        assert source["sha256"] == hashlib.sha256(content).hexdigest()
        header = next(csv.reader(io.StringIO(content.decode())))
        assert [f["source"]["extract"]["column"] for f in record["field"]] == header
    assert len(objects) == len(found["recordSet"]) == 11


def test_the_dictionary_in_the_docs_is_the_code():
    text = (Path(__file__).parents[3] / "docs" / "bundle.md").read_text()
    said = text.partition("<!-- dictionary -->\n\n")[2].partition("\n<!-- end of dictionary -->")[0]
    assert said == markdown(), "Write evaluation.core.dictionary.markdown() between the two marks of docs/bundle.md."


def test_every_column_says_what_it_is_and_in_which_unit():
    for table in dictionary():
        assert table["columns"], table["table"]
        for column in table["columns"]:
            place = (table["table"], column["name"])
            assert re.fullmatch(r"\S.*\.", column["about"]), place
            if not column["name"].startswith(("param_", "<ratio")):
                assert bool(column["unit"]) == (column["type"] in ("integer", "number")), place


def test_what_is_written_is_what_the_dictionary_says(data):
    files = written(data)
    known = {t["path"]: [c["name"] for c in t["columns"]] for t in dictionary()}
    package = json.loads(files["datapackage.json"])
    for resource in package["resources"]:
        names = [f["name"] for f in resource["schema"]["fields"]]
        plain = [name for name in known[resource["path"]] if "<" not in name]
        assert [n for n in names if n in plain] == plain, resource["path"]
        wide = [n for n in names if n not in plain]
        assert all(re.match(r"(param_|x_|dz?_|total_)", n) for n in wide), wide
        for field in resource["schema"]["fields"]:
            assert ("description" in field) == (field["name"] in plain)


def test_sealed_tables_do_not_tell_who_chose_what(data):
    flipped = {"left": "right", "right": "left", "tie": "left"}
    other = dataclasses.replace(
        data, trials=tuple(dataclasses.replace(t, choice=flipped[t.choice]) for t in data.trials)
    )
    for name in ("trials", "participants"):
        assert bundle.table_csv(data, name) != bundle.table_csv(other, name)
        assert bundle.table_csv(data, name, sealed=True) == bundle.table_csv(other, name, sealed=True)
    assert b"choice" not in bundle.table_csv(data, "trials", sealed=True).replace(b"expected_choice", b"")
