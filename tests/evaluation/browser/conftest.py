"""A reader of reports in front of a real Chromium, with a study that was voted on and judged."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from evaluation.core.analysis import analyse
from evaluation.core.figures import chart_files
from evaluation.core.options import Options
from evaluation.inputs import study_data
from evaluation.models import Analysis
from evaluation.services import figures_store
from studyplatform.voting.models import Study
from tests import factories
from tests.voting.browser.conftest import browser  # noqa: F401 - the same Chromium as for voting
from tests.voting.browser.people import VIOLATIONS


class Reader:
    """Somebody who reads the report of ``study``; ``complaints`` are those of the console and of the policy."""

    def __init__(self, chromium: Any, server: str, study: Study, who: User | None, **context: Any) -> None:
        self.context = chromium.new_context(**({"viewport": {"width": 1280, "height": 800}} | context))
        self.context.add_init_script(VIOLATIONS)
        if who is not None:
            client = Client()
            client.force_login(who)
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}
            self.context.add_cookies([cookie])
        self.complaints: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.address = server + reverse("evaluation:report", args=[study.slug])

    def open(self, part: str = "") -> Any:
        """The page, at one of its parts."""
        self.page.goto("about:blank")  # else only the part after # would change
        self.page.goto(self.address + (f"#{part}-1" if part else ""))
        self.page.wait_for_load_state("networkidle")
        return self.page


#: Results and figures of the study below.
MADE: list[tuple[dict[str, Any], dict[str, bytes]]] = []


@pytest.fixture
def judged(owner: User) -> Study:
    """Ten simulated people prefer the later of three conditions, in two scenes."""
    study = factories.study(
        owner=owner, slug="judged", state="open", simulated=True, public_report=True, trials_per_session=6,
        sessions_planned=10,
    )  # fmt: skip
    for _ in range(10):
        who = factories.participant(study, is_bot=True)
        for trial in who.trials.select_related("left", "right").order_by("position"):
            factories.cast(who, "left" if trial.left.position > trial.right.position else "right", trial=trial)
    if not MADE:  # analysed and drawn once for all tests: everybody votes the same in each
        results = analyse(study_data(study), Options(draws=199))
        MADE.append((results, chart_files(results)))
    results, files = MADE[0]
    question = study.questions.get()
    made = Analysis.objects.create(study=study, question=question, data_digest="d", code_version="1", results=results)
    figures_store(analysis=made, files=files)
    return study


@pytest.fixture
def analysis(judged: Study) -> Analysis:
    return judged.analyses.get()


@pytest.fixture
def reader(browser: Any, live_server: Any, judged: Study) -> Iterator[Callable[..., Reader]]:  # noqa: F811
    """``reader(who, **context)`` sits down in front of a window of their own; nobody complains in the end."""
    readers: list[Reader] = []

    def sit_down(who: User | None = None, **context: Any) -> Reader:
        readers.append(Reader(browser, live_server.url, judged, who, **context))
        return readers[-1]

    yield sit_down
    for one in readers:
        one.context.close()
    assert [text for one in readers for text in one.complaints] == []
