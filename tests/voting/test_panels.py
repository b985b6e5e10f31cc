"""Where participants come from and where they are sent: Prolific, the presets, one's own panel."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from evaluation.inputs import study_data
from studyplatform.voting import selectors
from studyplatform.voting.core import panels
from studyplatform.voting.models import Panel, PanelIdentity, Participant, Study
from studyplatform.voting.services import participant_join
from tests import factories
from tests.at_once import at_once

pytestmark = pytest.mark.django_db
PERSON = {"PROLIFIC_PID": "5f3a9c", "STUDY_ID": "s1", "SESSION_ID": "x2"}


def panel(study: Study, provider: str = "prolific", **fields: Any) -> Study:
    codes = {"complete_code": "C1DONE", "screened_out_code": "C2OUT", "failed_code": "C4FAIL"}
    Panel.objects.create(study=study, provider=provider, **(codes | fields))
    return study


def at(study: Study, name: str) -> str:
    return reverse(f"voting:{name}", args=[study.slug])


def answer_all(client: Client, study: Study) -> str:
    """Vote by plain forms until the end; the last page."""
    for trial in Participant.objects.latest("pk").trials.in_turn():
        ballot = {"trial": trial.pk, "uuid": str(uuid4()), "choice": "left"}
        client.post(at(study, "trial"), ballot)
    return client.get(at(study, "thanks")).content.decode()


def test_from_prolific_and_back(open_study):
    study, client = panel(open_study), Client()
    page = client.get(at(study, "landing"), PERSON).content.decode()
    assert '<input type="hidden" name="PROLIFIC_PID" value="5f3a9c">' in page
    assert not Participant.objects.exists()  # looking starts nothing
    assert client.post(at(study, "start"), PERSON).url == at(study, "consent")
    client.post(at(study, "consent"))
    client.post(at(study, "instructions"))
    page = answer_all(client, study)
    assert 'href="https://app.prolific.com/submissions/complete?cc=C1DONE"' in page
    assert "Back to Prolific" in page
    identity = PanelIdentity.objects.get()
    assert (identity.external_id, identity.captured) == ("5f3a9c", {"STUDY_ID": "s1", "SESSION_ID": "x2"})


def test_the_same_id_resumes_in_any_browser(open_study):
    study, first, second = panel(open_study), Client(), Client()
    first.post(at(study, "start"), PERSON)
    first.post(at(study, "consent"))
    assert second.post(at(study, "start"), PERSON).url == at(study, "instructions")
    assert Participant.objects.count() == 1
    assert second.post(at(study, "start")).url == at(study, "instructions")  # the cookie alone is enough then
    other = second.post(at(study, "start"), PERSON | {"PROLIFIC_PID": "another"})
    assert other.url == at(study, "consent")  # somebody else at the same machine
    assert Participant.objects.count() == 2


def test_without_an_id_nobody_starts(open_study):
    study = panel(open_study)
    answer = Client().post(at(study, "start"))
    assert answer.status_code == 409
    assert "by its link at Prolific" in answer.content.decode()
    answer = Client().post(at(study, "start"), {"PROLIFIC_PID": "<script>"})
    assert answer.status_code == 400
    assert "This link is not complete" in answer.content.decode()
    assert not Participant.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_id_twice_at_once_is_one_participant():
    study = panel(factories.study(state="open"))
    arrival = panels.Arrival("prolific", "5f3a9c", {})
    found = at_once(*[lambda: participant_join(study=Study.objects.get(pk=study.pk), arrival=arrival).pk] * 4)
    assert len(set(found)) == 1, found
    assert Participant.objects.count() == study.blocks.exclude(state="free").count() == 1


def test_each_outcome_has_its_own_code(open_study):
    study, client = panel(open_study), Client()
    client.post(at(study, "start"), PERSON)
    client.post(at(study, "decline"))
    page = client.get(at(study, "landing")).content.decode()
    assert "You have chosen not to take part" in page
    assert "app.prolific.com" not in page  # no code was set for this outcome
    session = Participant.objects.get().session
    ways = {outcome: selectors.way_out(session, outcome) for outcome in ("screened_out", "failed")}
    assert ways["screened_out"].url.endswith("cc=C2OUT")
    assert ways["failed"].code == "C4FAIL"


@pytest.mark.parametrize(
    ("provider", "fields", "sent", "url"),
    [
        (
            "sona",
            {"return_address": "https://x.sona-systems.com/webstudy_credit.aspx?experiment_id=1&survey_code={id}"},
            {"sona_code": "77"},
            "https://x.sona-systems.com/webstudy_credit.aspx?experiment_id=1&survey_code=77",
        ),
        (
            "connect",
            {"return_address": "https://connect.example/{projectId}/done?a={assignmentId}"},
            {"participantId": "P", "assignmentId": "A B", "projectId": "R"},
            "https://connect.example/R/done?a=A%20B",
        ),
        (
            "generic",
            {
                "id_parameter": "uid",
                "captured": "wave, arm",
                "return_address": "https://p.example/{code}?u={id}&w={wave}",
            },
            {"uid": "u-1", "wave": "2&x", "arm": "b"},
            "https://p.example/C1DONE?u=u-1&w=2%26x",
        ),
    ],
)
def test_presets_and_ones_own_panel(open_study, provider, fields, sent, url):
    study = panel(open_study, provider, **fields)
    Client().post(at(study, "start"), sent)
    assert selectors.way_out(Participant.objects.get().session, "complete").url == url


def test_mechanical_turk_hands_in_by_a_form_and_only_there(open_study):
    study, client = panel(open_study, "mturk"), Client()
    sent = {"workerId": "W", "assignmentId": "A", "hitId": "H", "turkSubmitTo": "https://workersandbox.mturk.com"}
    preview = client.post(at(study, "start"), sent | {"assignmentId": panels.MTURK_PREVIEW})
    assert preview.status_code == 400
    client.post(at(study, "start"), sent)
    client.post(at(study, "consent"))
    client.post(at(study, "instructions"))
    page = answer_all(client, study)
    assert 'action="https://workersandbox.mturk.com/mturk/externalSubmit"' in page
    assert 'name="assignmentId" value="A"' in page
    policy = client.get(at(study, "thanks")).headers["Content-Security-Policy"]
    assert "https://workersandbox.mturk.com" in policy
    evil = {"assignmentId": "A", "turkSubmitTo": "https://evil.example"}
    assert panels.hand_in_address(evil) == ""


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no web address"):
        panels.way_back("javascript:alert(1)", "C", "i", {})


def test_exports_carry_a_salted_hash_and_never_the_id(open_study):
    study = panel(open_study)
    Client().post(at(study, "start"), PERSON)
    (person,) = study_data(study).participants
    assert len(person.panel_hash) == 16
    assert PERSON["PROLIFIC_PID"] not in str(study_data(study))
    assert person.panel_hash != selectors.panel_hash(factories.study("other"), "prolific", PERSON["PROLIFIC_PID"])


def test_another_person_at_the_same_machine_never_sees_the_first_ones_end(open_study):
    study, client = panel(open_study), Client()
    client.post(at(study, "start"), PERSON)
    client.post(at(study, "consent"))
    client.post(at(study, "instructions"))
    assert "C1DONE" in answer_all(client, study)
    assert client.get(at(study, "landing"), PERSON).url == at(study, "thanks")
    page = client.get(at(study, "landing"), PERSON | {"PROLIFIC_PID": "another"})
    assert page.status_code == 200
    assert 'value="another"' in page.content.decode()


def test_another_language_keeps_who_comes(open_study):
    study = panel(open_study)
    page = Client().get(at(study, "landing"), PERSON | {"csrfmiddlewaretoken": "x"}).content.decode()
    assert f'name="next" value="{at(study, "landing")}?PROLIFIC_PID=5f3a9c&amp;STUDY_ID=s1' in page
    assert page.count('name="csrfmiddlewaretoken"') == 2  # what no panel sends is not passed on
    answer = Client().post(at(study, "start")).content.decode()
    assert f'name="next" value="{at(study, "landing")}"' in answer


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"return_address": "app.example/x?cc={code}"}, "return_address"), ({"complete_code": ""}, "complete_code")],
)
def test_what_would_lead_nowhere_is_found_in_the_form_and_costs_nobody_the_code(open_study, fields, wrong):
    study = panel(open_study, **fields)
    with pytest.raises(ValidationError) as error:
        study.panel.full_clean()
    assert list(error.value.message_dict) == [wrong]
    client = Client()
    client.post(at(study, "start"), PERSON)
    client.post(at(study, "consent"))
    client.post(at(study, "instructions"))
    page = answer_all(client, study)
    assert selectors.way_out(Participant.objects.get().session, "complete").code in page


def test_hostile_parameters_are_refused_before_anything_is_stored(open_study):
    study = panel(open_study)
    assert Client().post(at(study, "start"), PERSON | {"STUDY_ID": "a\x00b"}).status_code == 400
    assert panels.hand_in_address({"turkSubmitTo": "https://[", "assignmentId": "A"}) == ""
    assert not Participant.objects.exists()
