"""All of a study leaves as one bundle: streamed, the same bytes twice, nothing personal, blind while it must."""

import csv
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
from django.db.models import Case, Value, When
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation.core import bundle, derived
from evaluation.core.ballots import analysis_set, real_or_fake_set
from evaluation.core.options import Options
from evaluation.exports import Export, bundle_zip, export_record, table_stream
from evaluation.inputs import study_data
from evaluation.services import analysis_run
from generation.core import csv_text
from generation.models import SourceImage
from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import Exclusion, Panel, Study, Vote
from studyplatform.voting.selectors import is_sealed, panel_hash
from studyplatform.voting.services import (
    consent_give,
    instructions_read,
    participant_erase,
    participant_exclude,
    participant_join,
    session_finish,
    session_withdraw,
    study_update,
    vote_undo,
)
from tests import factories

pytestmark = pytest.mark.django_db

FAST = Options(draws=199)
HOSTILE = ('=cmd|"/C calc"!A0', "+1", "-1", "@SUM(A1)", "\t=1", "'=1", 'a "quoted",\nline', "Ünï 漢字", "=1+1")
UA = "Mozilla/5.0 (Hostile; rv:1)"
PANEL_ID = "5f3e2d1c0b9a88776655"


def made(owner, *, questions=("natural",), **fields) -> Study:
    """An open study with somebody of every kind: from a panel, by a direct link, excluded, withdrawn, unfinished."""
    grid = factories.rendered_grid("wild", owner=owner, contents=("cat", "coffee", "rocket"))
    values = {"show_photograph": True, "trials_per_session": 6, "allow_ties": True, "allow_undo": True} | fields
    study = factories.study(owner=owner, grid=grid, state="open", questions=questions, **values)
    for choice in ("left", "right", "tie", "left"):
        factories.finished(study, choice=choice)
    out, gone = study.participants.order_by("-pk")[:2]
    participant_exclude(participant=out, by=owner, reason="=failed", code="too_fast")
    session_withdraw(session=gone.session)
    begun = factories.participant(study)
    factories.cast(begun, "left")
    vote_undo(session=begun.session)
    factories.cast(begun, "right")
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    who = participant_join(study=study, arrival=Arrival("prolific", PANEL_ID, {"STUDY_ID": "s1s1s1s1s1"}))
    consent_give(session=who.session)
    instructions_read(session=who.session)
    factories.cast(who, "left", client={"input": "mouse", "zooms": 2, "blur_ms": 40, "load_ms": 90}, rt_ms=321)
    factories.answer_all(who, "right")
    session_finish(session=who.session)
    return Study.objects.get(pk=study.pk)


@pytest.fixture
def study(owner):
    return made(owner)


def closed(study: Study) -> Study:
    Study.objects.filter(pk=study.pk).update(state="closed")
    return Study.objects.get(pk=study.pk)


def zip_files(export: Export) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(bundle_zip(export))))
    assert archive.testzip() is None
    return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def unpack(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


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


def write_hostile_texts(study):
    for i, stimulus in enumerate(study.stimuli.all()):
        stimulus.label = HOSTILE[i % len(HOSTILE)] + str(i)
        stimulus.save()
    SourceImage.objects.update(licence="=1+1", credit="@SUM(A1)")
    scene = study.stimuli.first().scene
    scene.label = HOSTILE[0]
    scene.save()


def no_formulas(files):
    number = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")
    checked = 0
    for name, content in files.items():
        if name.endswith(".csv"):
            for line in csv.reader(io.StringIO(content.decode(), newline="")):
                for cell in line:
                    checked += 1
                    assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r") or number.fullmatch(cell), (name, cell)
    assert checked > 2000


def ragged(files):
    """Files of which some line has another number of cells than the first."""
    tables = {n: list(csv.reader(io.StringIO(c.decode(), newline=""))) for n, c in files.items() if n.endswith(".csv")}
    return [name for name, lines in tables.items() if len({len(line) for line in lines}) != 1]


@pytest.mark.fault("F17")
def test_hostile_texts_come_back_as_they_were_and_run_nowhere(study, tried):
    write_hostile_texts(study)
    files = zip_files(Export(study))
    no_formulas(files)
    assert ragged(files) == []
    tables = [csv.reader(io.StringIO(c.decode(), newline="")) for n, c in files.items() if n.endswith(".csv")]
    back = {cell.removeprefix("'") for table in tables for line in table for cell in line}
    assert {"=1+1", "@SUM(A1)", HOSTILE[0]} <= back
    tried("F17", tables=sum(name.endswith(".csv") for name in files), formula_cells=0, ragged=0)


@pytest.mark.fault("F17", planted=True)
def test_a_plain_writer_of_csv_is_seen(study, monkeypatch):
    write_hostile_texts(study)
    with monkeypatch.context() as plain:
        plain.setattr(csv_text, "DANGEROUS", ())
        files = zip_files(Export(study))
    with pytest.raises(AssertionError):
        no_formulas(files)
    with monkeypatch.context() as plain:
        plain.setattr(csv_text, "TO_QUOTE", re.compile("$^"))
        files = zip_files(Export(study))
    assert ragged(files)


def the_code_runs(folder):
    pytest.importorskip("pandas")
    pytest.importorskip("statsmodels")
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


def test_a_download_that_breaks_off_is_written_down_without_a_digest(study, owner):
    stream = bundle_zip(Export(study), record=export_record(study=study, contents="everything", by=owner))
    next(stream)
    stream.close()
    assert [r.data_digest for r in study.exports.all()] == [""]


@pytest.mark.fault("F17")
def test_nothing_in_a_bundle_opens_a_session_or_names_a_person(study, owner, client):
    Panel.objects.all().delete()
    for call in (client.get, client.post):
        call(f"/s/{study.slug}/start/", headers={"user-agent": UA}, REMOTE_ADDR="203.0.113.77")
    assert study.participants.count() == 7
    text = b"\n".join(zip_files(Export(study, images=True)).values())
    secrets = [p.token for p in study.participants.all()] + [UA, "Hostile", "203.0.113.77", PANEL_ID, "s1s1s1s1s1"]
    secrets += [code for code in study.participants.values_list("completion_code__code", flat=True) if code]
    assert len(secrets) > 9
    for secret in secrets:
        assert secret.encode() not in text, secret
    assert panel_hash(study, "prolific", PANEL_ID).encode() in text
    assert b"=failed" not in text  # what researchers write about people stays in the house


def test_rows_tell_how_people_answered(study):
    files = zip_files(Export(study))
    [row] = [r for r in rows(files["data/participants.csv"]) if r["source"] == "prolific"]
    assert (row["n_presented"], row["n_main"], row["included"], row["colour_vision"]) == (
        "6",
        "6",
        "true",
        "not_tested",
    )
    assert row["left_rate"] == repr(1 / 6)
    assert float(row["left_p"]) == pytest.approx(0.21875)
    assert len(row["consent_version"]) == 12
    trial = next(r for r in rows(files["data/trials.csv"]) if r["input"] == "mouse")
    assert (trial["zoomed"], trial["focus_lost_ms"], trial["load_ms"], trial["rt_ms"]) == ("true", "40", "90", "321")
    assert (trial["winner_stimulus_id"], trial["session_id"]) == (trial["stimulus_left"], row["participant_id"])
    reasons = {r["exclusion_reason"] for r in rows(files["data/participants.csv"])}
    assert reasons == {"", "too_fast", "withdrew"}


@pytest.mark.parametrize(
    ("language", "command"), [("python", [sys.executable, "-c"]), ("r", [shutil.which("Rscript"), "-e"])]
)
def test_the_lines_that_the_tutorial_reads_a_bundle_with_run(study, tmp_path, language, command):
    if language == "python":
        pytest.importorskip("pandas", reason="pandas is not installed")
    if command[0] is None:
        pytest.skip("no Rscript on this machine")
    page = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
    [lines] = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert "read" in lines
    folder = unpack(zip_files(Export(closed(study))), tmp_path / "bundle")
    done = subprocess.run([*command, lines], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_choices_stay_in_the_house_while_people_vote(study, as_owner, owner):
    assert is_sealed(study)
    url = reverse("evaluation:bundle", args=[study.slug])
    assert as_owner.get(url).status_code == 409
    answer = as_owner.get(url, {"choices": "no"})
    assert answer.streaming
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert not [name for name in files if name.startswith(("derived/", "figures/", "code/"))]
    head = files["data/trials.csv"].decode().splitlines()[0].split(",")
    assert not {"choice", "winner_stimulus_id"} & set(head)
    assert not {"left_rate", "left_p", "longest_run"} & set(rows(files["data/participants.csv"])[0])
    assert "sealed" in files["README.md"].decode()
    with pytest.raises(bundle.BundleError, match="no column choice"):
        bundle.read(files)
    table = as_owner.get(reverse("evaluation:table", args=[study.slug, "participants"]))
    assert b"left_rate" not in b"".join(table.streaming_content)
    # The other way round nothing of it changes: no byte depends on a choice.
    turned = Case(When(choice="left", then=Value("right")), When(choice="right", then=Value("left")), default="choice")
    assert Vote.objects.filter(study=study, trial__kind="main", choice__in=("left", "right")).update(choice=turned) > 20
    assert zip_files(Export(study, choices=False)) == files
    # Nor does the digest that is written down beside it, which would tell a guess that is right from one that is not.
    sealed, full = study.exports.get(number=1).data_digest, study_data(study).digest
    assert json.loads(files["manifest.json"])["study"]["data_digest"] == sealed
    assert sealed != full
    b"".join(bundle_zip(Export(study), record=export_record(study=study, contents="everything", by=owner)))
    assert study.exports.get(number=3).data_digest == full
    Panel.objects.all().delete()
    factories.cast(factories.participant(Study.objects.get(pk=study.pk)))
    later = zip_files(Export(study, choices=False))
    assert full.encode() not in b"".join(later.values())
    assert json.loads(later["manifest.json"])["previous_export"] == {"number": 1, "data_digest": sealed}


def test_unblinding_asks_for_a_reason_and_is_written_down(study, as_owner, owner, colleague):
    page = reverse("admin:voting_study_data", args=[study.pk])
    text = as_owner.get(page).content.decode()
    assert "Download everything but the choices" in text
    assert "Unblind and download everything" in text
    assert as_owner.post(page, {"do": "unblind", "reason": " "}).status_code == 302
    assert is_sealed(study)
    answer = as_owner.post(page, {"do": "unblind", "reason": "the funder asks", "images": "yes"}, follow=True)
    assert zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).testzip() is None
    entry = study.audit.filter(action="unblinded").get()
    assert (entry.user, entry.comment) == (owner, "the funder asks")
    assert not is_sealed(study)
    text = as_owner.get(page).content.decode()
    assert "was unblinded on" in text
    assert "the funder asks" in text
    assert study_data(study).digest[:12] in text


def test_analysts_take_the_data_but_only_editors_unblind(study, colleague, owner):
    study.memberships.create(user=colleague, role="analyst")
    client = Client()
    client.force_login(colleague)
    page = reverse("admin:voting_study_data", args=[study.pk])
    assert "Only the owner and editors" in client.get(page).content.decode()
    client.post(page, {"do": "unblind", "reason": "curious"})
    client.post(page, {"do": "licence", "data_licence": "mine"})
    assert is_sealed(study)
    assert Study.objects.get(pk=study.pk).data_licence == ""
    study.memberships.update(role="viewer")
    assert client.get(page).status_code == 403
    assert client.get(reverse("evaluation:bundle", args=[study.slug]), {"choices": "no"}).status_code == 403


def test_the_page_lists_what_has_left_the_house(study, as_owner):
    study = closed(study)
    page = reverse("admin:voting_study_data", args=[study.pk])
    assert "Nothing yet." in as_owner.get(page).content.decode()
    for _ in range(2):
        b"".join(as_owner.get(reverse("evaluation:bundle", args=[study.slug])).streaming_content)
    b"".join(as_owner.get(reverse("evaluation:table", args=[study.slug, "scores"])).streaming_content)
    arena = as_owner.get(reverse("evaluation:format", args=[study.slug, "natural", "arena"]))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(arena.streaming_content)))
    assert len(rows(archive.read("arena.csv"))) == len(analysis_set(study_data(study), "natural")[0])
    text = as_owner.get(page).content.decode()
    for words in (
        "the data of export 1",
        "data not exported before",
        "scores.csv",
        "for arena",
        "Download everything now",
    ):
        assert words in text, words
    assert as_owner.post(page, {"do": "licence", "data_licence": "CC0-1.0"}, follow=True).status_code == 200
    assert Study.objects.get(pk=study.pk).data_licence == "CC0-1.0"


def test_a_rehearsal_says_so_in_names_and_page(owner, as_owner):
    study = factories.study(owner=owner, simulated=True, state="open", slug="dry")
    who = factories.participant(study, is_bot=True)
    factories.answer_all(who)
    answer = as_owner.get(reverse("evaluation:bundle", args=["dry"]))
    assert "dry_SIMULATED_" in answer["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert all(name.startswith("dry_SIMULATED/") for name in archive.namelist())
    assert b"SIMULATED" in archive.read("dry_SIMULATED/README.md")
    assert b"SIMULATED" in archive.read("dry_SIMULATED/CITATION.cff")
    assert not study.exports.exists()


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


def test_who_withdrew_is_named_as_such_and_has_no_trials_here_or_in_the_api(study, as_owner):
    study = closed(study)
    files = zip_files(Export(study))
    trials = rows(files["data/trials.csv"])
    [gone] = [r["participant_id"] for r in rows(files["data/participants.csv"]) if r["exclusion_reason"] == "withdrew"]
    assert gone not in {t["participant_id"] for t in trials}
    told = as_owner.get(reverse("voting:api-trials", args=[study.slug])).json()
    assert {t["trial_id"] for t in told} == {t["trial_id"] for t in trials}
    by_id = {t["trial_id"]: t for t in trials}
    excluded = {r["participant_id"]: r["exclusion_reason"] for r in rows(files["data/participants.csv"])}
    for row in told:
        cells = by_id[row["trial_id"]]
        for name in set(row) & set(cells) - {"exclusion_reason"}:
            assert str("" if row[name] is None else row[name]) == cells[name], name
        assert row["exclusion_reason"] == excluded[row["participant_id"]]
    votes = as_owner.get(reverse("voting:api-study-votes", args=[study.slug])).json()
    assert {v["trial_id"]: v["choice"] for v in votes} == {t["trial_id"]: t["choice"] for t in trials if t["choice"]}


def test_an_erased_participant_leaves_a_counted_hole(study, owner):
    who = study.participants.get(panel__external_id=PANEL_ID)
    participant_erase(participant=who, by=owner)
    files = zip_files(Export(study))
    assert rows(files["data/erasures.csv"]) == [
        {"erasure_id": "0001", "day": timezone.localdate().isoformat(), "trials": "6", "votes": "6"}
    ]
    assert json.loads(files["manifest.json"])["erased"] == {"participants": 1, "trials": 6, "votes": 6}
    assert "Erased: 1 with 6 trials and 6 votes" in files["README.md"].decode()
    assert bundle.read(files).data == study_data(study)


def test_old_reasons_without_a_code_are_other(study, owner):
    Exclusion.objects.all().update(code="other")
    assert "other" in {p.exclusion_reason for p in study_data(study).participants}
