"""Whatever leaves the house is written down and listed on the Data page; a rehearsal says that it is one."""

import io
import zipfile

import pytest
from django.urls import reverse

from evaluation.core.ballots import analysis_set
from evaluation.exports import Export, bundle_zip, export_record
from evaluation.inputs import study_data
from studyplatform.voting.models import Study
from tests import factories
from tests.evaluation.exports.conftest import closed, rows

pytestmark = pytest.mark.django_db


def test_a_download_that_breaks_off_is_written_down_without_a_digest(study, owner):
    stream = bundle_zip(Export(study), record=export_record(study=study, contents="everything", by=owner))
    next(stream)
    stream.close()
    assert [r.data_digest for r in study.exports.all()] == [""]


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
