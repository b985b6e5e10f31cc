"""The network goes, the server is busy, pictures fail: nothing is lost, and the page says how things are (F2, F11)."""

import json
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from studyplatform.voting.models import Event, Study, Vote
from studyplatform.voting.services import study_transition
from tests import factories
from tests.fault_table import FULL

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CHOICES = ["ArrowLeft", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowRight"]
OFFLINE_SECONDS = 30 if FULL else 5
SAID = ["left", "right", "left", "left", "right"]


@pytest.fixture
def long_study() -> Study:
    grid = factories.rendered_grid("five", learning_rates=(0.01, 0.03, 0.1, 0.3, 1.0))
    return factories.study(grid=grid, trials_per_session=8, state="open")


def pictures_are_there(person: Any) -> None:
    """Wait until the pictures of the next pairs have been asked for and none is under way."""
    person.painted().page.wait_for_load_state("networkidle")


def five_votes_offline(person: Any, line: Any, seconds: float = 0) -> None:
    """The line is cut, five pairs are answered, the page is reloaded, the tab closed and opened again: five votes."""
    began = time.monotonic()
    pictures_are_there(person.begin())
    line.cut()
    person.context.set_offline(True)
    for place, key in enumerate(CHOICES, start=1):
        person.press(key).at(f"{place + 1}/8")
    expect(person.page.locator("#saved-text")).to_have_text("Waiting (5)")
    person.page.wait_for_timeout(max(0.0, seconds - (time.monotonic() - began)) * 1000)
    with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
        person.page.reload()
    person.page.close()
    person.page = person.tab()
    assert not Vote.objects.exists()
    line.mend()
    person.context.set_offline(False)
    person.page.goto(person.address("trial"))
    person.at("6/8")  # what lies on the device counts as answered
    person.stored(5)
    assert person.kept() == 0
    votes = person.votes()
    assert [v.choice for v in votes] == SAID
    assert [v.trial.position for v in votes] == [0, 1, 2, 3, 4]
    assert len({v.uuid for v in votes}) == 5
    assert person.faults == []


@pytest.mark.fault("F11")
def test_five_votes_offline_survive_a_reload_and_arrive_once_and_in_order(somebody, long_study, line, tried):
    five_votes_offline(somebody(long_study, line), line, OFFLINE_SECONDS)
    tried("F11", seconds_offline=OFFLINE_SECONDS, votes_meanwhile=5, lost=0, duplicates=0)


@pytest.mark.fault("F11", planted=True)
def test_a_page_that_keeps_its_answers_in_memory_alone_is_seen(somebody, long_study, line):
    person = somebody(long_study, line)

    def forgetful(route: Any) -> None:
        script = route.fetch().text()
        changed = script.replace("queue.database = await connect()", "throw 0").replace("inMemory = true", "inMemory")
        assert changed != script
        route.fulfill(body=changed, content_type="text/javascript")

    person.context.route("**/queue*.js", forgetful)
    with pytest.raises(AssertionError, match="6/8"):
        five_votes_offline(person, line)
    assert not Vote.objects.exists()


def test_the_page_says_that_it_is_offline_and_that_it_is_back(person):
    pictures_are_there(person.begin())
    person.context.set_offline(True)
    person.press("ArrowLeft")
    expect(person.page.locator("#notice")).to_contain_text("No connection. You can go on")
    expect(person.page.locator("#saved-text")).to_have_text("Waiting (1)")
    person.press("ArrowRight")
    expect(person.page.get_by_role("status")).to_have_text("Kept on this device. Pair 3 of 6.")
    # The sentence does not stay on the pictures; the bar goes on saying it.
    expect(person.page.locator("#notice")).to_be_hidden(timeout=9_000)
    expect(person.page.locator("#saved-text")).to_have_text("Waiting (2)")
    person.context.set_offline(False)
    person.stored(2)
    person.page.wait_for_timeout(1500)
    assert {"offline", "online"} <= set(Event.objects.values_list("kind", flat=True))


DENIED = "Object.defineProperty(window, 'indexedDB', {get() { throw new Error('no'); }});"
FULL_DISK = "IDBObjectStore.prototype.add = () => { throw new DOMException('full', 'QuotaExceededError'); };"


@pytest.mark.fault("F11")
@pytest.mark.parametrize("storage", [DENIED, FULL_DISK], ids=["a private window", "a full disk"])
def test_where_the_browser_keeps_nothing_the_page_has_to_stay_open_and_says_so(somebody, study, storage):
    person = somebody(study)
    person.context.add_init_script(storage)
    pictures_are_there(person.begin())
    person.context.set_offline(True)
    person.press("ArrowLeft").press("ArrowRight").at("3/6")
    expect(person.page.get_by_role("status")).to_contain_text("please leave this page open")
    asked = []
    person.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    person.page.close(run_before_unload=True)
    person.page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    person.context.set_offline(False)
    person.stored(2)
    assert [v.choice for v in person.votes()] == ["left", "right"]
    assert person.faults == []


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
    person.stored(1)
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert str(Vote.objects.get().uuid) == sent[0]


def test_a_busy_server_is_given_the_time_it_asks_for(person):
    person.begin().painted()
    sent: list[float] = []

    def busy(route: Any) -> None:
        sent.append(person.page.evaluate("performance.now()"))
        if len(sent) > 1:
            return route.continue_()
        return route.fulfill(status=503, headers={"Retry-After": "2"}, body=json.dumps({"code": "busy"}))

    person.page.route("**/votes/", busy)
    person.page.keyboard.press("ArrowLeft")
    person.stored(1)
    assert sent[1] - sent[0] >= 2000


def test_a_reload_while_answers_wait_sends_them_first(person):
    person.begin().painted()
    person.page.route("**/votes/", lambda route: route.abort())
    person.press("ArrowLeft").press("ArrowRight").at("3/6")
    assert not Vote.objects.exists()
    person.page.reload()
    person.at("3/6")
    person.page.unroute("**/votes/")
    person.press("ArrowRight").stored(3)
    assert [v.choice for v in person.votes()] == ["left", "right", "right"]


def test_at_the_end_the_page_waits_until_the_last_answer_is_there(somebody):
    person = somebody(factories.study(trials_per_session=2, state="open"))
    pictures_are_there(person.begin())
    person.page.clock.install()
    person.page.reload()
    pictures_are_there(person)
    person.page.route("**/votes/", lambda route: route.abort())
    person.press("ArrowLeft").press("ArrowRight")
    expect(person.page.locator("#notice")).to_have_text("Sending your last answers")
    expect(person.page.locator("#way-out")).to_be_hidden()
    person.page.clock.fast_forward(61_000)
    expect(person.page.locator("#way-out")).to_contain_text("cannot be sent at the moment")
    expect(person.page.locator("#way-out output")).not_to_be_empty()
    with person.page.expect_download() as download:
        person.page.click("#way-out-file")
    kept = json.loads(download.value.path().read_text())
    assert [entry["vote"]["choice"] for entry in kept] == ["left", "right"]
    person.page.unroute("**/votes/")
    person.page.wait_for_url("**/thanks/", timeout=40_000)
    assert [v.choice for v in person.votes()] == ["left", "right"]


@pytest.mark.parametrize("status", [403, 404, 408])
def test_a_refusal_that_is_not_ours_is_a_line_that_is_down(person, status):
    """A proxy's page of HTML says nothing about the vote: it is sent again, and the page stays what it is."""
    person.begin().painted()
    refused: list[int] = []

    def proxy(route: Any) -> None:
        refused.append(status)
        if len(refused) > 2:
            return route.continue_()
        return route.fulfill(status=status, body="<html>the proxy</html>", content_type="text/html")

    person.page.route("**/votes/", proxy)
    person.press("ArrowLeft").press("ArrowRight").stored(2)
    assert [v.choice for v in person.votes()] == ["left", "right"]
    person.at("3/6")
    expect(person.page.locator("#ballot")).to_be_visible()
    assert person.faults == []


def test_a_refusal_without_a_sentence_gets_one(person):
    person.begin().painted()
    person.page.route("**/votes/", lambda route: route.fulfill(status=400, body='{"code": "odd"}'))
    person.press("ArrowLeft")
    expect(person.page.locator("#notice")).to_have_text("This page cannot go on. Please load it again.")
    assert person.kept() == 1


def test_a_study_that_closes_for_good_offers_the_way_out_and_keeps_the_answers(person):
    pictures_are_there(person.begin())
    person.page.route(
        "**/votes/",
        lambda route: route.fulfill(status=410, body=json.dumps({"code": "closed", "detail": "It is over."})),
    )
    person.press("ArrowLeft")
    expect(person.page.locator("#way-out")).to_contain_text("It is over.")
    expect(person.page.locator("#way-out-file")).to_be_visible()
    assert person.kept() == 1
    person.page.unroute("**/votes/")
    person.page.reload()
    person.stored(1)


def test_a_study_that_pauses_says_so_and_keeps_the_answer(person):
    pictures_are_there(person.begin())
    study_transition(study=person.study, to="paused", by=person.study.owner)
    person.press("ArrowLeft")
    expect(person.page.locator(".sentence")).to_contain_text("paused")
    expect(person.page.locator("#paused-looks")).to_be_visible()
    assert person.kept() == 1
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    person.page.evaluate(look)
    expect(person.page.locator("#paused a")).to_have_text("Go on")
    study_transition(study=person.study, to="open", by=person.study.owner)
    person.page.evaluate(look)
    person.page.get_by_role("button", name="Continue").click()
    person.stored(1)


def test_another_tabs_undo_comes_first_here_too(somebody):
    """409 out_of_order: the plan is read again, and the pair that the server waits for is shown."""
    person = somebody(factories.study(trials_per_session=4, allow_undo=True, state="open"))
    person.begin().press("ArrowLeft").stored(1)
    tab = person.tab()
    tab.goto(person.address("trial"))
    person.painted(tab)
    tab.click("#undo")
    expect(tab.locator("#count")).to_have_text("1/4")
    person.page.bring_to_front()
    person.press("ArrowRight")  # the second pair, while the server waits for the first
    expect(person.page.get_by_role("button", name="Undo")).to_be_hidden()
    person.press("f").stored(3)  # the first pair once more; then what was kept
    assert [(v.choice, v.trial.turn) for v in person.votes()] == [("left", 0), ("left", 0), ("right", 1)]


def test_a_pair_whose_picture_fails_is_skipped_and_asked_again_at_the_end(person):
    failing = {"on": True}
    broken: list[str] = []

    def pictures(route: Any) -> None:
        broken[:] = broken or [route.request.url]
        if failing["on"] and route.request.url == broken[0]:
            return route.abort()
        return route.continue_()

    person.context.route("**/stimuli/**", pictures)
    person.begin()
    expect(person.page.locator("#notice")).to_contain_text("A picture did not load", timeout=20_000)
    person.painted()
    skipped = Vote.objects.filter(choice="skip").count()
    assert skipped >= 1
    failing["on"] = False
    while "/vote/" in person.page.url:
        assert person.painted().page.locator("#count").inner_text().endswith("/6")
        person.page.keyboard.press("ArrowLeft")
        person.page.wait_for_timeout(600)
    assert not [text for text in person.complaints if "409" in text]  # the page knew what was left to do
    assert Vote.objects.exclude(choice="skip").count() == 6
    asked_again = Vote.objects.filter(trial__reasks__isnull=False, choice="left")
    assert asked_again.count() == skipped
    assert Event.objects.filter(kind="picture_failed").exists()
    assert person.faults == []


def test_pictures_that_fail_while_the_server_is_away_are_waited_for(person):
    """The network says it is there, and nothing answers: that is no fault of a picture."""
    person.context.route("**/stimuli/**", lambda route: route.abort())
    person.begin()
    expect(person.page.locator("#notice")).to_have_text("The pictures are still loading.")
    person.context.route("**/api/**", lambda route: route.abort())
    person.page.wait_for_timeout(10_000)
    person.context.unroute("**/api/**")
    person.context.unroute("**/stimuli/**")
    person.press("ArrowLeft").stored(1)
    assert Vote.objects.get().choice == "left"


def test_slow_pictures_are_said_to_be_loading(person):
    held: list[Any] = []
    person.context.route("**/stimuli/**", lambda route: held.append(route))
    person.begin()
    expect(person.page.locator("#notice")).to_have_text("The pictures are still loading.")
    assert len(held) >= 2
    person.context.unroute("**/stimuli/**")  # what was held goes on
    person.painted()
    expect(person.page.locator("#notice")).to_be_hidden()


def test_the_next_eight_pairs_are_loaded_ahead_nearest_first(somebody):
    grid = factories.rendered_grid("wide", learning_rates=[0.1 * n for n in range(1, 14)])
    study = factories.study(grid=grid, trials_per_session=14, state="open")
    person = somebody(study)
    asked: list[str] = []
    person.page.on("request", lambda r: asked.append(r.url) if "/stimuli/" in r.url else None)
    pictures_are_there(person.begin())
    person.page.wait_for_timeout(500)
    plan = person.page.evaluate("fetch(document.querySelector('#ballot').dataset.api + 'plan/').then((r) => r.json())")
    near = [pair[side]["src"] for pair in plan["trials"][:9] for side in ("left", "right")]
    far = [pair[side]["src"] for pair in plan["trials"][9:] for side in ("left", "right")]
    order = list(dict.fromkeys(url.removeprefix(person.server) for url in asked))
    assert order == list(dict.fromkeys(near))
    assert set(far) - set(near), "the study is too small to tell"


def test_the_next_pair_is_loaded_only_after_the_nearer_one(somebody, long_study):
    person = somebody(long_study)
    held: list[Any] = []
    person.context.route("**/stimuli/**", lambda route: held.append(route))
    person.begin()
    for _ in range(3):
        person.page.wait_for_timeout(700)
        assert 1 <= len(held) <= 2  # the two of one pair, less what came with an earlier one
        for route in held[:]:
            held.remove(route)
            route.continue_()
