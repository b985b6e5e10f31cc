"""Answers kept on a device reach the server when the person comes back, before anything is judged by what is stored."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from studyplatform.voting.models import Participant, Session, Study, Vote
from studyplatform.voting.services import session_resume
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def study_of(resume: str) -> Study:
    grid = factories.rendered_grid("five", learning_rates=(0.01, 0.03, 0.1, 0.3, 1.0))
    fields = {"resume": resume, "resume_after_minutes": 5}
    return factories.study(grid=grid, trials_per_session=6, state="open", **fields)


def leaves_offline(person: Any, line: Any, keys: list[str]) -> None:
    """Pairs are answered while the line is cut; the tab is closed, and six minutes go by on the server."""
    person.begin().painted().page.wait_for_load_state("networkidle")
    line.cut()
    person.context.set_offline(True)
    for key in keys:
        person.press(key)
    person.painted()
    assert person.kept() == len(keys)
    # Closed alone, a tab lives on for a moment, in which its next try can meet the line that is mended below.
    person.page.goto("about:blank")
    person.page.close()
    assert not Vote.objects.exists()
    Session.objects.update(instructed_at=timezone.now() - timedelta(minutes=6))


def comes_back(person: Any, line: Any, minutes: int = 0) -> Any:
    """The page in a new tab, the line being there again and the clock of the device some minutes on."""
    line.mend()
    person.context.set_offline(False)
    person.page = person.tab()
    if minutes:
        person.page.clock.install(time=timezone.now() + timedelta(minutes=minutes))
    person.page.goto(person.address("trial"))
    return person.page


def test_answers_kept_here_arrive_though_the_session_ended_meanwhile(somebody, line):
    person = somebody(study_of("block"), line)
    leaves_offline(person, line, ["ArrowRight"])
    session_resume(session=Session.objects.get())  # ends it: another device was opened
    page = comes_back(person, line)
    expect(page.locator(".sentence")).to_contain_text("Your session ended after a long pause")
    person.stored(1)
    assert Vote.objects.get().choice == "right"
    assert Session.objects.get().outcome == "failed"


def test_an_answer_that_is_not_wanted_any_more_holds_up_none_behind_it(somebody, line):
    person = somebody(study_of("block"), line)
    leaves_offline(person, line, ["ArrowRight", "ArrowRight", "ArrowRight"])
    factories.cast(Participant.objects.get(), "left")  # the first pair, on another device
    Vote.objects.update(submitted_at=timezone.now() - timedelta(minutes=6))
    session_resume(session=Session.objects.get())
    comes_back(person, line)
    person.stored(3)
    assert [v.choice for v in person.votes()] == ["left", "right", "right"]
    person.page.wait_for_timeout(300)
    assert person.kept() == 0
    assert person.faults == []


def test_an_answer_refused_on_the_way_holds_up_none_behind_it(somebody, line):
    """The other device answers between the plan and the vote: 409."""
    person = somebody(study_of("block"), line)
    leaves_offline(person, line, ["ArrowRight", "ArrowRight"])
    session_resume(session=Session.objects.get())
    who = Participant.objects.get()

    def too_late(route: Any) -> None:
        if not Vote.objects.exists():
            factories.cast(who, "left")
        route.continue_()

    person.context.route("**/votes/", too_late)
    comes_back(person, line)
    person.stored(2)
    assert [v.choice for v in person.votes()] == ["left", "right"]
    person.page.wait_for_timeout(300)
    assert person.kept() == 0
    assert person.faults == []


@pytest.mark.parametrize("resume", ["instructions", "restart", "block"])
def test_who_votes_offline_for_longer_than_a_gap_and_reloads_goes_on(somebody, line, resume):
    """What the device keeps is delivered before the gap is judged: nobody was away."""
    person = somebody(study_of(resume), line)
    leaves_offline(person, line, ["ArrowLeft", "ArrowRight", "ArrowLeft"])
    comes_back(person, line)
    person.at("4/6")
    person.stored(3)
    assert [v.choice for v in person.votes()] == ["left", "right", "left"]
    session = Session.objects.get()
    assert (session.outcome, session.trials.count()) == ("", 6)
    assert person.faults == []


@pytest.mark.parametrize("resume", ["restart", "block"])
def test_who_was_away_after_the_answers_that_the_device_kept_meets_the_rule(somebody, line, resume):
    """The device knows how long ago its last answer was given, though the server gets it only now."""
    person = somebody(study_of(resume), line)
    leaves_offline(person, line, ["ArrowLeft", "ArrowRight"])
    page = comes_back(person, line, minutes=30)
    if resume == "block":
        expect(page.locator(".sentence")).to_contain_text("Your session ended after a long pause")
    else:
        page.wait_for_url("**/instructions/")
    assert [v.choice for v in person.votes()] == ["left", "right"]
    assert Session.objects.get().outcome == ("failed" if resume == "block" else "")
    assert Session.objects.get().events.get(kind="gap").data["minutes"] == 30
