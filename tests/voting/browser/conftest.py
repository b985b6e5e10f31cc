"""A real Chromium for the tests in this folder; without one they are skipped, or refused where one is required."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started

from studyplatform.voting.models import Study
from tests import factories
from tests.voting.browser.line import Line, line_to
from tests.voting.browser.people import Person

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None and os.environ.get("EYEBALLOT_REQUIRE") == "1":
    raise RuntimeError("A Chromium is required here (EYEBALLOT_REQUIRE=1): install it or name one in CHROMIUM.")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium: install it or name one in CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
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


@pytest.fixture
def line(live_server: Any) -> Iterator[Line]:
    with line_to(live_server.url) as line:
        yield line


@pytest.fixture
def somebody(browser: Any, live_server: Any) -> Iterator[Callable[..., Person]]:
    """``somebody(study, **context)`` sits down in front of a browser of their own; ``line=`` is what they hang on."""
    people: list[Person] = []

    def sit_down(study: Study, line: Line | None = None, **context: Any) -> Person:
        people.append(Person(browser, line.server if line else live_server.url, study, **context))
        return people[-1]

    with RequestsUnderWay() as under_way:
        yield sit_down
        for person in people:
            person.context.close()
        # The tables are emptied next: a request that a page left behind would meet that in a deadlock.
        under_way.wait()


class RequestsUnderWay:
    """Counts what the server of this process is answering."""

    def __init__(self) -> None:
        self._count, self._lock = 0, threading.Lock()

    def __enter__(self) -> "RequestsUnderWay":
        request_started.connect(self._started)
        request_finished.connect(self._finished)
        return self

    def __exit__(self, *error: object) -> None:
        request_started.disconnect(self._started)
        request_finished.disconnect(self._finished)

    def wait(self, quiet: float = 0.2, longest: float = 20.0) -> None:
        """Return when nothing was under way for ``quiet`` seconds, or after ``longest``."""
        end = time.monotonic() + longest
        since = time.monotonic()
        while time.monotonic() < min(since + quiet, end):
            if self._count > 0:
                since = time.monotonic()
            time.sleep(0.02)

    def _started(self, **kwargs: object) -> None:
        with self._lock:
            self._count += 1

    def _finished(self, **kwargs: object) -> None:
        with self._lock:
            self._count -= 1


@pytest.fixture
def person(somebody: Callable[..., Person], study: Study) -> Person:
    """Somebody at a desk, with the usual study."""
    return somebody(study)
