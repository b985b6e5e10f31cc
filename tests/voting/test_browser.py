"""A real Chromium votes: keyboard, reload, double click, two tabs, no script, a phone, a screen reader's rules."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from studyplatform.voting.models import Study, Vote
from tests import factories

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None and os.environ.get("EYEBALLOT_REQUIRE") == "1":
    raise RuntimeError("A Chromium is required here (EYEBALLOT_REQUIRE=1): install it or name one in CHROMIUM.")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install it or name one in CHROMIUM"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # Playwright's loop makes Django think the test's own thread is asynchronous, which it is not.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")


@pytest.fixture
def study() -> Study:
    return factories.study(trials_per_session=6, allow_ties=True, questions=("natural", "style"), state="open")


class Person:
    """Somebody in front of a window; collects what the console complains about."""

    def __init__(self, browser: Any, server: str, study: Study, **context: Any) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | context))
        self.page, self.server, self.study = self.context.new_page(), server, study
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def address(self, name: str) -> str:
        return self.server + reverse(f"voting:{name}", args=[self.study.slug])

    def begin(self) -> "Person":
        self.page.goto(self.address("landing"))
        for _ in range(3):
            self.page.click(".go")
        self.page.wait_for_selector("#ballot")
        return self

    def painted(self) -> None:
        """Wait until a pair is shown and the first 200 ms, in which nothing is heard, are over."""
        self.page.wait_for_selector("#ballot.fitted:not(.masked)")
        self.page.wait_for_timeout(320)

    def saved(self, count: int) -> None:
        sync_api.expect(self.page.locator("#answered")).to_have_text(str(count))


@pytest.fixture
def person(browser: Any, live_server: Any, study: Study) -> Iterator[Person]:
    person = Person(browser, live_server.url, study)
    yield person
    person.context.close()


def test_a_whole_session_by_keyboard_with_a_reload_in_the_middle(person):
    person.begin()
    for place, key in enumerate(["ArrowLeft", "j", "0"], start=1):
        person.painted()
        person.page.keyboard.press(key)
        person.saved(place)
    person.page.reload()
    person.saved(3)
    for place, key in enumerate(["2", "F"], start=4):
        person.painted()
        person.page.keyboard.press(key)
        person.saved(place)
    person.painted()
    person.page.keyboard.press("ArrowRight")
    person.page.wait_for_url("**/thanks/")
    assert person.page.locator("output").inner_text() == person.study.participants.get().completion_code.code
    votes = list(Vote.objects.order_by("trial__position"))
    assert [v.choice for v in votes] == ["left", "right", "tie", "right", "left", "right"]
    for vote in votes:
        assert 200 <= vote.rt_ms < 20_000
        assert vote.shown_at < vote.submitted_at
        assert vote.client["input"] == "keyboard"
        assert vote.client["viewport"] == [1280, 800]
        assert {"key", "dpr", "shown", "load_ms", "blur_ms"} <= set(vote.client)
    assert person.complaints == []


def test_a_double_click_and_keys_held_down_are_one_vote(person):
    person.begin().painted()
    person.page.dblclick(".box[value=left]")
    person.saved(1)
    person.painted()
    person.page.keyboard.down("ArrowRight")
    for _ in range(20):  # the browser repeats a key that is held
        person.page.keyboard.down("ArrowRight")
        person.page.wait_for_timeout(40)
    person.page.keyboard.up("ArrowRight")
    person.saved(2)
    person.page.wait_for_timeout(400)
    assert [v.choice for v in Vote.objects.order_by("trial__position")] == ["left", "right"]
    assert Vote.objects.first().client["input"] in ("mouse", "keyboard")


def test_an_answer_within_the_first_200_ms_is_not_heard(person):
    person.begin()
    person.page.wait_for_selector("#ballot.fitted:not(.masked)")
    person.page.keyboard.press("ArrowLeft")
    person.page.wait_for_timeout(600)
    if Vote.objects.exists():  # the machine was slow: then the answer came later than it seems
        assert Vote.objects.get().rt_ms >= 200


def test_two_tabs_and_back_give_one_vote_per_pair(person):
    person.begin().painted()
    tab = person.context.new_page()
    tab.goto(person.address("trial"))
    tab.wait_for_selector("#ballot.fitted:not(.masked)")
    tab.wait_for_timeout(320)
    person.page.bring_to_front()
    person.page.keyboard.press("ArrowLeft")
    person.saved(1)
    tab.bring_to_front()
    tab.keyboard.press("ArrowRight")  # the same pair, the other choice: told, and led to the next one
    sync_api.expect(tab.locator("#answered")).to_have_text("1")
    sync_api.expect(tab.locator("#notice")).to_contain_text("in another window; that answer stands")
    person.page.goto(person.address("landing"))
    person.page.go_back()
    person.saved(1)
    assert Vote.objects.get().choice == "left"


def test_a_lost_connection_is_said_and_the_vote_arrives_when_it_is_back(person):
    person.begin().painted()
    person.context.set_offline(True)
    person.page.keyboard.press("ArrowLeft")
    sync_api.expect(person.page.locator("#notice")).to_contain_text("No connection", timeout=15_000)
    sync_api.expect(person.page.locator("#saved-text")).to_have_text("Waiting")
    person.saved(0)
    assert not Vote.objects.exists()
    person.context.set_offline(False)
    sync_api.expect(person.page.locator("#answered")).to_have_text("1", timeout=20_000)
    sync_api.expect(person.page.locator("#notice")).to_be_hidden()
    assert Vote.objects.count() == 1


def test_a_lost_answer_is_asked_for_again_and_stays_one_vote(person):
    person.begin().painted()
    sent = []

    def swallow(route: Any) -> None:
        sent.append(route.request.post_data_json["uuid"])
        if len(sent) == 1:
            route.fetch()  # stored, but the browser never hears of it
            route.abort()
        else:
            route.continue_()

    person.page.route("**/votes/", swallow)
    person.page.keyboard.press("ArrowLeft")
    sync_api.expect(person.page.locator("#answered")).to_have_text("1", timeout=15_000)
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert str(Vote.objects.get().uuid) == sent[0]


def test_a_screen_reader_hears_left_right_and_saved(person):
    person.begin().painted()
    for name in ("Left image", "Right image"):
        sync_api.expect(person.page.get_by_role("button", name=name, exact=True)).to_be_visible()
    person.page.get_by_role("button", name="Left image").focus()
    person.page.keyboard.press("Enter")
    sync_api.expect(person.page.get_by_role("status")).to_have_text("Saved. Pair 2 of 6.")
    assert Vote.objects.get().client["input"] == "keyboard"


def test_without_a_script_the_plain_form_votes(browser, live_server, study):
    person = Person(browser, live_server.url, study, java_script_enabled=False).begin()
    for choice in ("left", "right", "tie", "left", "left", "left"):
        person.page.click(f"[value={choice}]")
    person.page.wait_for_url("**/thanks/")
    assert [v.choice for v in Vote.objects.order_by("trial__position")][:3] == ["left", "right", "tie"]
    assert Vote.objects.count() == 6
    person.context.close()


def test_the_boxes_are_equal_and_on_one_line(person):
    person.begin().painted()
    left, right = (person.page.locator(f".box[value={side}] img").bounding_box() for side in ("left", "right"))
    assert (left["width"], left["height"], left["y"]) == (right["width"], right["height"], right["y"])
    assert left["x"] + left["width"] < right["x"]
    assert person.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(119, 119, 119)"
    assert person.page.locator(".bar").bounding_box()["height"] == 40


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_everything_fits_one_window(browser, live_server, study, width, tmp_path):
    window = {
        "viewport": {"width": width, "height": 844 if width == 390 else 568},
        "has_touch": True,
        "is_mobile": True,
    }
    person = Person(browser, live_server.url, study, **window).begin()
    person.painted()
    page, height = person.page, window["viewport"]["height"]
    page.screenshot(path=Path(tmp_path) / f"{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.scrollHeight") <= height
    left, right = (page.locator(f".box[value={side}]").bounding_box() for side in ("left", "right"))
    assert right["y"] >= left["y"] + left["height"]  # stacked
    for name in ("Top image", "Bottom image"):
        sync_api.expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    first, second = (page.locator(f".box[value={side}] img").bounding_box() for side in ("left", "right"))
    label = page.locator(".box[value=left] .label").bounding_box()
    assert label["y"] - first["y"] - first["height"] < second["y"] - label["y"] - label["height"]
    for target in [*page.locator(".box").all(), *page.locator(".tie").all(), *page.locator(".tool").all()]:
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 44
        assert box["y"] + box["height"] <= height
    assert not page.locator(".keys").first.is_visible()
    page.tap(".box[value=right]")
    person.saved(1)
    assert Vote.objects.get().client["input"] == "touch"
    for name in ("landing", "instructions", "withdraw"):
        page.goto(person.address(name))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    person.context.close()


def test_no_page_has_a_serious_accessibility_fault(person):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()

    def faults() -> list[str]:
        found = axe.run(person.page).response["violations"]
        return [f"{f['id']}: {f['help']}" for f in found if f["impact"] in ("serious", "critical")]

    person.page.goto(person.address("landing"))
    for page in ("landing", "consent", "instructions"):
        assert faults() == [], page
        person.page.click(".go")
    person.painted()
    assert faults() == []
    person.page.keyboard.press("?")
    assert faults() == []
    person.page.keyboard.press("Escape")
    person.page.goto(person.address("withdraw"))
    assert faults() == []


def test_the_page_of_the_api_renders_under_the_strict_policy(person):
    person.page.goto(person.server + reverse("voting:api-docs"))
    person.page.wait_for_selector(".opblock")
    assert person.page.locator(".opblock").count() >= 8
    person.page.click(".opblock-summary-control >> nth=0")
    person.page.wait_for_selector(".opblock-body .responses-wrapper")
    assert person.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(250, 250, 250)"
    assert person.complaints == []
