"""Every address of the house, for everybody in it (F18): who is let in, who is not, and who does not learn it is there.

The expectations stand in ``role_table``; the rows and the people in ``role_world``.
"""

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.http import HttpResponse
from django.template import Template
from django.test import Client
from django.urls import reverse

from evaluation import services, views
from evaluation.core.figures.files import chart_texts
from studyplatform.voting.admin.pages import registry
from studyplatform.voting.api import researcher
from studyplatform.voting.models import Study
from tests.config.addresses import Route, routes
from tests.config.role_table import KINDS, kinds_of
from tests.config.role_world import ACTORS, World

pytestmark = pytest.mark.django_db
WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)
# Who is signed in and what was said to them; errands that fell silent are forgotten whoever looks.
OWN_TABLES = {"django_session", "shared_cache", "voting_errand"}
QUERIES = {"evaluation:votes": {"scene": 0, "condition": [0, 1]}}
STRANGERS = ("anonymous", "participant", "elsewhere", "account", "researcher", "nobody")
NOT_THERE = {"pk": "987654", "object_id": "987654", "id": "987654", "slug": "nowhere"}


@pytest.fixture
def world(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> World:
    caplog.set_level(logging.CRITICAL, "django.request")  # thousands of refusals
    # The test client keeps a copy of the context of every template; nobody asks for it here.
    monkeypatch.setattr(Template, "_render", lambda template, context: template.nodelist.render(context))
    # Drawing the figures would take most of the time, and who is let in depends on their names alone.
    names = lambda result: {f"{stem}.csv": b"drawn elsewhere" for stem in chart_texts(result)}  # noqa: E731
    monkeypatch.setattr(services, "chart_files", names)
    return World()


@pytest.fixture
def written() -> Iterator[list[str]]:
    """Tables that a request has written into."""
    tables: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if (found := WRITES.match(sql)) and found[2] not in OWN_TABLES:
            tables.append(found[2])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield tables


def outcome(response: HttpResponse) -> str:
    """``ok``, ``login``, ``moved`` or the status."""
    if response.status_code in (301, 302):
        return "login" if response["Location"].startswith(reverse("admin:login")) else "moved"
    # What was asked for wrongly was let in, and so was what cannot be had now. That a view only shows, or only takes,
    # it says to everybody, whether or not the row is there.
    return "ok" if response.status_code in (200, 201, 204, 400, 405, 409) else str(response.status_code)


def holds(found: str, expected: str) -> bool:
    """Whether an outcome is the expected one; who is let in may be led on, and who only looks be refused."""
    return found == expected or found in {"ok": ("moved",), "look": ("ok", "moved", "403")}.get(expected, ())


def refused(kind: str) -> list[str]:
    """Those of the actors whom a kind does not let in."""
    return [actor for actor in ACTORS if KINDS[kind][actor] != "ok"]


@pytest.mark.fault("F18")
def test_every_address_has_a_row() -> None:
    lacking = sorted({route.name for route in routes() if kinds_of(route.name) is None})
    assert not lacking, (
        f"{len(lacking)} addresses have no row in tests/config/role_table.py. Say there who may come in: "
        + ", ".join(lacking)
    )


def test_every_model_of_the_admin_has_an_example(world: World) -> None:
    from django.contrib.admin import site

    lacking = [model._meta.label_lower for model in site._registry if model._meta.label_lower not in world.rows]
    assert not lacking, f"Give the world in tests/config/role_world.py a row of {', '.join(lacking)}."


def let_in_wrongly(world: World, known: list[Route]) -> list[str]:
    """Where looking is answered otherwise than the table says, in words."""
    wrong = []
    for route in known:
        kind, path = kinds_of(route.name)[0], route.filled(**world.values(route))
        for actor in ACTORS:
            response = world.clients[actor].get(path, QUERIES.get(route.name))
            if not holds(found := outcome(response), KINDS[kind][actor]) and response.status_code != 405:
                wrong.append(f"{actor} looks at {path} ({route.name}): {found}, not {KINDS[kind][actor]}")
            if actor in STRANGERS and any(secret in _text(response) for secret in world.secrets):
                wrong.append(f"{actor} reads of the owner's at {path} ({route.name})")
    return wrong


@pytest.mark.fault("F18")
def test_who_is_let_in(world: World, tried: Any) -> None:
    wrong = let_in_wrongly(world, _known())
    assert not wrong, "\n".join(wrong)
    tried("F18", addresses=len(_known()), actors=len(ACTORS), let_in_wrongly=0)


@pytest.mark.fault("F18", planted=True)
def test_a_page_without_its_guard_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a study, the researchers' API and the report, each with the tenant left out of its query."""
    everybodys = lambda user: Study.objects.all()  # noqa: E731
    for module, name in ((registry, "studies_visible"), (researcher, "studies_visible"), (views, "readable_studies")):
        monkeypatch.setattr(module, name, everybodys)
    for name in ("admin:voting_study_live", "voting:api-stimuli", "evaluation:report"):
        wrong = let_in_wrongly(world, [route for route in _known() if route.name == name])
        assert any(line.startswith("researcher looks at") for line in wrong), name
        assert name.startswith("voting:api") or any("reads of the owner's" in line for line in wrong), name


@pytest.mark.fault("F18")
def test_the_refused_change_nothing(world: World, written: list[str]) -> None:
    wrong, before = [], counts()
    for route in _known():
        kind, path = kinds_of(route.name)[1], route.filled(**world.values(route))
        for actor in refused(kind):
            client, expected = world.clients[actor], KINDS[kind][actor]
            for method in ("post", "put", "patch", "delete") if route.takes_other_methods else ("post",):
                response = getattr(client, method)(path, *_body(method))
                if not holds(found := outcome(response), expected) and response.status_code != 405:
                    wrong.append(f"{actor} sends a {method} to {path} ({route.name}): {found}, not {expected}")
                if written:
                    wrong.append(f"{actor} wrote into {', '.join(written)} by {method} to {path} ({route.name})")
                    written.clear()
    assert not wrong, "\n".join(wrong)
    assert counts() == before


@pytest.mark.fault("F18")
def test_what_is_there_and_what_is_not_look_the_same_to_the_refused(world: World) -> None:
    wrong = []
    for route in _known():
        if not set(route.captures) & set(NOT_THERE):
            continue
        kind, values = kinds_of(route.name)[0], world.values(route)
        there = route.filled(**values)
        gone = route.filled(**{name: NOT_THERE.get(name, value) for name, value in values.items()})
        for actor in refused(kind):
            expected = KINDS[kind][actor]
            if (
                expected == "moved"
                or (expected == "403" and not kind.startswith("superuser"))
                or actor == "participant"
            ):
                continue  # a member in too small a role knows that the study is there, and so does who takes part
            if expected == "login" and actor != "anonymous":
                continue  # nobody of these is known to the admin: they are one to it
            answers = [_told(world.clients[actor], path) for path in (there, gone)]
            if answers[0] != answers[1]:
                wrong.append(f"{actor} tells {there} ({route.name}) from {gone}: {answers}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.fault("F18")
def test_one_s_own_address_does_not_reach_into_another_s(world: World) -> None:
    """The stranger's own study or grid in front, a participant, plan or picture of the owner's behind it."""
    wrong, asked = [], 0
    for route in _known():
        own = world.own_values(route)
        if own is None:
            continue
        path = route.filled(**own)
        asked += 1
        for method in ("get", "post"):
            response = getattr(world.clients["researcher"], method)(path)
            if response.status_code not in (404, 405):
                wrong.append(f"a stranger's {method} of {path} ({route.name}): {response.status_code}, not 404")
    assert not wrong, "\n".join(wrong)
    assert asked > 5


def _known() -> list[Route]:
    return [route for route in routes() if kinds_of(route.name) is not None]


def _body(method: str) -> tuple[Any, ...]:
    return () if method in ("post", "delete") else ({}, "application/json")


def _text(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode("utf-8", errors="replace").replace(response.request["PATH_INFO"], "")


def _told(client: Client, path: str) -> tuple[int, str]:
    response = client.get(path)
    return response.status_code, response.get("Location", "").replace(path, "")


def counts() -> dict[str, int]:
    """Rows of each table but those of sessions."""
    kept = [model for model in apps.get_models() if model._meta.db_table not in OWN_TABLES]
    return {model._meta.label: model._base_manager.count() for model in kept}
