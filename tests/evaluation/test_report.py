"""From votes to the page: the run, the row that never changes, who may read it, what stands on it."""

import csv
import io
import re
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation.core import bundle
from evaluation.core.options import Options
from evaluation.models import Analysis
from evaluation.selectors import latest_analyses
from evaluation.services import EvaluationError, analysis_run
from studyplatform.voting.models import AuditEntry, Membership, Study
from studyplatform.voting.services import study_transition
from tests import factories

FAST = Options(draws=199)
PLANTED = {"favourite": "lr 1", "agrees_with_loss": False}


def voted(owner: User, *, simulated: bool = False, people: int = 10, **fields: Any) -> Study:
    """A study in which everybody prefers the later condition of each pair."""
    study = factories.study(
        owner=owner, state="open", simulated=simulated, trials_per_session=6, sessions_planned=people, **fields
    )
    for _ in range(people):
        who = factories.participant(study, is_bot=simulated)
        for trial in who.trials.select_related("left", "right").order_by("position"):
            factories.cast(who, "left" if trial.left.position > trial.right.position else "right", trial=trial)
    if not simulated:
        study_transition(study=study, to="closed", by=owner)
    return study


@pytest.fixture
def rehearsal(owner: User) -> Study:
    return voted(owner, simulated=True, slug="rehearsal")


@pytest.fixture
def closed(owner: User) -> Study:
    return voted(owner, slug="closed")


def page(client: Client, study: Study) -> str:
    response = client.get(reverse("evaluation:report", args=[study.slug]))
    assert response.status_code == 200
    return response.content.decode()


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_verdict_stands_on_the_page(closed: Study, as_owner: Client) -> None:
    [analysis] = analysis_run(study=closed, options=FAST)
    assert analysis.results["headline"]["favourite_label"] == "lr 1"
    text = words_of(page(as_owner, closed))
    assert analysis.results["headline"]["verdict_word"] in text
    assert "people" in text
    assert "SIMULATED" not in text
    assert "holds for these images only" in text


def test_a_rehearsal_says_so_on_top_and_never_speaks_of_people(rehearsal: Study, as_owner: Client) -> None:
    analysis_run(study=rehearsal, options=FAST, planted=PLANTED)
    text = words_of(page(as_owner, rehearsal))
    line = "SIMULATED: a rehearsal of the analysis. Planted favourite lr 1, recovered lr 1"
    assert line in text
    assert text.index(line) < text.index("Does the image with the minimum loss")
    assert "people prefer" not in text.lower()


def test_no_cell_is_empty_or_a_bare_code(owner: User, as_owner: Client) -> None:
    for people in (2, 10):
        study = voted(owner, simulated=True, people=people, slug=f"p{people}")
        analysis_run(study=study, options=FAST)
        html = page(as_owner, study)
        cells = [words_of(c).strip() for c in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", html, re.DOTALL)]
        assert len(cells) > 30
        for cell in cells:
            assert cell
            assert not re.search(r"NC_[A-Z]|\bnan\b|\bNone\b|\binf\b", cell, re.IGNORECASE)


def test_a_table_that_is_scrolled_says_what_it_is(owner: User, as_owner: Client) -> None:
    grid = factories.rendered_grid(owner=owner, learning_rates=[place / 10 for place in range(1, 11)])
    study = voted(owner, grid=grid, slug="ten")
    analysis_run(study=study, options=FAST)
    names = re.findall(r'role="region" aria-label="Table: ([^"]*)"', page(as_owner, study))
    assert "Votes per condition" in names
    assert all(names)


def test_the_page_obeys_the_content_security_policy(rehearsal: Study, as_owner: Client) -> None:
    analysis_run(study=rehearsal, options=FAST)
    html = page(as_owner, rehearsal)
    assert " style=" not in html
    for attributes, inside in re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL):
        assert 'type="module" src="/static/' in attributes
        assert inside == ""
    assert "<style" not in html
    assert not re.search(r"<[^>]* on[a-z]+=", html)
    for address in re.findall(r'(?:src|srcset)="(/report/[^"]+)"', html):
        assert as_owner.get(address).status_code == 200


def test_an_analysis_never_changes_and_is_not_run_twice(closed: Study) -> None:
    [first] = analysis_run(study=closed, options=FAST)
    assert analysis_run(study=closed, options=FAST) == [first]
    [other] = analysis_run(study=closed, options=Options(draws=199, seed=2))
    assert other != first
    assert latest_analyses(closed) == [other]
    with pytest.raises(ValueError, match="immutable"):
        first.save()


def test_a_rehearsal_remembers_what_was_planted(rehearsal: Study) -> None:
    [first] = analysis_run(study=rehearsal, options=FAST, planted=PLANTED)
    assert analysis_run(study=rehearsal, options=FAST) == [first]


def test_a_truth_is_planted_in_rehearsals_only(closed: Study) -> None:
    with pytest.raises(EvaluationError, match="asks people"):
        analysis_run(study=closed, planted=PLANTED)


def test_nobody_looks_while_people_vote_unless_it_is_written_down(owner: User) -> None:
    study = factories.study(owner=owner, state="open")
    factories.finished(study)
    with pytest.raises(EvaluationError, match="still takes votes"):
        analysis_run(study=study, options=FAST)
    assert not Analysis.objects.exists()
    analysis_run(study=study, options=FAST, unblind=True, by=owner)
    assert AuditEntry.objects.filter(study=study, action="unblinded", user=owner).count() == 1


def test_who_may_read_and_who_may_download(closed: Study, as_owner: Client, stranger: User) -> None:
    [analysis] = analysis_run(study=closed, options=FAST)
    outside, inside = Client(), Client()
    inside.force_login(stranger)
    addresses = [
        reverse("evaluation:report", args=[closed.slug]),
        reverse("evaluation:figure", args=[closed.slug, analysis.pk, "fig01_votes.svg"]),
        reverse("evaluation:table", args=[closed.slug, "trials"]),
        reverse("evaluation:bundle", args=[closed.slug]),
    ]
    for address in addresses:
        assert as_owner.get(address).status_code == 200
        assert outside.get(address).status_code == inside.get(address).status_code == 404
    Study.objects.filter(pk=closed.pk).update(public_report=True)
    assert [outside.get(a).status_code for a in addresses] == [200, 200, 403, 403]
    Study.objects.filter(pk=closed.pk).update(state="open")
    assert [outside.get(a).status_code for a in addresses] == [404, 404, 404, 404]


def test_a_figure_is_found_under_its_own_study_only(closed: Study, rehearsal: Study, as_owner: Client) -> None:
    [analysis] = analysis_run(study=closed, options=FAST)
    for slug, name in (("rehearsal", "fig01_votes.svg"), ("closed", "fig99.svg"), ("closed", "passwd")):
        assert as_owner.get(reverse("evaluation:figure", args=[slug, analysis.pk, name])).status_code == 404


def test_the_downloads_are_the_study(closed: Study, as_owner: Client) -> None:
    analysis_run(study=closed, options=FAST)
    first, second = (as_owner.get(reverse("evaluation:bundle", args=[closed.slug])).getvalue() for _ in range(2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        files = {name.removeprefix("closed/"): archive.read(name) for name in archive.namelist()}
    assert len(bundle.read(files).data.trials) == 60
    [scores] = [name for name in files if name.endswith("derived/human_scores.csv")]
    assert files[scores].startswith(b"scope,")
    assert [e.number for e in closed.exports.order_by("number")] == [1, 2]
    assert as_owner.get(reverse("evaluation:table", args=[closed.slug, "secrets"])).status_code == 404


def test_the_choices_stay_sealed_until_the_study_closes_or_a_look_is_written_down(
    owner: User, as_owner: Client
) -> None:
    study = factories.study(owner=owner, state="open", slug="running")
    factories.finished(study)
    sealed = [reverse("evaluation:table", args=["running", table]) for table in ("trials", "votes_analysis")]
    sealed.append(reverse("evaluation:bundle", args=["running"]))
    for state in ("pilot", "open", "paused"):
        Study.objects.filter(pk=study.pk).update(state=state)
        html = page(as_owner, study)
        assert "trials.csv and the zip stay sealed" in words_of(html)
        for address in sealed:
            assert address not in html
            response = as_owner.get(address)
            assert response.status_code == 409
            assert "Until it is closed nobody sees who chose what" in words_of(response.content.decode())
        scores = reverse("evaluation:table", args=["running", "scores"])
        assert scores in html
        assert as_owner.get(scores).status_code == 200
    assert {e.data_digest for e in study.exports.all()}  # the open tables are still noted
    before = study.exports.count()
    analysis_run(study=study, options=FAST, unblind=True, by=owner)
    html = page(as_owner, study)
    assert all(address in html for address in sealed)
    assert [as_owner.get(address).status_code for address in sealed] == [200, 200, 200]
    assert study.exports.count() == before + len(sealed)
    # The same look again is written down again, though its results are there already.
    analysis_run(study=study, options=FAST, unblind=True, by=owner)
    assert study.audit.filter(action="unblinded").count() == 2
    # A look at the pilot does not unseal the study opened after it.
    Study.objects.filter(pk=study.pk).update(opened_at=timezone.now(), state="open")
    assert as_owner.get(sealed[0]).status_code == 409
    Study.objects.filter(pk=study.pk).update(state="closed")
    assert as_owner.get(sealed[0]).status_code == 200


def test_a_rehearsal_is_never_sealed_and_its_downloads_are_marked_but_not_noted(
    rehearsal: Study, as_owner: Client
) -> None:
    [analysis] = analysis_run(study=rehearsal, options=FAST)
    Study.objects.filter(pk=rehearsal.pk).update(public_report=True)
    anybody = Client()
    for client in (anybody, as_owner):
        table = client.get(reverse("evaluation:table", args=["rehearsal", "trials"]))
        assert 'filename="rehearsal_SIMULATED_trials.csv"' in table["Content-Disposition"]
        assert next(csv.DictReader(table.getvalue().decode().splitlines()))["simulated"] == "true"
        zipped = client.get(reverse("evaluation:bundle", args=["rehearsal"]))
        assert 'filename="rehearsal_SIMULATED_20' in zipped["Content-Disposition"]
        with zipfile.ZipFile(io.BytesIO(zipped.getvalue())) as archive:
            assert all(name.startswith("rehearsal_SIMULATED/") for name in archive.namelist())
        chart = client.get(reverse("evaluation:figure", args=["rehearsal", analysis.pk, "fig01_votes.csv"]))
        assert "rehearsal_SIMULATED_fig01_votes.csv" in chart["Content-Disposition"]
    assert not rehearsal.exports.exists()
    assert "<title>SIMULATED: " in page(anybody, rehearsal)
    assert "<title>SIMULATED" not in page(as_owner, voted(rehearsal.owner, slug="real"))


def test_the_list_of_verdicts_marks_a_rehearsal(rehearsal: Study, closed: Study) -> None:
    boss = Client()
    boss.force_login(factories.user("boss", superuser=True))
    for study in (rehearsal, closed):
        [analysis] = analysis_run(study=study, options=FAST)
        head = analysis.results["headline"]
        html = boss.get(reverse("admin:evaluation_analysis_change", args=[analysis.pk])).content.decode()
        assert f"{head['mark']} {head['verdict_word']}" in words_of(html)
        assert ("SIMULATED · " in words_of(html)) == study.simulated
    listed = words_of(boss.get(reverse("admin:evaluation_analysis_changelist")).content.decode())
    assert listed.count("SIMULATED · ") == 1


def test_the_page_says_preferred_only_where_nobody_else_could_be(closed: Study, owner: User, as_owner: Client) -> None:
    analysis_run(study=closed, options=FAST)
    text = words_of(page(as_owner, closed))
    assert "referred by people" in text
    tied = factories.study(
        owner=owner, state="open", slug="tied", trials_per_session=6, sessions_planned=10, allow_ties=True
    )
    few = voted(owner, slug="few", people=3)
    for _ in range(10):
        factories.finished(tied, choice="tie")
    study_transition(study=tied, to="closed", by=owner)
    for study in (tied, few):
        analysis_run(study=study, options=FAST)
        text = words_of(page(as_owner, study))
        assert "referred by" not in text
        assert ("ighest score of the votes" in text) == (study == few)


def test_a_label_and_its_number_stay_on_one_line(closed: Study, as_owner: Client) -> None:
    [analysis] = analysis_run(study=closed, options=FAST)
    assert "lr 1" in analysis.results["headline"]["sentence"]
    html = page(as_owner, closed)
    assert not re.search(r"lr [\d.]|\d %|\bp [<=]|[<=] \.\d", html)
    assert "lr\u00a01" in html
    assert "95\u00a0% interval" in html
    table = as_owner.get(reverse("evaluation:table", args=["closed", "conditions"])).getvalue().decode()
    assert "\u00a0" not in table
    assert "lr 0.1" in table


def test_a_study_that_was_never_evaluated_says_how(closed: Study, as_owner: Client) -> None:
    html = page(as_owner, closed)
    assert reverse("admin:voting_study_verdict", args=[closed.pk]) in html
    assert "Press Analyse on its page Verdict , or run manage.py evaluate closed" in words_of(html)
    Study.objects.filter(pk=closed.pk).update(state="open")
    assert "Once it is closed, press Analyse" in words_of(page(as_owner, closed))
    reader = factories.user("reader", staff=False)
    Membership.objects.create(study=closed, user=reader, role="viewer")
    client = Client()
    client.force_login(reader)
    html = page(client, closed)
    assert "Once it is closed, its owner or an editor has it analysed" in words_of(html)
    assert "/verdict/" not in html


def test_the_command_prints_the_verdict_and_the_address(rehearsal: Study) -> None:
    out = io.StringIO()
    call_command("evaluate", "rehearsal", stdout=out)
    assert "SIMULATED: a rehearsal of the analysis." in out.getvalue()
    assert "Verdict:" in out.getvalue()
    assert out.getvalue().strip().endswith("\n/report/rehearsal/")  # no host: none is known
    out = io.StringIO()
    call_command("evaluate", "rehearsal", host="https://study.example", stdout=out)
    assert out.getvalue().strip().endswith("\nhttps://study.example/report/rehearsal/")
    with pytest.raises(CommandError, match="Studies: rehearsal"):
        call_command("evaluate", "other")
    with pytest.raises(CommandError, match="Name a study"):
        call_command("evaluate")


def test_a_bundle_is_analysed_without_the_database(rehearsal: Study, tmp_path: Any) -> None:
    from evaluation.inputs import study_data

    data = study_data(rehearsal)
    bundle.save(data, tmp_path / "in")
    out = io.StringIO()
    call_command("evaluate", bundle=tmp_path / "in", out=tmp_path / "out", stdout=out)
    assert (tmp_path / "out" / "natural" / "results.json").exists()
    assert (tmp_path / "out" / "natural" / "fig01_votes.svg").exists()
    with pytest.raises(CommandError, match="nothing: this folder is not there"):
        call_command("evaluate", bundle=tmp_path / "nothing", out=tmp_path / "out")
    scores = tmp_path / "in" / "data" / "scores.csv"
    scores.write_text(re.sub(r",[\d.]+,ok", ",nan,ok", scores.read_text(), count=1))
    call_command("evaluate", bundle=tmp_path / "in", out=tmp_path / "out", stdout=out)
    assert "data/scores.csv, line 2, column value: nan is not finite. It is taken as missing." in out.getvalue()
