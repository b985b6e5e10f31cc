"""Start pressed again, because the answer is slow or by a double click: one participant, one plan."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from studyplatform.voting.models import Participant, Study
from tests import factories
from tests.at_once import at_once


def pressed(study: Study) -> str:
    """What the page of a new visitor sends with its button."""
    page = Client().get(reverse("voting:landing", args=[study.slug])).content.decode()
    return page.split('name="press" value="', 1)[1].split('"', 1)[0]


def press(study: Study, text: str) -> Client:
    """A press whose browser has no answer to an earlier one yet."""
    client = Client()
    assert client.post(reverse("voting:start", args=[study.slug]), {"press": text}).status_code == 302
    return client


@pytest.mark.django_db
def test_one_page_is_one_participant_and_two_pages_are_two(open_study):
    text = pressed(open_study)
    first, again = press(open_study, text), press(open_study, text)
    assert Participant.objects.count() == 1
    assert {c.get(reverse("voting:consent", args=[open_study.slug])).status_code for c in (first, again)} == {200}
    press(open_study, pressed(open_study))
    press(open_study, "")
    press(open_study, "")
    assert Participant.objects.count() == 4


@pytest.mark.django_db
def test_the_same_text_in_another_study_is_somebody_else(owner):
    one, other = (factories.study(slug, owner=owner, state="open") for slug in ("one", "other"))
    press(one, "the same")
    press(other, "the same")
    assert (one.participants.count(), other.participants.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_at_the_same_moment_it_is_one_participant_too(owner):
    study = factories.study(owner=owner, state="open")
    text, start = pressed(study), reverse("voting:start", args=[study.slug])
    assert at_once(*[lambda: Client().post(start, {"press": text}).status_code] * 6) == [302] * 6
    assert study.participants.count() == 1
    assert study.blocks.filter(state="held").count() == 1


def started(study: Study, body: dict[str, Any]) -> Any:
    """What the API answers to a start."""
    return Client().post(reverse("voting:api-session", args=[study.slug]), body, "application/json")


@pytest.mark.django_db
def test_a_start_through_the_api_that_is_sent_again_is_one_participant(open_study):
    number = str(uuid4())
    first, again = started(open_study, {"press": number}), started(open_study, {"press": number})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["key"] == again.json()["key"]
    assert open_study.blocks.filter(state="held").count() == open_study.participants.count() == 1
    assert started(open_study, {"press": str(uuid4())}).json()["key"] != first.json()["key"]
    started(open_study, {})
    started(open_study, {})
    assert open_study.participants.count() == 4


@pytest.mark.django_db
def test_a_number_that_others_could_guess_is_refused(open_study):
    assert started(open_study, {"press": "1"}).status_code == 400
    assert not open_study.participants.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_start_at_the_same_moment_is_one_participant(open_study):
    body = {"press": str(uuid4())}
    assert at_once(*[lambda: started(open_study, body).status_code] * 6) == [201] * 6
    assert open_study.blocks.filter(state="held").count() == open_study.participants.count() == 1
