"""Somebody in front of a real Chromium, who complains about everything the console and the policy complain about."""

import time
from typing import Any

from django.urls import reverse
from playwright.sync_api import expect

from studyplatform.voting.models import Study, Vote

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SMALL_PHONE = PHONE | {"viewport": {"width": 320, "height": 568}}
#: What the browser itself writes when a request fails; the page cannot prevent it.
NETWORK = "Failed to load resource"
VIOLATIONS = "addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.violatedDirective));"


class Person:
    """A participant in front of a window of their own."""

    def __init__(self, browser: Any, server: str, study: Study, **context: Any) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | context))
        self.context.add_init_script(VIOLATIONS)
        self.server, self.study = server, study
        self.complaints: list[str] = []
        self.page = self.tab()

    def tab(self) -> Any:
        """One more tab of the same browser."""
        page = self.context.new_page()
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        return page

    @property
    def faults(self) -> list[str]:
        """Complaints other than about the network."""
        return [text for text in self.complaints if NETWORK not in text]

    def address(self, name: str) -> str:
        return self.server + reverse(f"voting:{name}", args=[self.study.slug])

    def begin(self) -> "Person":
        """From the landing page to the first pair."""
        self.page.goto(self.address("landing"))
        for _ in range(3):
            self.page.click(".go")
        self.page.wait_for_selector("#ballot")
        return self

    def painted(self, page: Any = None) -> "Person":
        """Wait until a pair is shown and the first 200 ms, in which nothing is heard, are over."""
        page = page or self.page
        page.wait_for_selector("#ballot.fitted:not(.masked, [hidden], :has(.chosen))")
        page.wait_for_timeout(320)
        return self

    def press(self, key: str) -> "Person":
        """Answer the next pair with a key."""
        self.painted().page.keyboard.press(key)
        return self

    def at(self, place: str) -> None:
        """Wait until the bar says which pair it is."""
        expect(self.page.locator("#count")).to_have_text(place, timeout=20_000)

    def stored(self, count: int) -> None:
        """Wait until so many votes are stored and the page knows it."""
        deadline = time.monotonic() + 20
        while Vote.objects.count() < count and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        assert Vote.objects.count() == count
        if "/vote/" in self.page.url:
            expect(self.page.locator("#saved")).to_have_attribute("data-state", "saved", timeout=20_000)

    def kept(self) -> int:
        """How many answers lie in the browser's database."""
        return int(
            self.page.evaluate(
                """() => new Promise((done) => {
                    const open = indexedDB.open("eyeballot");
                    open.onsuccess = () => {
                        if (!open.result.objectStoreNames.contains("answers")) return done(0);
                        const all = open.result.transaction("answers").objectStore("answers").count();
                        all.onsuccess = () => { open.result.close(); done(all.result); };
                    };
                })"""
            )
        )

    def votes(self) -> list[Vote]:
        """What is stored, in the order in which the pairs were answered."""
        return list(Vote.objects.order_by("submitted_at").select_related("trial"))
