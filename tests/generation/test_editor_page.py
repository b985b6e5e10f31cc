"""The editor of a grid in a browser: what is typed is not left behind unasked."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from generation.models import Grid
from generation.services.drafts import grid_draft
from tests.admin_page import leave, opened
from tests.generation.conftest import TOML, page
from tests.voting.browser.conftest import browser  # noqa: F401 - the same Chromium as for voting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("gamma_registered", "library"),
]


@pytest.fixture
def editor(browser: Any, live_server: Any, owner: User) -> Iterator[Any]:  # noqa: F811
    """The page of a draft."""
    draft = grid_draft(owner=owner, text=TOML)
    with opened(browser, live_server.url, owner, page("change", draft)) as made:
        yield made


def test_who_leaves_typed_text_is_asked_and_stays_and_who_saved_it_is_not(editor: Any) -> None:
    here = editor.url
    area = editor.locator("#toml")
    area.press("End")
    area.type("# typed and not saved")
    leave(editor)
    assert editor.asked == ["beforeunload"]
    assert editor.url == here
    assert "# typed and not saved" in area.input_value()
    editor.get_by_role("button", name="Save and check").click()
    expect(editor.locator("#toml")).to_have_value(area.input_value())
    editor.wait_for_load_state("networkidle")
    assert "# typed and not saved" in Grid.objects.get().toml
    leave(editor)
    assert editor.asked == ["beforeunload"]
    assert editor.url.endswith("/admin/")


def test_who_looks_and_leaves_is_not_asked(editor: Any) -> None:
    editor.locator("#toml").press("End")
    leave(editor)
    assert editor.asked == []
    assert editor.url.endswith("/admin/")
