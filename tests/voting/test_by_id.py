"""Who knows nothing but an id at a panel goes on with its session, and can neither undo its end nor try many ids."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from studyplatform.voting.models import Panel, Participant, Session, Study
from studyplatform.voting.services import consent_give, instructions_read, returns, session_finish
from tests import factories
from tests.voting.conftest import DESK, ELSEWHERE
from tests.voting.plain_pages import url

pytestmark = pytest.mark.django_db


@pytest.fixture
def sona(open_study: Study) -> Study:
    fields = {"complete_code": "C", "return_address": "https://x.sona-systems.com/credit?survey_code={id}"}
    Panel.objects.create(study=open_study, provider="sona", **fields)
    return open_study


def key_of(study: Study, code: str = "17", peer: str = ELSEWHERE, **more: str) -> Any:
    address = reverse("voting:api-session", args=[study.slug])
    body = json.dumps({"parameters": {"sona_code": code}, **more})
    return Client(REMOTE_ADDR=peer).post(address, body, content_type="application/json")


def withdraws(study: Study, key: str) -> Any:
    address = reverse("voting:api-withdraw", args=[study.slug])
    return Client(headers={"Authorization": f"Bearer {key}"}).post(address)


def complete() -> None:
    who = Participant.objects.get()
    consent_give(session=who.session)
    instructions_read(session=who.session)
    factories.answer_all(who)
    session_finish(session=who.session)


def test_a_complete_session_is_withdrawn_with_the_key_of_its_beginning_alone(sona):
    own, guessed = key_of(sona, peer=DESK).json()["key"], key_of(sona).json()["key"]
    assert own != guessed
    complete()
    refused = withdraws(sona, guessed)
    assert (refused.status_code, refused.json()["code"]) == (403, "by_id")
    assert Session.objects.get().withdrew_at is None
    assert withdraws(sona, own).json()["step"] == "withdrawn"


def test_the_page_says_so_too(sona):
    own, other = Client(REMOTE_ADDR=DESK), Client(REMOTE_ADDR=ELSEWHERE)
    for client in (own, other):
        assert client.post(url("start", sona), {"sona_code": "17"}).status_code == 302
    complete()
    refused = other.post(url("withdraw", sona))
    assert refused.status_code == 403
    assert "use the browser in which you began" in refused.content.decode()
    assert Session.objects.get().withdrew_at is None
    own.post(url("start", sona), {"sona_code": "17"})  # coming back to one's own browser takes nothing away
    assert own.post(url("withdraw", sona)).status_code == 302
    assert Session.objects.get().withdrew_at is not None


def test_by_the_id_one_goes_on_and_may_withdraw_what_is_not_complete(sona):
    key_of(sona, peer=DESK)
    assert withdraws(sona, key_of(sona).json()["key"]).json()["step"] == "withdrawn"


def test_a_button_pressed_twice_is_no_return(sona):
    press = str(uuid4())
    first, again = (key_of(sona, press=press).json()["key"] for _ in range(2))
    assert first == again
    assert key_of(sona, "18", press=press).json()["key"] != first  # a client that gives all the same text
    assert Participant.objects.count() == 2


def test_trying_ids_one_after_the_other_ends_soon(sona, settings):
    settings.EYEBALLOT_JOINS_PER_NETWORK = 120
    for n in range(15):
        assert key_of(sona, str(n % 5), peer=f"198.51.100.{n}").status_code == 201  # five people, who come back
    statuses = [key_of(sona, str(n % 5)).status_code for n in range(14)]
    assert statuses == [201] * 12 + [429] * 2
    refused = key_of(sona, "1")
    assert refused.json()["code"] == "returned"
    assert 0 < int(refused["Retry-After"]) <= 86_401
    assert sona.audit.filter(action=returns.REFUSED).count() == 1
    assert key_of(sona, "1", peer=DESK).status_code == 201
