"""The report in a browser: tabs by keyboard and by address, without script, on paper, on a phone, for everybody."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.voting.browser.people import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PARTS = ("scenes", "metrics", "weights", "voters", "explore", "tests", "data")


def shown(page: Any) -> list[str]:
    return [
        panel.get_attribute("id").removesuffix("-1") for panel in page.locator(".panel").all() if panel.is_visible()
    ]


def test_one_part_is_shown_and_the_arrows_move_between_their_names(reader: Any) -> None:
    page = reader().open()
    assert shown(page) == ["scenes"]
    page.get_by_role("tab", name="Scene by scene").focus()
    for key, part in (("ArrowRight", "metrics"), ("End", "data"), ("ArrowRight", "scenes"), ("ArrowLeft", "data")):
        page.keyboard.press(key)
        assert shown(page) == [part]
        assert page.evaluate("document.activeElement.id") == f"{part}-1-tab"
        assert page.url.endswith(f"#{part}-1")
    # One stop for the tab key, and the next one is the part itself.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "data-1"
    page.get_by_role("tab", name="Voters").click()
    expect(page.get_by_role("tab", selected=True)).to_have_text("Voters")
    expect(page.get_by_role("tabpanel")).to_have_count(1)


def test_an_address_names_a_part(reader: Any) -> None:
    somebody = reader()
    assert shown(somebody.open("weights")) == ["weights"]
    somebody.page.evaluate("location.hash = '#metrics-1'")
    expect(somebody.page.locator("#metrics-1")).to_be_visible()
    assert shown(somebody.page) == ["metrics"]


def test_without_script_every_part_stands_there(reader: Any) -> None:
    page = reader(java_script_enabled=False).open()
    assert shown(page) == list(PARTS)
    assert page.get_by_role("link", name="All tests").get_attribute("href") == "#tests-1"
    expect(page.get_by_text("The explorer needs JavaScript.")).to_be_visible()
    assert not page.locator(".explorer").is_visible()


def test_on_paper_every_part_stands_there_with_its_pictures_and_no_control(reader: Any) -> None:
    page = reader().open("explore")
    page.wait_for_selector(".point")
    page.emulate_media(media="print")
    assert shown(page) == list(PARTS)
    for control in page.locator(".tab-names, .controls, .files, .downloads").all():
        assert not control.is_visible()
    with_pictures = len(page.pdf())
    assert with_pictures > 100_000
    page.emulate_media(media="screen")
    # What was out of sight is loaded for the paper: without the figures the file is much smaller.
    page.evaluate("document.querySelectorAll('.panel figure').forEach((figure) => figure.remove())")
    assert len(page.pdf()) < 0.9 * with_pictures


@pytest.mark.parametrize("context", [{}, PHONE], ids=["desk", "phone"])
def test_no_part_has_an_accessibility_fault_or_is_wider_than_the_window(reader: Any, context: dict[str, Any]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    page, found = reader(**context).open(), {}
    for part in PARTS:
        page.click(f"#{part}-1-tab")
        if part == "explore":
            page.wait_for_selector(".point")
            page.locator(".point").first.click()
            page.wait_for_selector(".meetings table")
        page.wait_for_load_state("networkidle")
        faults = axe.run(page).response["violations"]
        found.update({f"{part}: {f['id']}": [n["html"][:120] for n in f["nodes"]] for f in faults})
        if page.evaluate("document.documentElement.scrollWidth") > page.viewport_size["width"]:
            found[f"{part}: wider than the window"] = []
    assert found == {}


def test_a_policy_violation_would_be_noticed(reader: Any) -> None:
    """The positive control of every test that says nobody complained."""
    somebody = reader()
    somebody.open().evaluate("document.body.setAttribute('style', 'color: red')")
    somebody.page.wait_for_timeout(200)
    assert any("CSP style-src" in text for text in somebody.complaints)
    somebody.complaints.clear()
