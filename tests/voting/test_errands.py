"""What a page starts runs to its end in a process of its own, says what it did, and is never run twice at once."""

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from studyplatform.voting.models import Errand, Study
from studyplatform.voting.selectors import UNBLINDED
from studyplatform.voting.services import StudyError, errands, study_unblind
from studyplatform.voting.services.errands import SILENCE, errand_run, errand_start
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def spawned(monkeypatch) -> list[int]:
    """Errands whose process would have been started: the test's database is not the one a new process would open."""
    found: list[int] = []
    monkeypatch.setattr(errands, "_spawn", found.append)
    return found


@pytest.fixture
def pilot(owner) -> Study:
    return factories.study(owner=owner, sessions_planned=6, state="pilot")


def test_bots_walk_through_a_pilot_and_count_for_nothing(pilot, owner, spawned, live_server):
    errand = errand_start(study=pilot, kind="bots", by=owner, options={"participants": 2, "url": live_server.url})
    assert spawned == [errand.pk]
    call_command("errand", errand.pk)
    errand.refresh_from_db()
    assert errand.succeeded
    assert "2 participants, 2 finished, 8 votes" in errand.output
    bots = list(pilot.participants.all())
    assert [(b.is_bot, b.is_pilot, b.session.outcome) for b in bots] == [(True, True, "complete")] * 2
    assert pilot.audit.filter(action="started: simulated participants", user=owner).count() == 1
    with pytest.raises(CommandError, match="no unfinished errand"):
        call_command("errand", errand.pk)


def test_one_of_a_kind_at_a_time_and_a_silent_one_is_given_up(pilot, owner, spawned):
    first = errand_start(study=pilot, kind="bots", by=owner)
    errand_start(study=pilot, kind="analysis", by=owner)
    with pytest.raises(StudyError, match="being worked on already"):
        errand_start(study=pilot, kind="bots", by=owner)
    Errand.objects.filter(pk=first.pk).update(seen_at=timezone.now() - 2 * SILENCE)
    errand_start(study=pilot, kind="bots", by=owner)
    first.refresh_from_db()
    assert (first.succeeded, "without a word" in first.output, first.finished_at is not None) == (False, True, True)
    assert len(spawned) == 3


def test_a_refusal_is_its_sentence_and_a_fault_is_no_traceback(owner, spawned, monkeypatch):
    study = factories.study(owner=owner, state="open")
    refused = errand_start(study=study, kind="analysis", by=owner)
    errand_run(errand=refused)
    refused.refresh_from_db()
    assert (refused.succeeded, "still takes votes" in refused.output) == (False, True)
    monkeypatch.setitem(errands.COMMANDS, Errand.Kind.BOTS, "no_such_command_of_ours")
    monkeypatch.setattr(errands, "call_command", lambda *a, **k: 1 / 0)
    broken = errand_start(study=study, kind="bots", by=owner)
    errand_run(errand=broken)
    broken.refresh_from_db()
    assert "fault of the program" in broken.output
    assert "Traceback" not in broken.output
    assert "ZeroDivision" not in broken.output


def test_a_working_process_gives_signs_of_life(pilot, owner, spawned, monkeypatch):
    errand = errand_start(study=pilot, kind="bots", by=owner)
    long_ago = timezone.now() - timedelta(hours=1)
    Errand.objects.filter(pk=errand.pk).update(seen_at=long_ago)
    monkeypatch.setattr(errands, "BEAT", 0.05)
    seen = []

    def work(*_args, **_options):
        for _ in range(200):
            seen.append(Errand.objects.get(pk=errand.pk).seen_at)
            if seen[-1] > long_ago:
                return
            errands.threading.Event().wait(0.05)

    monkeypatch.setattr(errands, "call_command", work)
    errand_run(errand=errand)
    assert seen[-1] > long_ago


def test_a_database_that_was_away_for_a_moment_ends_no_signs_of_life(pilot, owner, spawned, monkeypatch):
    errand = errand_start(study=pilot, kind="bots", by=owner)
    now, failed = timezone.now, []

    def away():
        if threading.current_thread() is not threading.main_thread() and len(failed) < 2:
            failed.append(1)
            raise OperationalError("the connection is gone")
        return now()

    long_ago = now() - timedelta(hours=1)
    Errand.objects.filter(pk=errand.pk).update(seen_at=long_ago)
    monkeypatch.setattr(errands, "BEAT", 0.05)
    monkeypatch.setattr(errands.timezone, "now", away)
    seen = []

    def work(*_args, **_options):
        for _ in range(100):
            seen.append(Errand.objects.get(pk=errand.pk).seen_at)
            if seen[-1] > long_ago:
                return
            threading.Event().wait(0.05)

    monkeypatch.setattr(errands, "call_command", work)
    errand_run(errand=errand)
    assert len(failed) == 2
    assert seen[-1] > long_ago


def test_the_page_sends_bots_into_a_pilot_only_and_only_for_editors(pilot, as_owner, owner, spawned):
    address = reverse("admin:voting_study_pilot", args=[pilot.pk])
    page = as_owner.post(address, {"participants": 3}, follow=True).content.decode()
    assert "At work since" in page
    assert Errand.objects.get().options == {"participants": 3}
    assert "being worked on already" in as_owner.post(address, {"participants": 3}, follow=True).content.decode()
    viewer = factories.user("viewer")
    pilot.memberships.create(user=viewer, role="viewer")
    client = Client()
    client.force_login(viewer)
    assert client.get(address).status_code == 403
    client.force_login(factories.user("stranger"))
    assert client.get(address).status_code == 404
    study = factories.study("for-people", owner=owner, state="open")
    address = reverse("admin:voting_study_pilot", args=[study.pk])
    as_owner.post(address, {"participants": 3})
    assert not study.errands.exists()
    assert "it asks people" in as_owner.get(address).content.decode()


def test_the_verdict_is_asked_for_on_its_page_once_the_study_is_closed(owner, as_owner, spawned):
    study = factories.study(owner=owner, state="open")
    factories.finished(study)
    address = reverse("admin:voting_study_verdict", args=[study.pk])
    assert "interim" not in as_owner.get(address).content.decode()
    assert "People still vote" in as_owner.get(address).content.decode()
    as_owner.post(address)
    assert not spawned
    factories.study_transition(study=study, to="closed", by=owner)
    as_owner.post(address)
    errand_run(errand=Errand.objects.get())
    page = as_owner.get(address).content.decode()
    assert study.analyses.get().headline.split(".")[0][:40] in page.replace("&#x27;", "'")
    assert reverse("evaluation:report", args=[study.slug]) in page


def test_an_unblinded_study_is_looked_at_before_it_closes_and_the_page_says_so(owner, as_owner, spawned):
    study = factories.study(owner=owner, state="open")
    factories.finished(study)
    address = reverse("admin:voting_study_verdict", args=[study.pk])
    study_unblind(study=study, by=owner, reason="an error in the pictures")
    assert "An interim look" in as_owner.get(address).content.decode()
    as_owner.post(address)
    errand = Errand.objects.get()
    errand_run(errand=errand)
    errand.refresh_from_db()
    assert (errand.succeeded, errand.options) == (True, {"unblind": True}), errand.output
    page = as_owner.get(address).content.decode()
    assert study.analyses.get().headline.split(".")[0][:40] in page.replace("&#x27;", "'")
    assert study.audit.filter(action=UNBLINDED).count() == 2
    factories.study_transition(study=study, to="closed", by=owner)
    assert "An interim look" not in as_owner.get(address).content.decode()
    as_owner.post(address)
    assert Errand.objects.latest("pk").options == {}


@pytest.mark.parametrize("state", ["draft", "pilot", "open", "paused", "closed", "archived"])
def test_the_pilot_page_speaks_of_a_pilot_while_there_is_one(as_owner, owner, state):
    study = factories.study(owner=owner, state=state)
    page = as_owner.get(reverse("admin:voting_study_pilot", args=[study.pk])).content.decode()
    assert ("while the study is a pilot" in page) == (state in ("draft", "pilot"))
    assert ("it asks people" in page) == (state in ("open", "paused"))
    assert ("It had no pilot." in page) == (state in ("closed", "archived"))
