"""Headers, cookies and methods of a house in production (F19), asked of a real server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live_house import ask, patched, served

# What each answer says, and how its value begins.
HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PAGES = ("/s/line/", "/admin/login/", "/nowhere/", "/api/v1/studies/line/session/plan/")
METHODS = ("TRACE", "TRACK", "CONNECT", "PROPFIND", "INVENTED")

# The planted fault: what stock Django is without our settings and our middleware.
STOCK = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "studyplatform.config.settings"
from django.conf import settings
settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("front.Guarded")]
settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "sessionid", "csrftoken"
settings.CSRF_COOKIE_SECURE = False
settings.SECURE_HSTS_SECONDS = 0
from studyplatform.config.wsgi import application
"""


def weaknesses(port: int) -> Iterator[str]:
    """What a house in production must not do, each in words."""
    for page in PAGES:
        answer, _ = ask(port, "GET", page)
        for header, value in HEADERS.items():
            if answer.headers.get(header) != value:
                yield f"{page}: {header} is {answer.headers.get(header)}"
        policy = answer.headers.get("Content-Security-Policy", "")
        if "frame-ancestors 'none'" not in policy or "unsafe" in policy:
            yield f"{page}: the content policy is {policy!r}"
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            words = cookie.lower()
            if not (
                cookie.startswith("__Host-") and "secure" in words and "path=/;" in words and "domain" not in words
            ):
                yield f"{page}: the cookie {cookie}"
    language, _ = ask(port, "POST", "/s/line/start/", b"", Origin="https://127.0.0.1")
    for cookie in language.headers.get_all("Set-Cookie") or []:
        if not cookie.startswith("__Host-"):
            yield f"the cookie {cookie}"
    for method in METHODS:
        for page in ("/s/line/", "/admin/"):
            status = ask(port, method, page)[0].status
            if status != 405:
                yield f"{method} {page} is answered {status}"


@pytest.mark.fault("F19")
def test_a_house_in_production_has_no_weakness_of_these(production: dict[str, str], tried: Callable[..., None]) -> None:
    with served(production, workers=1) as server:
        assert list(weaknesses(server.port)) == []
        answer, _ = ask(server.port, "TRACE", "/s/line/")
        assert "TRACE" not in answer.headers["Allow"]
        assert "__Host-csrftoken=" in ask(server.port, "GET", "/admin/login/")[0].headers["Set-Cookie"]
    tried("F19", pages=len(PAGES), headers_each=len(HEADERS) + 1, odd_methods=len(METHODS), weaknesses=0)


@pytest.mark.fault("F19", planted=True)
def test_each_weakness_of_stock_django_is_found(production: dict[str, str], tmp_path: Path) -> None:
    with served({**production, **patched(tmp_path, "stock", STOCK)}, "stock:application", workers=1) as server:
        found = "\n".join(weaknesses(server.port))
    assert "TRACE /admin/ is answered 302" in found
    assert "INVENTED /s/line/ is answered 403" in found
    for weakness in ("Strict-Transport-Security is None", "Cross-Origin-Resource-Policy is None", "cookie csrftoken"):
        assert weakness in found
