"""What every answer carries, of every address of both URLconfs, refusals and faults included (F19)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.conf import settings as configured
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path, reverse

from studyplatform.config import urls as everything
from studyplatform.voting.api.short_way import ShortWay
from tests.config.addresses import routes
from tests.config.role_world import World

pytestmark = pytest.mark.django_db
PARTICIPANTS = "studyplatform.config.participant_urls"
# As production sends them; `make test` runs with the settings of development.
PRODUCTION = {
    "SECURE_HSTS_SECONDS": 31_536_000, "SECURE_HSTS_INCLUDE_SUBDOMAINS": True, "SECURE_HSTS_PRELOAD": True,
    "SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True, "SESSION_COOKIE_NAME": "__Host-sessionid",
    "CSRF_COOKIE_NAME": "__Host-csrftoken", "LANGUAGE_COOKIE_NAME": "__Host-language", "LANGUAGE_COOKIE_SECURE": True,
}  # fmt: skip
EXACT = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
}
SPOKEN = ("Server", "X-Powered-By", "Via")
# Asked by what watches the machine, before anything else (see front.Watchers): plain texts of a few words.
WATCHED = ("/health/", "/metrics")


def lacking(response: Any, address: str) -> list[str]:
    """What an answer lacks of what it should carry, or says and should not, in words."""
    found = [f"{name} is {response.get(name)!r}" for name, value in EXACT.items() if response.get(name) != value]
    found += [f"{name} is told" for name in SPOKEN if name in response]
    found += _of_policy(response)
    for cookie in response.cookies.values():
        weak = [flag for flag in ("secure", "httponly", "samesite") if not cookie[flag]]
        if cookie.key == "__Host-csrftoken" and "httponly" in weak:
            weak.remove("httponly")  # the page's script sends it back
        weak += (
            [] if cookie.key.startswith("__Host-") and cookie["path"] == "/" and not cookie["domain"] else ["__Host-"]
        )
        found += [f"the cookie {cookie.key} is not {flag}" for flag in weak]
    return [f"{address} ({response.status_code}): {what}" for what in found]


def _of_policy(response: Any) -> list[str]:
    """What is weak in the content security policy."""
    policy = response.get("Content-Security-Policy", "")
    rules = {words.split()[0]: words.split()[1:] for words in policy.split(";") if words.strip()}
    if "sandbox" in rules and rules.get("default-src") == ["'none'"]:
        return []  # a drawing with styles of its own, where no script runs and no origin is given
    weak = [] if rules.get("default-src") in (["'self'"], ["'none'"]) else ["default-src"]
    weak += [] if rules.get("frame-ancestors") == ["'none'"] else ["frame-ancestors"]
    loose = ("'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:")
    weak += [name for name, allowed in rules.items() if set(allowed) & set(loose)]
    weak += ["data:"] if any("data:" in allowed for name, allowed in rules.items() if name != "img-src") else []
    return [f"the policy is weak in {', '.join(weak)}"] if weak else []


@pytest.fixture
def production() -> Iterator[None]:
    with override_settings(**PRODUCTION):
        yield


@pytest.fixture
def world(production: None) -> World:
    return World()


def answers(world: World, urlconf: str | None = None) -> Iterator[tuple[str, Any]]:
    """Each address as those see it who may see most and least: looked at, and posted to without its token."""
    for route in routes(urlconf):
        address = route.filled(**world.values(route))
        if address.startswith(WATCHED):
            continue
        for actor in ("anonymous", "participant", "owner", "superuser"):
            client = world.clients[actor]
            client.handler.enforce_csrf_checks = True
            yield f"{actor} {address}", client.get(address, secure=True)
            yield f"{actor} POST {address}", client.post(address, secure=True)


@pytest.mark.fault("F19")
@pytest.mark.parametrize("urlconf", [None, PARTICIPANTS])
def test_every_answer_carries_them(world: World, urlconf: str | None, tried: Any) -> None:
    weak, asked = [], 0
    with override_settings(ROOT_URLCONF=urlconf or configured.ROOT_URLCONF):
        for address, response in answers(world, urlconf):
            asked += 1
            weak += lacking(response, address)
    assert not weak, "\n".join(weak[:60])
    tried("F19", answers=asked, weak=0)


def broken(request: HttpRequest) -> HttpResponse:
    raise LookupError("a fault of ours")


urlpatterns = [*everything.urlpatterns, path("broken/", broken)]


@pytest.mark.fault("F19")
def test_refusals_and_faults_carry_them_too(world: World) -> None:
    client = Client(raise_request_exception=False)
    slug = world.open.slug
    votes = reverse("voting:api-votes", args=[slug])
    with override_settings(ROOT_URLCONF=__name__):
        found: Mapping[int, Any] = {
            400: client.get("/admin/login/", headers={"host": "elsewhere.example"}, secure=True),
            401: client.post(votes, {}, "application/json", secure=True),
            403: Client(enforce_csrf_checks=True).post("/admin/login/", secure=True),
            404: client.get("/nowhere/", secure=True),
            405: client.generic("TRACE", "/", secure=True),
            413: client.post(
                reverse("voting:api-session", args=[slug]), "x" * 300_000, "application/json", secure=True
            ),
            500: client.get("/broken/", secure=True),
        }
    for status, response in found.items():
        assert response.status_code == status
        assert lacking(response, str(status)) == []


@pytest.mark.fault("F19")
def test_a_stored_vote_carries_them(world: World) -> None:
    """It takes a short way past most of what stands in front of the views."""
    client, base = world.clients["participant"], f"/api/v1/studies/{world.open.slug}/session/"
    pair = client.get(f"{base}plan/", secure=True).json()["trials"][0]
    ballot = {"uuid": "00000000-0000-4000-8000-00000000000a", "trial": pair["id"], "choice": "left"}
    response = client.post(f"{base}votes/", ballot, "application/json", secure=True)
    assert response.status_code == 201
    assert ShortWay.__module__ in str(configured.MIDDLEWARE)
    assert lacking(response, "vote") == []


@pytest.mark.fault("F19")
def test_pages_about_people_are_not_kept_by_browsers(world: World) -> None:
    study = world.open
    mine = [f"/s/{study.slug}/", f"/s/{study.slug}/vote/", f"/api/v1/studies/{study.slug}/session/plan/"]
    for address in mine:
        assert "no-store" in world.clients["participant"].get(address, secure=True)["Cache-Control"], address
    pk = world.closed.pk
    theirs = [reverse(f"admin:voting_study_{name}", args=[pk]) for name in ("participants", "log", "members", "live")]
    theirs += [reverse("admin:index"), reverse("admin:voting_participant_changelist")]
    theirs += [f"/report/{world.closed.slug}/bundle.zip", f"/report/{world.closed.slug}/data/trials.csv"]
    for address in theirs:
        assert re.search("no-store|no-cache", world.clients["owner"].get(address, secure=True)["Cache-Control"]), (
            address
        )


@pytest.mark.fault("F19", planted=True)
@pytest.mark.parametrize(
    ("middleware", "seen"),
    [
        (("csp.middleware.CSPMiddleware", "studyplatform.config.front.Guarded"), "the policy is weak"),
        (("django.middleware.security.SecurityMiddleware",), "X-Content-Type-Options"),
        (("studyplatform.config.front.Guarded",), "Cross-Origin-Resource-Policy"),
    ],
)
def test_a_house_without_one_of_them_is_seen(
    production: None, settings: Any, middleware: tuple[str, ...], seen: str
) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name not in middleware]
    assert any(seen in line for line in lacking(Client().get("/", secure=True), "/"))


@pytest.mark.fault("F19", planted=True)
def test_weak_cookies_and_policies_are_seen(production: None, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_NAME = False, "csrftoken"
    weak = lacking(Client().get("/admin/login/", secure=True), "/admin/login/")
    assert any("csrftoken is not __Host-" in line for line in weak)
    loose = HttpResponse(headers={"Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'"})
    assert _of_policy(loose) == ["the policy is weak in frame-ancestors, script-src"]
    spoken = HttpResponse(headers={"X-Powered-By": "PHP/5"})
    assert any("X-Powered-By is told" in line for line in lacking(spoken, "/"))
