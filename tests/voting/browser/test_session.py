"""A real Chromium takes part: keyboard, touch, two tabs, reloads and Back at every step, and no script at all."""

from typing import Any

import pytest
from playwright.sync_api import expect

from studyplatform.voting import services
from studyplatform.voting.models import Event, Participant, Vote
from tests import factories
from tests.voting.browser.people import PHONE, Person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_whole_session_by_keyboard_with_a_reload_in_the_middle(person):
    person.begin().press("ArrowLeft").press("j").press("0").stored(3)
    person.page.reload()
    person.at("4/6")
    person.press("2").press("F").stored(5)
    person.press("ArrowRight").page.wait_for_url("**/thanks/")
    assert person.page.locator("output").inner_text() == person.study.participants.get().completion_code.code
    votes = person.votes()
    assert [v.choice for v in votes] == ["left", "right", "tie", "right", "left", "right"]
    for vote in votes:
        assert 200 <= vote.rt_ms < 20_000
        assert vote.shown_at < vote.submitted_at
        assert vote.client["input"] == "keyboard"
        assert vote.client["viewport"] == [1280, 800]
        assert vote.client["layout"] == "side_by_side"
        assert 0 < vote.client["visible_ms"] <= vote.rt_ms
        assert vote.client["flips"] == vote.client["zooms"] == vote.client["reference_ms"] == 0
        assert {"key", "dpr", "shown", "load_ms", "blur_ms", "blurs"} <= set(vote.client)
    assert Event.objects.filter(kind="reload").exists()
    assert person.kept() == 0
    assert person.complaints == []


def test_a_whole_session_by_touch_where_a_phone_flips(somebody):
    study = factories.study(trials_per_session=4, allow_ties=True, phone_layout="flip", state="open")
    person = somebody(study, **PHONE)
    page = person.page
    page.goto(person.address("landing"))
    for _ in range(3):
        page.tap(".go")
    for place in range(1, 5):
        person.at(f"{place}/4")
        person.painted()
        first = page.locator(".view .frame").nth(0)
        page.tap("#flip")
        assert page.locator(".box.showing").get_attribute("value") == "right"
        page.tap("#flip")
        expect(first).to_be_visible()
        page.tap(".box[value=right]")
    page.wait_for_url("**/thanks/")
    assert [v.choice for v in person.votes()] == ["right"] * 4
    for vote in person.votes():
        assert vote.client["layout"] == "flip"
        assert vote.client["flips"] == 2
        assert vote.client["input"] == "touch"
    assert person.complaints == []


@pytest.mark.fault("F2")
def test_a_double_click_and_keys_held_down_are_one_vote(person):
    person.begin().painted()
    person.page.dblclick(".box[value=left]")
    person.stored(1)
    person.painted().page.keyboard.down("ArrowRight")
    for _ in range(20):  # the browser repeats a key that is held
        person.page.keyboard.down("ArrowRight")
        person.page.wait_for_timeout(40)
    person.page.keyboard.up("ArrowRight")
    person.stored(2)
    assert [v.choice for v in person.votes()] == ["left", "right"]
    assert person.votes()[0].client["input"] == "mouse"


def two_tabs_reload_and_back(person: Person) -> None:
    """Both tabs answer the same pairs: another choice is 409 and told, the same is 200; the first stands."""
    person.begin().painted()
    tab, statuses = person.tab(), []
    tab.on("response", lambda answer: statuses.append(answer.status) if "/votes/" in answer.url else None)
    tab.goto(person.address("trial"))
    person.painted(tab).page.bring_to_front()
    person.press("ArrowLeft").stored(1)
    tab.bring_to_front()
    tab.keyboard.press("ArrowRight")  # the same pair, the other choice: told, and led to the next one
    expect(tab.locator("#notice")).to_contain_text("in another window; that answer stands")
    expect(tab.locator("#count")).to_have_text("2/6")
    person.painted(tab).page.bring_to_front()
    person.press("ArrowLeft").stored(2)
    tab.bring_to_front()
    tab.keyboard.press("ArrowLeft")  # the same pair, the same choice
    expect(tab.locator("#count")).to_have_text("3/6")
    person.page.bring_to_front()
    person.page.goto(person.address("landing"))
    person.page.go_back()
    person.at("3/6")
    person.page.reload()
    person.at("3/6")
    assert statuses == [409, 200]
    assert [v.choice for v in person.votes()] == ["left", "left"]
    assert person.faults == []


@pytest.mark.fault("F2")
def test_two_tabs_a_reload_and_back_give_one_vote_per_pair(person, tried):
    two_tabs_reload_and_back(person)
    tried("F2", pairs_answered_in_two_tabs=2, rows=2, overwritten=0)


@pytest.mark.fault("F2", planted=True)
def test_a_server_that_lets_the_latest_tab_win_is_seen(person, monkeypatch):
    def latest_wins(*, trial: int, **ballot: Any) -> Any:
        Vote.objects.filter(trial=trial).delete()
        return services.votes.vote_cast(trial=trial, **ballot)

    monkeypatch.setattr(services, "vote_cast", latest_wins)
    with pytest.raises(AssertionError):
        two_tabs_reload_and_back(person)
    assert Vote.objects.get(trial__position=0).choice == "right"


@pytest.mark.fault("F2")
def test_what_one_tab_keeps_another_does_not_overwrite(person):
    """Both are offline: the first answer lies on the device, and the second tab gives way to it."""
    person.begin().painted()
    tab = person.tab()
    tab.goto(person.address("trial"))
    person.painted(tab).context.set_offline(True)
    person.page.bring_to_front()
    person.press("ArrowLeft").at("2/6")
    tab.bring_to_front()
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("#notice")).to_contain_text("in another window; that answer stands")
    person.context.set_offline(False)
    person.stored(1)
    assert Vote.objects.get().choice == "left"


@pytest.mark.fault("F2")
def test_reloads_at_every_step_start_no_second_session_and_lose_nothing(person):
    page = person.page
    page.goto(person.address("landing"))
    page.reload()
    assert not Participant.objects.exists()
    for step in ("consent", "instructions", "vote"):
        page.click(".go")
        page.wait_for_url(f"**/{step}/")
        page.reload()
        page.wait_for_url(f"**/{step}/")
    for place in range(1, 7):
        person.at(f"{place}/6")
        person.painted()
        page.reload()
        person.press("ArrowLeft" if place % 2 else "ArrowRight")
    page.wait_for_url("**/thanks/")
    page.reload()
    page.go_back()
    page.wait_for_url("**/thanks/")
    assert Participant.objects.count() == 1
    assert [v.choice for v in person.votes()] == ["left", "right"] * 3
    assert person.faults == []


def test_a_session_that_is_gone_leads_back_to_the_start(person):
    person.begin().painted()
    person.context.clear_cookies()
    person.page.keyboard.press("ArrowLeft")
    person.page.wait_for_url(person.address("landing"))
    assert not Vote.objects.exists()


def test_without_a_script_the_plain_form_votes(somebody, study):
    person = somebody(study, java_script_enabled=False).begin()
    for choice in ("left", "skip", "right", "tie", "left", "left", "left"):
        person.page.click(f"[value={choice}]")
    person.page.wait_for_url("**/thanks/")
    assert [v.choice for v in person.votes()] == ["left", "skip", "right", "tie", "left", "left", "left"]
    assert person.complaints == []
