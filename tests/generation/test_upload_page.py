"""Many pictures at once in a browser: each is told its own fate, none is lost or doubled, and nobody leaves unasked."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from generation.models import SourceImage
from tests.admin_page import leave, opened
from tests.generation.gamma_task import picture
from tests.generation.test_admin_sources import ADD, names
from tests.voting.browser.conftest import browser, line  # noqa: F401 - the same Chromium and line as for voting
from tests.voting.browser.people import NETWORK

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(browser: Any, line: Any, owner: User) -> Iterator[Any]:  # noqa: F811
    """The page that adds pictures, on a line that can be cut."""
    with opened(browser, line.server, owner, ADD) as made:
        yield made


def png(name: str, data: bytes) -> dict[str, Any]:
    return {"name": f"{name}.png", "mimeType": "image/png", "buffer": data}


def choose(page: Any, *files: dict[str, Any]) -> None:
    page.set_input_files("input[type=file]", files)


def press(page: Any) -> None:
    page.get_by_role("button", name="Add pictures").click()


def told(page: Any) -> dict[str, str]:
    """What is said of each file."""
    rows = page.locator("[data-list] li").all()
    return {row.locator("strong").inner_text(): row.locator(".upload-said").inner_text() for row in rows}


def total(page: Any) -> Any:
    return page.locator("[data-summary]")


def test_each_picture_is_told_its_own_fate_and_only_what_failed_is_sent_again(page: Any, owner: User) -> None:
    choose(page, png("hill", picture(1)), png("broken", b"no picture"), png("lake", picture(2)))
    assert set(told(page).values()) == {"waiting"}
    press(page)
    expect(total(page)).to_have_text("2 added, 1 refused.")
    said = told(page)
    assert said["hill.png"] == "added as hill"
    assert said["lake.png"] == "added as lake"
    assert said["broken.png"].startswith("'broken.png' is not a PNG, JPEG or WebP picture")
    assert names(owner) == ["hill", "lake"]
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    press(page)
    expect(total(page)).to_have_text("0 added, 1 refused.")
    assert sent == ["POST"]
    assert names(owner) == ["hill", "lake"]


def test_dropped_pictures_are_chosen_ones(page: Any, owner: User) -> None:
    page.evaluate(
        """(bytes) => {
            const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
            const event = new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
            document.querySelector(".drop-zone").dispatchEvent(event);
        }""",
        list(picture(3)),
    )
    press(page)
    expect(total(page)).to_have_text("1 added.")
    assert names(owner) == ["dropped"]


def test_what_did_not_arrive_is_said_and_sent_again(page: Any, owner: User, line: Any) -> None:  # noqa: F811
    choose(page, png("hill", picture(1)), png("lake", picture(2)))
    line.cut()
    press(page)
    expect(total(page)).to_have_text("0 added, 2 did not arrive.")
    assert all(text.startswith("It did not arrive.") for text in told(page).values())
    assert page.complaints
    assert all(NETWORK in text for text in page.complaints)
    page.complaints.clear()
    line.mend()
    press(page)
    expect(total(page)).to_have_text("2 added.")
    assert names(owner) == ["hill", "lake"]


def test_who_leaves_while_pictures_are_on_their_way_is_asked(page: Any, owner: User) -> None:
    held: list[Any] = []
    page.route(f"**{ADD}", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    choose(page, png("hill", picture(1)))
    press(page)
    expect(page.locator(".upload-said")).to_have_text("on its way")
    here = page.url
    leave(page)
    assert page.asked == ["beforeunload"]
    assert page.url == here
    assert not SourceImage.objects.exists()
    held[0].continue_()
    expect(total(page)).to_have_text("1 added.")
    assert names(owner) == ["hill"]
    leave(page)
    assert page.asked == ["beforeunload"]
    assert page.url.endswith("/admin/")
