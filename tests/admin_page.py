"""A page of the admin before somebody who is signed in, in a real Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from tests.voting.browser.conftest import RequestsUnderWay
from tests.voting.browser.people import VIOLATIONS


@contextmanager
def opened(chromium: Any, server: str, who: User, address: str, **context: Any) -> Iterator[Any]:
    """The page at ``address``; neither the console nor the policy complains in the end.

    ``page.complaints`` are what they said so far, ``page.asked`` what the browser asked: the answer is to stay.
    """
    complaints: list[str] = []
    window = chromium.new_context(**context)
    window.add_init_script(VIOLATIONS)
    client = Client()
    client.force_login(who)
    window.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}])
    page = window.new_page()
    page.complaints, page.asked = complaints, []

    def stay(dialog: Any) -> None:
        page.asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    with RequestsUnderWay() as under_way:
        page.goto(server + address)
        yield page
        window.close()
        under_way.wait()  # the tables are emptied next, which a request under way would meet
    assert complaints == []


def leave(page: Any) -> None:
    """Go elsewhere, as by a link; a page that guards what is on it asks first."""
    page.evaluate("location.href = '/admin/'")
    page.wait_for_timeout(500)
