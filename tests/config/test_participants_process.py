"""A process for participants alone (F30): no way leads to the admin, grids, reports or the researchers' API."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.urls import include, path, resolve

from tests.config.addresses import routes
from tests.live_postgres import ROOT, Gunicorn, house, python

ALL, PARTICIPANTS = "studyplatform.config.urls", "studyplatform.config.participant_urls"
# One process for all of it: starting one takes longer than what it does.
SEED = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
from tests import factories
factories.study("line", state="open", public_report=True, simulated=True)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A house in production with an open study."""
    folder = tmp_path_factory.mktemp("house")
    made = house(f"sqlite:///{folder / 'house.sqlite3'}", folder)
    (folder / "var").mkdir()
    python(made, SEED)
    return made


def served(environment: dict[str, str], what: str) -> Iterator[int]:
    server = Gunicorn("studyplatform.config.wsgi", {**environment, "EYEBALLOT_SERVE": what}, workers=1)
    server.start()
    yield server.port
    server.stop()


@pytest.fixture(scope="module")
def everything(environment: dict[str, str]) -> Iterator[int]:
    yield from served(environment, "all")


@pytest.fixture(scope="module")
def participants(environment: dict[str, str]) -> Iterator[int]:
    yield from served(environment, "participants")


def ask(port: int, method: str, path: str, body: object = None, key: str = "") -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"X-Forwarded-Proto": "https", "Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def internal() -> list[str]:
    """An address of each pattern that is not for participants, filled in with what fits; of the study where one is."""
    public = {route.pattern for route in routes(PARTICIPANTS)}
    return [route.filled(slug="line") for route in routes(ALL) if route.pattern not in public]


@pytest.mark.fault("F30")
def test_what_is_not_for_participants_is_not_there(participants: int, everything: int, tried: Any) -> None:
    addresses = internal()
    assert {"admin", "report", "grids", "api"} <= {a.split("/")[1] for a in addresses}
    for address in addresses:
        resolve(address, urlconf=ALL)
        for method in ("GET", "POST"):
            assert ask(participants, method, address)[0] == 404, f"{method} {address} is answered"
    # The same crawl of a process that serves everything finds the sign-in, the report, the researchers' API.
    found = {address: ask(everything, "GET", address)[0] for address in addresses}
    assert (found["/admin/"], found["/report/line/"], found["/api/v1/studies/"]) == (302, 200, 403)
    tried("F30", addresses=len(addresses), answered=0)


# Where what participants may be answered by is written.
THEIRS = ("studyplatform.voting.views", "studyplatform.voting.api.participant", "studyplatform.config.health")
THEIRS_OUTSIDE = ("drf_spectacular.views", "django.views.i18n")


def reaching_inside(urlconf: Any) -> list[str]:
    """Patterns of a URLconf that something else than the participants' own views answers."""
    return [
        route.pattern
        for route in routes(urlconf)
        if not (getattr(route.callback, "cls", route.callback).__module__).startswith((*THEIRS, *THEIRS_OUTSIDE))
    ]


@pytest.mark.fault("F30")
def test_their_addresses_are_answered_by_their_own_views() -> None:
    assert reaching_inside(PARTICIPANTS) == []


@pytest.mark.fault("F30", planted=True)
def test_an_address_of_the_admin_among_theirs_is_seen() -> None:
    from studyplatform.config import participant_urls

    assert reaching_inside((*participant_urls.urlpatterns, path("help/", admin.site.admin_view(admin.site.index))))
    inside = reaching_inside((*participant_urls.urlpatterns, path("", include("evaluation.urls"))))
    assert len(inside) == len(list(routes("evaluation.urls")))


def test_a_page_that_is_not_there_leads_nowhere_inside(participants: int) -> None:
    page = ask(participants, "GET", "/admin/login/")[1].decode()
    assert "There is nothing here" in page
    assert "/admin/" not in page
    assert "Sign in" not in page


def test_voting_works(participants: int) -> None:
    assert ask(participants, "GET", "/s/line/")[0] == 200
    base = "/api/v1/studies/line/session/"
    status, body = ask(participants, "POST", base, {})
    assert status == 201, body
    key = json.loads(body)["key"]
    for step in ("consent/", "instructions/"):
        assert ask(participants, "POST", base + step, {}, key)[0] == 200
    trials = json.loads(ask(participants, "GET", base + "plan/", key=key)[1])["trials"]
    assert ask(participants, "GET", trials[0]["left"]["src"])[0] == 200
    for number, trial in enumerate(trials):
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        ballot = {"uuid": uuid, "trial": trial["id"], "choice": "left", "client": {"input": "script"}}
        assert ask(participants, "POST", base + "votes/", ballot, key)[0] == 201
    assert json.loads(ask(participants, "POST", base + "finish/", {}, key)[1])["code"]


def test_its_description_of_the_api_speaks_of_participants_only(participants: int, everything: int) -> None:
    described, whole = (ask(port, "GET", "/api/v1/schema/")[1].decode() for port in (participants, everything))
    assert "/session/votes/" in described
    assert "/trials/" in whole
    assert "/trials/" not in described


def test_a_mistyped_setting_is_said(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT, env={**environment, "EYEBALLOT_SERVE": "voters"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "EYEBALLOT_SERVE is 'voters'. It may be all (the default) or participants" in done.stderr
