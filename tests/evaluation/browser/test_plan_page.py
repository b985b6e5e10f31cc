"""The planner in a browser: the bar runs by itself, the page tells what is done, and typing is not disturbed."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import expect

from evaluation.models import PowerPlan
from studyplatform.voting.models import Study
from tests import factories
from tests.admin_page import opened
from tests.voting.browser.conftest import browser  # noqa: F401 - the same Chromium as for voting

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study(owner: User) -> Study:
    return factories.study(owner=owner, sessions_planned=8)


@pytest.fixture
def page(browser: Any, live_server: Any, owner: User, study: Study) -> Iterator[Any]:  # noqa: F811
    """The planner's page before the owner, on a phone."""
    address = reverse("admin:voting_study_plan", args=[study.pk])
    with opened(browser, live_server.url, owner, address, viewport={"width": 390, "height": 844}) as made:
        yield made


def test_a_plan_runs_by_itself_and_is_told_as_it_grows(page: Any) -> None:
    page.get_by_label("Numbers of participants").fill("10")
    page.get_by_label("Simulated studies per point").fill("60")
    page.get_by_role("button", name="Simulate").click()
    bar = page.locator("#plan-bar")
    expect(bar).to_have_attribute("max", "600")
    expect(page.get_by_role("button", name="Go on")).to_be_hidden()
    page.get_by_label("Numbers of participants").fill("25")
    # The first of two numbers of participants is told while the second is simulated.
    expect(page.locator(".plan-table tbody tr").first).to_contain_text("8 (planned)", timeout=60_000)
    expect(page.get_by_role("status")).to_have_text("600 of 600 studies simulated: finished", timeout=60_000)
    expect(page.locator(".plan-said").first).to_contain_text("With the planned 8 participants")
    assert bar.evaluate("bar => bar.value") == 600
    picture = page.locator(".plan-figure img")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("picture => picture.naturalWidth") > 0
    assert page.get_by_label("Numbers of participants").input_value() == "25"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    plan = PowerPlan.objects.get()
    assert plan.finished_at is not None
    assert (len(plan.rows), plan.done) == (10, 600)


def test_a_plan_is_gone_on_with_in_another_tab_and_after_coming_back(page: Any) -> None:
    page.get_by_label("Numbers of participants").fill("20")
    page.get_by_label("Simulated studies per point").fill("30")
    page.get_by_role("button", name="Simulate").click()
    other = page.context.new_page()
    other.goto(page.url)
    page.goto("about:blank")
    page.goto(other.url)
    for tab in (page, other):
        expect(tab.get_by_role("status").or_(tab.locator(".plan-figure")).first).to_be_visible()
        expect(tab.get_by_role("rowheader", name="20", exact=True)).to_have_count(3, timeout=60_000)
    plan = PowerPlan.objects.get()
    assert (len(plan.rows), plan.done) == (10, 300)
    assert {row["replicates"] for row in plan.rows} == {30}
