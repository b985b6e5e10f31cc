"""The same export as Psych-DS asks: its names and folders, the bundle's bytes, every column told once."""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from evaluation.core import bundle
from evaluation.core.bundle import psychds
from evaluation.core.options import Options
from evaluation.exports import Export
from evaluation.exports.psychds import psychds_parts
from evaluation.inputs import study_data
from evaluation.services import analysis_run
from studyplatform.voting.models import Study
from studyplatform.voting.services import study_update
from tests import factories
from tests.evaluation.exports.conftest import closed, made, unpack, zip_files

pytestmark = pytest.mark.django_db
#: As the rules of Psych-DS 1.5.0 have it (rules/files/tabular_data/data.yaml), with the keywords that are used here.
NAME = re.compile(r"data/study-[a-zA-Z0-9]+_description-([a-zA-Z0-9]+)_data\.csv")


def laid_out(export: Export) -> dict[str, bytes]:
    """The files of the export as Psych-DS."""
    return zip_files(export, "psychds")


def headers(files: Mapping[str, bytes]) -> set[str]:
    """Names of the columns of all data files."""
    tables = [csv.reader(io.StringIO(c.decode(), newline="")) for n, c in files.items() if n.startswith("data/")]
    return {column for table in tables for column in next(table)}


def check_columns(files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Fail where a column is not told, or another one is, or one twice; the variables by their names."""
    told = json.loads(files[psychds.DESCRIPTION])["variableMeasured"]
    assert sorted(v["name"] for v in told) == sorted(headers(files))
    return {v["name"]: v for v in told}


def test_the_tables_have_the_names_of_psych_ds_and_the_bytes_of_the_bundle(study: Study, owner: User) -> None:
    study_update(study=study, by=owner, data_licence="CC-BY-4.0")
    study = closed(study)
    analysis_run(study=study, options=Options(draws=199))
    before, files = zip_files(Export(study, images=True)), laid_out(Export(study, images=True))
    tables = {table.name.replace("_", ""): table.path for table in bundle.TABLES}
    names = [NAME.fullmatch(name) for name in files if name.startswith("data/")]
    assert sorted(name[1] for name in names if name) == sorted(tables)
    assert all(files[name[0]] == before[tables[name[1]]] for name in names if name)
    assert f"data/study-{study.slug}_description-losscurves_data.csv" in files
    moved = {"derived/": "results/", "figures/": "products/", "images/": "materials/", "prereg/": "documentation/"}
    for old, new in moved.items():
        parts = {new + name.removeprefix(old): content for name, content in before.items() if name.startswith(old)}
        assert parts, old
        assert parts.items() <= files.items()
    assert files["documentation/study.json"] == before["study.json"]
    assert all(files[name] == before[name] for name in ("LICENSE", "CITATION.cff"))
    first = "data documentation results products materials README.md dataset_description.json LICENSE CITATION.cff"
    assert {name.split("/")[0] for name in files} == {*first.split(), "checksums.sha256", ".psychds-ignore"}


def test_what_explains_the_files_is_true_of_them(study: Study, owner: User) -> None:
    study_update(study=study, by=owner, data_licence="CC-BY-4.0")
    study = closed(study)
    files = laid_out(Export(study))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    lines = [line.split("  ") for line in files["checksums.sha256"].decode().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert sums == {name: digest for name, digest in digests.items() if name != "checksums.sha256"}
    manifest = json.loads(files["documentation/manifest.json"])
    assert manifest["files"] == {name: digest for name, digest in sums.items() if name != "documentation/manifest.json"}
    assert manifest["command"].endswith("--layout psychds")
    about, digest = json.loads(files["dataset_description.json"]), study_data(study).digest
    assert (about["@context"], about["@type"], about["name"]) == ("https://schema.org/", "Dataset", study.title)
    assert (about["license"], about["version"], about["identifier"]) == ("CC-BY-4.0", digest[:12], digest)
    read_first = files["README.md"].decode()
    assert all(f"`{name}`" in read_first for name in files if name.startswith("data/"))
    assert "key: stimulus_id, metric_id\n" in read_first
    assert "`results/`" in read_first
    assert "`products/`" not in read_first
    assert "Who chose which picture is sealed" not in read_first


def test_every_column_is_told_once_as_the_registry_tells_it(study: Study) -> None:
    files = laid_out(Export(closed(study)))
    told = check_columns(files)
    assert all(variable["description"] and variable["@type"] == "PropertyValue" for variable in told.values())
    for table in bundle.TABLES:
        for column in table.all_columns:
            assert column.about in told[column.name]["description"], (table.name, column.name)
            assert told[column.name].get("unitText", "") == column.unit, (table.name, column.name)
    wide = [name for name in told if name.startswith("param_")]
    assert wide
    assert all(told[name]["description"].startswith("A parameter of the grid") for name in wide)
    assert told["choice"]["description"].endswith("One of left, right, tie, skip, timeout.")
    # Two tables, two meanings: each says its own.
    assert "participants: Random, of this study only." in told["participant_id"]["description"]
    assert "trials: Who." in told["participant_id"]["description"]


def test_a_column_that_is_not_told_is_seen(study: Study) -> None:
    files = laid_out(Export(study))
    about = json.loads(files[psychds.DESCRIPTION])
    for wrong in (about["variableMeasured"][1:], [*about["variableMeasured"], {"name": "mood"}]):
        with pytest.raises(AssertionError):
            check_columns({**files, psychds.DESCRIPTION: json.dumps(about | {"variableMeasured": wrong}).encode()})


def test_units_that_differ_between_tables_are_told_with_each() -> None:
    fields = {"scores": {"description": "How long.", "unit": "s"}, "trials": {"description": "How long.", "unit": "ms"}}
    tables = {t: {"schema": {"fields": [{"name": "value", **field}]}} for t, field in fields.items()}
    assert psychds._variables(tables) == [
        {
            "@type": "PropertyValue",
            "name": "value",
            "description": "scores: How long. Unit: s. trials: How long. Unit: ms.",
        }
    ]


def test_a_sealed_study_gives_no_choices(study: Study, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--without-choices"):
        call_command("export_study", study.slug, out=tmp_path / "p", layout="psychds")
    files = laid_out(Export(study, choices=False))
    told = check_columns(files)
    assert not {"choice", "winner_stimulus_id", "left_rate", "left_p", "longest_run"} & set(told)
    assert not [name for name in files if name.startswith(("results/", "products/"))]
    assert "Who chose which picture is sealed" in files["README.md"].decode()
    assert study_data(study).digest.encode() not in b"".join(files.values())


def test_the_same_data_give_the_same_bytes_as_folder_and_as_zip(owner: User, tmp_path: Path) -> None:
    study = closed(made(owner, slug="my-own_study"))
    for name in ("a.zip", "b.zip"):
        call_command("export_study", study.slug, zip=tmp_path / name, layout="psychds")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    call_command("export_study", study.slug, out=tmp_path / "p", layout="psychds")
    there = {str(p.relative_to(tmp_path / "p")): p.read_bytes() for p in (tmp_path / "p").rglob("*") if p.is_file()}
    archive = zipfile.ZipFile(tmp_path / "a.zip")
    assert {name.partition("/")[2]: archive.read(name) for name in archive.namelist()} == there
    assert {name.partition("/")[0] for name in archive.namelist()} == {"my-own_study_psychds"}
    assert "data/study-myownstudy_description-trials_data.csv" in there
    assert study.exports.order_by("number")[0].data_digest == study_data(study).digest


def test_trials_are_passed_on_as_they_are_read(study: Study) -> None:
    export = Export(closed(study))
    for path, content in psychds_parts(export):
        if "-trials_" in path:
            assert not isinstance(content, list)
            assert export.digest == ""  # which is known once the last trial was taken
        assert b"".join(content)
    assert export.digest


def test_a_rehearsal_carries_its_mark(owner: User) -> None:
    study = factories.study(owner=owner, simulated=True, state="open", slug="dry-run")
    files = laid_out(Export(study))
    assert "data/study-dryrunSIMULATED_description-trials_data.csv" in files
    about = json.loads(files["dataset_description.json"])
    assert about["name"].startswith("SIMULATED: ")
    assert about["description"].startswith("SIMULATED: ")
    assert "license" not in about
    assert "No licence is stated" in files["README.md"].decode()


def test_names_hold_letters_and_digits_whatever_the_slug() -> None:
    for slug in ("-", "a_b-c", "7"):
        assert NAME.fullmatch(psychds.placed("data/loss_curves.csv", slug, simulated=False))
    assert psychds.placed("code/analysis.py", "a", simulated=False) == ""


def test_reading_it_back_says_which_layout_is_read(study: Study, tmp_path: Path) -> None:
    folder = unpack(laid_out(Export(closed(study))), tmp_path / "p")
    with pytest.raises(CommandError, match=r"this is a Psych-DS layout, and only the bundle layout is read: .*\.$"):
        call_command("evaluate", bundle=folder, out=tmp_path / "out")
    (folder / "dataset_description.json").unlink()
    with pytest.raises(CommandError, match="missing"):
        call_command("evaluate", bundle=folder, out=tmp_path / "out")
    both = unpack(zip_files(Export(study)) | {"dataset_description.json": b"{}"}, tmp_path / "b")
    assert bundle.load(both).data == study_data(study)
