"""For everybody: a screen reader's words, no fault of any impact for axe, the strict policy, 320 px."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from studyplatform.voting.core.screens import PLATES, brightness_shapes, plate_number
from studyplatform.voting.models import Panel, Session, Vote
from studyplatform.voting.selectors import check_seed
from tests import factories
from tests.voting.browser.people import PHONE, SMALL_PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_screen_reader_hears_left_right_and_saved(person):
    page = person.begin().painted().page
    for name in ("Left image", "Right image"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    page.get_by_role("button", name="Left image").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Saved. Pair 2 of 6.")
    assert Vote.objects.get().client["input"] == "keyboard"


@pytest.mark.parametrize("context", [{}, PHONE], ids=["desk", "phone"])
def test_no_page_and_no_dialog_has_an_accessibility_fault(somebody, context):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    fields = {"practice_trials": 1, "break_every": 1, "allow_ties": True, "allow_undo": True}
    study = factories.study(trials_per_session=2, reference_place="hold", questions=("style",), state="open", **fields)
    person = somebody(study, **context)
    page, found = person.page, {}

    def look(where: str) -> None:
        faults = axe.run(page).response["violations"]
        found.update({f"{where}: {f['id']}": [n["html"][:120] for n in f["nodes"]] for f in faults})

    page.goto(person.address("landing"))
    for name in ("landing", "consent", "instructions"):
        look(name)
        page.click(".go")
    person.painted()
    look("practice")
    for dialog in ("help", "pause"):
        page.click(f"#{dialog}")
        page.wait_for_selector(f"#{dialog}-dialog[open]")
        look(dialog)
        page.keyboard.press("Escape")
    page.click(".box[value=left]")
    page.wait_for_selector("#counts-dialog[open]")
    look("counts")
    page.keyboard.press("Enter")
    person.press("ArrowLeft").page.wait_for_selector("#break-dialog[open]")
    look("break")
    page.keyboard.press("Enter")
    person.painted()
    page.wait_for_load_state("networkidle")
    look("pair")
    person.context.set_offline(True)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#notice")).to_have_text("Sending your last answers")
    look("sending")
    person.context.set_offline(False)
    page.wait_for_url("**/thanks/")
    look("thanks")
    page.goto(person.address("withdraw"))
    look("withdraw")
    assert found == {}
    assert person.faults == []


@pytest.mark.parametrize("context", [{}, SMALL_PHONE], ids=["desk", "small phone"])
def test_the_pages_before_and_after_the_pairs_have_no_fault_and_reflow(somebody, context):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    checks = {"check_window": True, "check_brightness": True, "check_colour": True, "screen_out": True}
    end = {"ask_debrief": True, "show_own_result": True}
    study = factories.study(trials_per_session=1, state="open", **checks, **end)
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE", screened_out_code="OUT")
    person = somebody(study, **context)
    page, found = person.page, {}

    def look(where: str) -> None:
        page.wait_for_load_state("networkidle")
        faults = axe.run(page).response["violations"]
        found.update({f"{where}: {f['id']}": [n["html"][:120] for n in f["nodes"]] for f in faults})
        width = page.viewport_size["width"]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[f"{where}: wider than {width}"] = []

    page.goto(person.address("landing") + "?PROLIFIC_PID=abc")
    page.click(".go")
    page.click(".go")
    look("checks")
    page.locator("#card-size").fill("400")
    assert page.locator("#px-per-mm").input_value() == "4.673"
    page.fill("#shapes", "0")
    page.click(".go")
    look("checks again")
    session = Session.objects.get()
    seed = check_seed(session)
    page.fill("#shapes", str(brightness_shapes(seed)[1]))
    for number in range(PLATES):
        page.fill(f"#plate{number}", plate_number(seed, number))
    page.click(".go")
    page.click(".go")
    person.painted().press("ArrowLeft")
    page.wait_for_url("**/debrief/")
    look("debrief")
    page.click(".go")
    look("thanks")
    assert page.get_by_role("link", name="Back to Prolific").get_attribute("href").endswith("cc=DONE")
    Session.objects.filter(pk=session.pk).update(outcome="screened_out", finished_at=None)
    page.goto(person.address("landing"))
    look("ended")
    assert found == {}
    assert person.faults == []


@pytest.mark.parametrize("layout", ["flip", "flip_reference", "timed"])
def test_no_layout_has_an_accessibility_fault(somebody, layout):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    study = factories.study(trials_per_session=2, layout=layout, exposure_ms=200, questions=("style",), state="open")
    person = somebody(study).begin().painted()
    faults = axe.run(person.page).response["violations"]
    assert [f"{f['id']}: {f['help']}" for f in faults] == []


@pytest.mark.parametrize("name", ["landing", "instructions", "withdraw"])
def test_text_pages_reflow_at_320_pixels(somebody, study, name):
    person = somebody(study, **SMALL_PHONE).begin()
    person.page.goto(person.address(name))
    assert person.page.evaluate("document.documentElement.scrollWidth") <= 320


def test_dialogs_fit_a_small_phone(somebody):
    study = factories.study(trials_per_session=3, allow_undo=True, state="open")
    person = somebody(study, viewport={"width": 320, "height": 568}).begin().painted()
    for dialog in ("help", "pause"):
        person.page.click(f"#{dialog}")
        box = person.page.locator(f"#{dialog}-dialog[open]").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 568
        person.page.keyboard.press("Escape")


def test_a_policy_violation_would_be_noticed(person):
    """The positive control of every test that says nobody complained."""
    person.begin().painted().page.evaluate("document.body.setAttribute('style', 'color: red')")
    person.page.evaluate("document.body.append(Object.assign(document.createElement('script'), { text: 'void 0' }))")
    person.page.wait_for_timeout(200)
    assert any("CSP script-src" in text for text in person.complaints)


def test_the_page_of_the_api_renders_under_the_strict_policy(person):
    page = person.page
    page.goto(person.server + reverse("voting:api-docs"))
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() >= 8
    page.click(".opblock-summary-control >> nth=0")
    page.wait_for_selector(".opblock-body .responses-wrapper")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(250, 250, 250)"
    assert person.complaints == []
