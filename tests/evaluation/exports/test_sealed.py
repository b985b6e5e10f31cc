"""While people vote the choices stay in the house, until an editor unblinds the study and says why."""

import io
import json
import zipfile

import pytest
from django.db.models import Case, Value, When
from django.test import Client
from django.urls import reverse

from evaluation.core import bundle
from evaluation.exports import Export, bundle_zip, export_record
from evaluation.inputs import study_data
from studyplatform.voting.models import Panel, Study, Vote
from studyplatform.voting.selectors import is_sealed
from tests import factories
from tests.evaluation.exports.conftest import rows, zip_files

pytestmark = pytest.mark.django_db


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
