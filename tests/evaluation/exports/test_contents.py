"""All of a study leaves as one bundle: every part valid, the same bytes twice, read back as the analysis sees it."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import frictionless
import pytest
from django.core.management import CommandError, call_command

from evaluation.core import bundle, derived
from evaluation.core.ballots import analysis_set, real_or_fake_set
from evaluation.core.options import Options
from evaluation.exports import Export, bundle_zip, export_record, table_stream
from evaluation.inputs import study_data
from evaluation.services import analysis_run
from studyplatform.voting.models import Panel, Study
from studyplatform.voting.services import (
    study_update,
)
from tests import factories
from tests.evaluation.exports.conftest import closed, made, no_formulas, rows, unpack, write_hostile_texts, zip_files

pytestmark = pytest.mark.django_db
FAST = Options(draws=199)


def test_what_is_streamed_is_what_the_analysis_sees(study):
    data = study_data(study)
    files = zip_files(Export(study))
    whole = bundle.write(data)
    assert {name: files[name] for name in whole} == whole
    assert files[derived.NAME] == derived.votes_analysis(data)
    assert bundle.read(files).data == data
    for name in (*(t.name for t in bundle.TABLES), "votes_analysis"):
        path = derived.NAME if name == "votes_analysis" else f"data/{name}.csv"
        assert b"".join(table_stream(study, name)) == files[path], name
    votes, flow = analysis_set(data, "natural")
    found = rows(files["derived/flow.csv"])
    assert [(f["step"], int(f["n_trials"]), int(f["n_participants"])) for f in found] == [
        (f.step, f.n_trials, f.n_participants) for f in flow
    ]
    trials = rows(files["data/trials.csv"])
    assert {t["trial_id"] for t in trials if t["included"] == "true"} == {t.id for t in votes}
    assert all(bool(t["exclusion_reason"]) == (t["included"] == "false") for t in trials)


def test_with_two_questions_too(owner):
    study = made(owner, questions=("natural", "real"))
    data, files = study_data(study), zip_files(Export(study))
    assert bundle.read(files).data == data
    assert files[derived.NAME] == derived.votes_analysis(data)
    for question, steps in (("natural", analysis_set), ("real", real_or_fake_set)):
        flow = steps(data, question)[1]
        found = rows(files[f"derived/{question}/flow.csv"])
        assert [(f["step"], int(f["n_trials"]), int(f["n_participants"])) for f in found] == [
            (f.step, f.n_trials, f.n_participants) for f in flow
        ]


@pytest.mark.fault("F17")
def test_the_bundle_has_every_part_and_every_part_is_valid(study, tmp_path, owner):
    study_update(study=study, by=owner, data_licence="CC-BY-4.0")
    write_hostile_texts(study)
    study = closed(study)
    before = zip_files(Export(study))
    assert "derived/pairs.csv" not in before
    assert "have not been analysed yet" in before["README.md"].decode()
    analysis_run(study=study, options=FAST)
    files = zip_files(Export(study, images=True))
    parts = (
        "README.md datapackage.json croissant.json CITATION.cff LICENSE manifest.json checksums.sha256 study.json "
        "prereg/prereg.json derived/pairs.csv derived/flow.csv derived/votes_analysis.csv figures/fig01_votes.svg "
        "figures/fig01_votes.csv code/analysis.R code/analysis.py data/erasures.csv"
    )
    assert not set(parts.split()) - set(files)
    pictures = [name for name in files if name.startswith("images/")]
    assert {Path(name).stem for name in pictures} == {r["image_sha256"] for r in rows(files["data/stimuli.csv"])}
    assert all(hashlib.sha256(files[name]).hexdigest() == Path(name).stem for name in pictures)
    folder = unpack(files, tmp_path)
    report = frictionless.validate(folder / "datapackage.json")
    assert report.valid, report.flatten(["type", "note"])
    assert report.stats["tasks"] == sum(name.endswith(".csv") for name in files)
    sums = dict(reversed(line.split("  ")) for line in files["checksums.sha256"].decode().splitlines())
    assert sums == {n: hashlib.sha256(c).hexdigest() for n, c in files.items() if n != "checksums.sha256"}
    assert "CC-BY-4.0" in files["LICENSE"].decode()
    assert "license: CC-BY-4.0" in files["CITATION.cff"].decode()
    manifest = json.loads(files["manifest.json"])
    assert manifest["prereg"]["sha256"] == study.preregistration.sha256
    assert manifest["prereg"]["first_vote_at"] == min(r["submitted_at"] for r in rows(files["data/trials.csv"])
                                                      if r["included"] == "true")  # fmt: skip
    assert manifest["screening"]["flag_run"] == study.flag_run
    assert manifest["rows"]["trials"] == len(rows(files["data/trials.csv"]))
    assert manifest["analyses"][0]["options"]["draws"] == 199
    assert "created_at" not in manifest
    assert json.loads(files["prereg/prereg.json"]) == study.preregistration.content
    assert hashlib.sha256(files["prereg/prereg.json"]).hexdigest() == manifest["prereg"]["sha256"]
    assert bundle.read(files).data == study_data(study)
    no_formulas(files)
    the_code_runs(folder)


def the_code_runs(folder):
    done = subprocess.run([sys.executable, "code/analysis.py"], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Bradley-Terry scores over all scenes" in done.stdout
    ready = "quit(status = !all(sapply(c('BradleyTerry2', 'sandwich', 'lmtest'), requireNamespace, quietly = TRUE)))"
    if shutil.which("Rscript") and not subprocess.run(["Rscript", "-e", ready], capture_output=True).returncode:
        done = subprocess.run(["Rscript", "code/analysis.R"], cwd=folder, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        assert "Learned weights" in done.stdout


def test_the_same_data_give_the_same_bytes_on_every_day(study, owner):
    first = b"".join(bundle_zip(Export(study), record=export_record(study=study, contents="everything", by=owner)))
    second = b"".join(bundle_zip(Export(study), record=export_record(study=study, contents="everything", by=owner)))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
    one, two = study.exports.order_by("number")
    assert (one.number, two.number, one.data_digest) == (1, 2, two.data_digest)
    assert one.data_digest == study_data(study).digest
    Panel.objects.all().delete()
    factories.cast(factories.participant(Study.objects.get(pk=study.pk)))
    files = zip_files(Export(study))
    assert json.loads(files["manifest.json"])["previous_export"] == {"number": 2, "data_digest": one.data_digest}


@pytest.mark.parametrize(
    ("language", "command"), [("python", [sys.executable, "-c"]), ("r", [shutil.which("Rscript"), "-e"])]
)
def test_the_lines_that_the_tutorial_reads_a_bundle_with_run(study, tmp_path, language, command):
    if command[0] is None:
        pytest.skip("no Rscript on this machine")
    page = (Path(__file__).parents[3] / "docs" / "tutorial.md").read_text(encoding="utf-8")
    [lines] = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert "read" in lines
    folder = unpack(zip_files(Export(closed(study))), tmp_path / "bundle")
    done = subprocess.run([*command, lines], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_writes_the_same_as_the_download(study, tmp_path):
    with pytest.raises(CommandError, match="--without-choices"):
        call_command("export_study", study.slug, out=tmp_path / "b")
    study = closed(study)
    said = io.StringIO()
    call_command("export_study", study.slug, out=tmp_path / "b", stdout=said)
    call_command("export_study", study.slug, zip=tmp_path / "b.zip", stdout=said)
    assert "Export 2" in said.getvalue()
    there = {str(p.relative_to(tmp_path / "b")): p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file()}
    archive = zipfile.ZipFile(tmp_path / "b.zip")
    assert {n.partition("/")[2]: archive.read(n) for n in archive.namelist()} == there
    with pytest.raises(CommandError, match="not an empty folder"):
        call_command("export_study", study.slug, out=tmp_path / "b")
    with pytest.raises(CommandError, match="There is no study “nope”"):
        call_command("export_study", "nope", out=tmp_path / "c")
