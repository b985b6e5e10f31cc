"""Undo, pause, rests, practice, keys that can be switched off, and hints: what makes a long session bearable."""

from typing import Any

import pytest
from playwright.sync_api import expect

from studyplatform.voting.models import Event, Trial, Vote
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def events(kind: str) -> list[Event]:
    return list(Event.objects.filter(kind=kind))


def test_the_last_answer_can_be_taken_back_once(somebody):
    person = somebody(factories.study(trials_per_session=4, allow_undo=True, state="open"))
    page = person.begin().painted().page
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_hidden()
    first = page.locator(".box img").first.get_attribute("src")
    person.press("ArrowLeft").stored(1)
    person.painted()
    undo.click()
    person.at("1/4")
    expect(page.get_by_role("status")).to_have_text("Taken back. Please choose again.")
    assert person.painted().page.locator(".box img").first.get_attribute("src") == first
    expect(undo).to_be_hidden()
    person.press("ArrowRight").stored(2)
    person.at("2/4")
    person.painted()
    expect(undo).to_be_hidden()  # once is once
    person.press("ArrowRight").stored(3)
    person.painted().page.keyboard.press("u")
    person.at("2/4")
    person.press("ArrowLeft").press("ArrowLeft").press("ArrowLeft")
    page.wait_for_url("**/thanks/")
    standing = Trial.objects.standing().filter(participant=person.study.participants.get()).in_turn()
    assert [trial.votes.get().choice for trial in standing] == ["right", "left", "left", "left"]
    assert person.complaints == []


def test_without_leave_to_undo_there_is_no_button(person):
    person.begin().press("ArrowLeft").stored(1)
    person.painted().page.keyboard.press("u")
    expect(person.page.locator("#undo")).to_be_hidden()
    person.at("2/6")


def test_a_pause_covers_the_pictures_and_stops_the_clock(person):
    page = person.begin().painted().page
    page.keyboard.press("p")
    expect(page.get_by_role("dialog", name="Pause")).to_contain_text("Pairs done: 0 of 6.")
    assert page.evaluate("getComputedStyle(document.querySelector('#pause-dialog'), '::backdrop').backgroundColor") == (
        "rgb(119, 119, 119)"
    )
    page.wait_for_timeout(800)
    page.keyboard.press("ArrowLeft")  # no answer while the pictures are covered
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    person.press("ArrowLeft").stored(1)
    vote = Vote.objects.get()
    assert vote.rt_ms - vote.client["visible_ms"] >= 700
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector("#pause-dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_timeout(1_500)
    assert len(events("pause")) == len(events("resume")) == 2


def test_rests_come_between_pairs_and_are_left_by_enter_or_space(somebody):
    person = somebody(factories.study(trials_per_session=6, break_every=2, allow_undo=True, state="open"))
    page = person.begin().page
    for place, key in ((2, "Enter"), (4, "Space")):
        person.press("ArrowLeft").press("ArrowLeft")
        rest = page.get_by_role("dialog", name="Time for a short rest")
        expect(rest).to_contain_text(f"Pairs done: {place} of 6.")
        assert page.locator("#break-progress").evaluate("(bar) => [bar.value, bar.max]") == [place, 6]
        page.keyboard.press(key)
        expect(rest).to_be_hidden()
    person.press("ArrowLeft").stored(5)
    page.reload()
    person.painted().page.keyboard.press("u")  # the rest that was had does not come again
    person.at("5/6")
    person.press("ArrowLeft").at("6/6")
    person.press("ArrowLeft").page.wait_for_url("**/thanks/")
    assert [event.data["done"] for event in events("break")] == [2, 4]
    assert person.complaints == []


def test_practice_says_whether_it_was_right_and_then_that_answers_count(somebody):
    person = somebody(factories.study(practice_trials=2, trials_per_session=3, state="open"))
    page = person.begin().page
    person.at("Practice 1/2")
    person.painted()
    right = Trial.objects.filter(kind="practice").in_turn()[0].expected
    page.click(f".box[value={right}]")
    expect(page.locator("#hint")).to_have_text("Right")
    expect(page.get_by_role("status")).to_have_text("Right")
    person.at("Practice 2/2")
    person.painted()
    wrong = {"left": "right", "right": "left"}[Trial.objects.filter(kind="practice").in_turn()[1].expected]
    page.click(f".box[value={wrong}]")
    expect(page.locator("#hint")).to_have_text("Not quite")
    counts = page.get_by_role("dialog", name="Practice is over")
    expect(counts).to_contain_text("From now on your answers count. Pairs to come: 3.")
    page.reload()
    expect(counts).to_be_visible()  # also after a reload at this very place
    page.keyboard.press("Enter")
    person.at("1/3")
    person.press("ArrowLeft").at("2/3")
    expect(page.get_by_role("status")).to_have_text("Saved. Pair 2 of 3.")
    assert person.complaints == []


def test_practice_without_feedback_says_nothing(somebody):
    study = factories.study(practice_trials=1, practice_feedback=False, trials_per_session=3, state="open")
    person = somebody(study)
    person.begin().press("ArrowLeft").page.wait_for_selector("#counts-dialog[open]")
    expect(person.page.locator("#hint")).to_be_hidden()


def test_feedback_that_does_not_come_in_time_is_not_waited_for(somebody):
    person = somebody(factories.study(practice_trials=2, trials_per_session=3, state="open"))
    person.begin().painted().page.wait_for_load_state("networkidle")
    person.context.set_offline(True)
    person.press("ArrowLeft").at("Practice 2/2")
    person.painted()
    expect(person.page.locator("#hint")).to_be_hidden()


def test_an_answer_within_the_first_200_ms_is_not_counted_and_says_so(person):
    # The frame in which the pair appears: nobody can have looked.
    person.context.add_init_script(
        """new MutationObserver((_, observer) => {
            if (!document.querySelector("#ballot.fitted")) return;
            observer.disconnect();
            requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() =>
                document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true })))));
        }).observe(document, { subtree: true, childList: true, attributes: true });"""
    )
    page = person.begin().page
    expect(page.locator("#hint")).to_have_text("Too early: look first")
    expect(page.get_by_role("status")).to_have_text("Too early: look first")
    expect(page.locator("#hint")).to_be_hidden()
    person.at("1/6")
    assert not Vote.objects.exists()


def test_an_answer_in_the_mask_says_too_early_and_a_double_press_does_not(person):
    page = person.begin().painted().page
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#hint")).to_be_hidden()
    page.wait_for_selector("#ballot.masked")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#hint")).to_have_text("Too early: look first")
    person.stored(1)
    person.at("2/6")


def switch_letters(page: Any) -> None:
    page.click("#help")
    page.wait_for_selector("#help-dialog[open]")
    page.get_by_role("checkbox", name="Use letters and digits as keys").click()
    page.keyboard.press("Escape")


def test_letters_and_digits_can_be_switched_off_and_stay_off(person):
    page = person.begin().painted().page
    switch_letters(page)
    for _ in range(2):
        for key in ("f", "1", "0", "z", "p", "?"):
            person.painted().page.keyboard.press(key)
        expect(page.locator("dialog[open]")).to_have_count(0)
        assert not page.locator(".label .letter").first.is_visible()
        assert not Vote.objects.exists()
        page.reload()
    person.press("ArrowLeft").stored(1)
    person.painted()
    switch_letters(page)
    person.press("f").stored(2)
    page.wait_for_timeout(1_500)
    assert [event.data for event in events("keys")] == [{"letters": 0}, {"letters": 1}]


def test_help_lists_the_keys_that_work_here_and_no_others(somebody):
    person = somebody(factories.study(trials_per_session=3, layout="flip", allow_undo=True, state="open"))
    page = person.begin().painted().page
    page.keyboard.press("?")
    page.wait_for_selector("#help-dialog[open]")
    rows = [row.strip() for row in page.locator("#help-dialog .keys th:visible").all_inner_texts()]
    assert rows == ["First picture", "Second picture", "Show the other picture", "True size", "Undo", "Pause", "Help"]
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    other = somebody(factories.study("other", trials_per_session=3, reference_place="hold", state="open"))
    other.begin().painted().page.keyboard.press("?")
    other.page.wait_for_selector("#help-dialog[open]")
    rows = [row.strip() for row in other.page.locator("#help-dialog .keys th:visible").all_inner_texts()]
    assert rows == ["Left picture", "Right picture", "True size", "Pause", "Help"]  # no question has a reference


def test_time_away_from_the_window_is_not_looking(person):
    page = person.begin().painted().page
    page.evaluate("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")
    page.wait_for_timeout(500)
    page.evaluate("document.hasFocus = () => true; dispatchEvent(new Event('focus'))")
    person.press("ArrowLeft").stored(1)
    vote = Vote.objects.get()
    assert vote.client["blurs"] == 1
    assert 450 <= vote.client["blur_ms"] < 2_000
    assert vote.rt_ms - vote.client["visible_ms"] == pytest.approx(vote.client["blur_ms"], abs=2)


def test_with_reduced_motion_nothing_moves(somebody, study):
    person = somebody(study, reduced_motion="reduce")
    person.context.add_init_script(
        "const look = () => { window.moved = (window.moved || 0) + document.getAnimations().filter("
        "(a) => a.playState === 'running' && a.animationName !== 'reveal').length; requestAnimationFrame(look); };"
        "requestAnimationFrame(look);"
    )
    page = person.begin().press("ArrowLeft").press("ArrowRight").painted().page
    page.keyboard.press("p")
    page.wait_for_selector("#pause-dialog[open]")
    page.keyboard.press("Escape")
    assert page.evaluate("window.moved") == 0
