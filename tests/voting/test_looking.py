"""Looking at a participant's pages changes nothing, but for the last one: it writes down what the votes say already."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from studyplatform.voting.identity import cookie_name, participant_key
from studyplatform.voting.models import CompletionCode, Participant, Session, Study, Vote
from tests import factories
from tests.voting.plain_pages import url

pytestmark = pytest.mark.django_db
PAGES = ("landing", "consent", "checks", "instructions", "trial", "debrief", "thanks", "withdraw")
WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)", re.IGNORECASE)


def browser_of(who: Participant) -> Client:
    client = Client()
    client.cookies[cookie_name(who.study.slug)] = participant_key(who)
    return client


def away_for_hours(study: Study) -> Client:
    """The browser of somebody who left in the middle of the pairs."""
    who = factories.participant(study)
    factories.cast(who)
    ago = timezone.now() - timedelta(hours=2)
    Session.objects.update(instructed_at=ago)
    Vote.objects.update(submitted_at=ago)
    return browser_of(who)


def written_by(ask: Callable[[str], Any], study: Study, pages: tuple[str, ...] = PAGES) -> list[str]:
    """The statements that asking for each page writes with."""
    written: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if WRITES.match(sql):
            written.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        for page in pages:
            assert ask(url(page, study)).status_code in (200, 302)
    return written


@pytest.mark.parametrize("resume", ["instructions", "restart", "block"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_whoever_was_away_is_not_judged_by_a_look(owner, resume, method):
    study = factories.study(owner=owner, resume=resume, resume_after_minutes=30, state="open")
    client = away_for_hours(study)
    assert written_by(getattr(client, method), study) == []


@pytest.mark.parametrize(
    ("resume", "leads_to"), [("instructions", "instructions"), ("restart", "instructions"), ("block", "landing")]
)
def test_without_a_script_a_button_goes_on(owner, resume, leads_to):
    study = factories.study(owner=owner, resume=resume, resume_after_minutes=30, state="open")
    client = away_for_hours(study)
    assert client.post(url("start", study))["Location"] == url("trial", study)
    page = client.get(url("trial", study)).content.decode()
    assert "Welcome back!" in page
    assert f'action="{url("back", study)}"' in page
    assert client.get(url("back", study))["Location"] == url("trial", study), "typed: led to where they stand"
    assert client.post(url("back", study), {"idle": ""})["Location"] == url(leads_to, study)
    assert Session.objects.get().events.get(kind="gap").data["minutes"] == 120


@pytest.mark.parametrize("idle", ["", "-1", "1e9", "9" * 30, "soon"])
def test_a_browser_cannot_make_its_gap_shorter(owner, idle):
    study = factories.study(owner=owner, resume="block", resume_after_minutes=30, state="open")
    client = away_for_hours(study)
    client.post(url("back", study), {"idle": idle})
    assert Session.objects.get().outcome == "failed"


def test_nobody_who_was_not_away_is_held_up(owner):
    study = factories.study(owner=owner, resume="block", resume_after_minutes=30, state="open")
    client = browser_of(factories.participant(study))
    assert 'id="ballot"' in client.get(url("trial", study)).content.decode()
    client.post(url("back", study))
    assert Session.objects.get().outcome == ""


@pytest.mark.parametrize("debrief", [False, True])
def test_the_last_page_writes_down_what_the_votes_say_and_a_head_does_not(owner, debrief):
    study = factories.study(owner=owner, ask_debrief=debrief, state="open")
    who = factories.participant(study)
    factories.answer_all(who)
    client, last = browser_of(who), "debrief" if debrief else "thanks"
    assert written_by(client.head, study) == []
    client.get(url(last, study))
    assert Session.objects.get().outcome == "complete"
    assert CompletionCode.objects.count() == 1
    assert written_by(client.get, study) == []
