"""What a study that is a draft, a pilot, paused, full or closed says to people, and where it leads them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from studyplatform.voting.models import Participant, Study
from studyplatform.voting.services import study_transition
from tests import factories
from tests.voting.plain_pages import ballot, begin, choose, url

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "words"),
    [("paused", "is paused"), ("closed", "is closed"), ("archived", "is closed")],
)
def test_a_study_that_is_not_running_has_a_friendly_page(owner, client, state, words):
    study = factories.study(owner=owner, state=state)
    for page in (client.get(url("landing", study)), client.post(url("start", study))):
        assert words in page.content.decode()
        assert "What you have answered" not in page.content.decode(), "they have answered nothing"
    assert client.get(url("landing", study)).status_code == 200


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_draft_is_nothing_to_strangers_and_a_friendly_page_to_its_researchers(
    owner, colleague, stranger, client, method
):
    study = factories.study(owner=owner, title="A secret plan")
    study.memberships.create(user=colleague, role="viewer")
    address = url("landing" if method == "get" else "start", study)
    for visitor in (None, stranger):
        if visitor is not None:
            client.force_login(visitor)
        answer = getattr(client, method)(address)
        assert answer.status_code == 404
        assert "secret" not in answer.content.decode()
    for researcher in (owner, colleague):
        client.force_login(researcher)
        page = getattr(client, method)(address).content.decode()
        assert "has not started" in page
        assert "A secret plan" in page
    assert not Participant.objects.exists()


def test_a_drafts_researchers_read_who_sees_the_page(owner, colleague, client):
    study = factories.study(owner=owner)
    client.force_login(owner)
    page = client.get(url("landing", study)).content.decode()
    assert "Only you see this page; people see it once the study is open." in page
    assert reverse("admin:voting_study_change", args=[study.pk]) in page
    study.memberships.create(user=colleague, role="viewer")
    assert "Only the researchers of this study" in client.get(url("landing", study)).content.decode()


def test_a_pilot_does_not_say_that_its_answers_count(owner):
    for state, says in (("pilot", "as in the study itself"), ("open", "your answers count")):
        study = factories.study(state, owner=owner, state=state, practice_trials=2)
        page = begin(study).get(url("trial", study)).content.decode()
        words = page.split('id="counts-dialog"')[1].split("</dialog>")[0]
        assert says in words
        assert ("answers count" in words) == (state == "open")


def test_whoever_piloted_a_study_that_is_a_draft_again_reads_that_the_pilot_is_over(owner):
    study = factories.study(owner=owner, state="pilot")
    client = begin(study)
    study_transition(study=study, to="draft", by=owner)
    for name in ("landing", "trial"):
        assert "This pilot is over." in client.get(url(name, study), follow=True).content.decode()


def test_the_page_of_a_pause_leads_on(owner, client):
    study = factories.study(owner=owner, state="open")
    voting = begin(study)
    study_transition(study=study, to="paused", by=owner)
    way = f'id="paused"><a class="go" href="{url("landing", study)}">'
    for name in ("landing", "trial"):
        page = voting.get(url(name, study), headers={"Accept-Language": "de"}).content.decode()
        assert f"{way}Weitermachen</a>" in page
        assert "voting/paused" in page
    assert way not in client.get(url("landing", study)).content.decode()  # who never began waits for nothing
    study_transition(study=study, to="open", by=owner)
    page = voting.get(url("landing", study)).content.decode()
    assert 'id="paused"' not in page
    assert "Continue" in page


@pytest.mark.parametrize("state", ["paused", "closed", "archived"])
def test_nobody_is_led_on_where_no_vote_is_taken(open_study, owner, state):
    voting, fresh, done = begin(open_study), Client(), begin(open_study)
    fresh.post(url("start", open_study))
    for _ in range(4):
        choose(done, open_study)
    old = ballot(voting.get(url("trial", open_study)).content.decode())
    for to in {"archived": ("closed", "archived")}.get(state, (state,)):
        study_transition(study=open_study, to=to, by=owner)
    Study.objects.exclude(votes_until=None).update(votes_until=timezone.now() - timedelta(seconds=1))
    words = "is paused" if state == "paused" else "is closed"
    pages = [voting.get(url(name, open_study)) for name in ("landing", "instructions", "trial")]
    pages += [fresh.get(url(name, open_study)) for name in ("landing", "consent")]
    pages += [fresh.post(url("consent", open_study)), voting.post(url("trial", open_study), {**old, "choice": "up"})]
    for page in (p.content.decode() for p in pages):
        assert words in page
        assert "Continue" not in page
        assert 'id="ballot"' not in page
        assert url("withdraw", open_study) in page
    assert fresh.get(url("trial", open_study)).url == url("consent", open_study)
    # Whoever answered everything still finds the completion code.
    landing = done.get(url("landing", open_study), follow=True).content.decode()
    assert Participant.objects.get(completion_code__isnull=False).completion_code.code in landing


def test_within_the_grace_period_a_session_goes_on(open_study, owner):
    client = begin(open_study)
    study_transition(study=open_study, to="closed", by=owner)
    assert "Continue" in client.get(url("landing", open_study)).content.decode()
    assert 'id="ballot"' in client.get(url("trial", open_study)).content.decode()
    assert "This study is closed" in Client().get(url("landing", open_study)).content.decode()


def test_a_full_study_has_a_friendly_page(owner, client):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    factories.participant(study)
    answer = client.post(url("start", study))
    assert answer.status_code == 409
    assert "all the participants it needs" in answer.content.decode()


def test_a_vote_into_a_study_closed_for_good_is_a_sentence(open_study, owner):
    client = begin(open_study)
    study_transition(study=open_study, to="closed", by=owner)
    assert choose(client, open_study).status_code == 302  # within the grace period
    shown = ballot(client.get(url("trial", open_study)).content.decode())
    Study.objects.update(votes_until=timezone.now() - timedelta(seconds=1))
    answer = client.post(url("trial", open_study), {**shown, "choice": "left"})
    assert answer.status_code == 410
    assert "This study is closed" in answer.content.decode()
