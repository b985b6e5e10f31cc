"""The researcher's hands: what a reader of the tutorial presses, and the pictures of what they see."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page

WIDTH = 1200


class Hands:
    """One signed-in browser window.

    pressed : the words of every button and link that was pressed, for the test that the tutorial names them rightly.
    """

    def __init__(self, browser: Browser, address: str, folder: Path | None) -> None:
        self.browser, self.address, self.folder = browser, address, folder
        self.page = browser.new_page(viewport={"width": WIDTH, "height": 800}, accept_downloads=True)
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.pressed: set[str] = set()
        self.taken: list[str] = []

    def sign_in(self, user: str, password: str) -> None:
        """At the door of the admin."""
        self.page.goto(self.address + "/admin/")
        self.page.fill("#id_username", user)
        self.page.fill("#id_password", password)
        self.page.get_by_role("button", name="Log in").click()

    def press(self, words: str) -> None:
        """The button or the link that is called so."""
        self._called(words).click()
        self.pressed.add(words)
        self.page.wait_for_load_state()

    def _called(self, words: str) -> Locator:
        button = self.page.get_by_role("button", name=words, exact=True)
        link = self.page.get_by_role("link", name=words, exact=True)
        return button.or_(link).first

    def fill(self, **fields: str | int | float) -> None:
        """Fields of a form by their names."""
        for name, value in fields.items():
            self.page.fill(f"[name={name}]", str(value))

    def shoot(self, name: str, *, height: int = 800, of: Page | None = None, top: bool = True) -> None:
        """What the window shows, as a JPEG that a page can afford; nothing where no folder is given."""
        self.taken.append(f"{name}.jpg")
        if self.folder is None:
            return
        page = of or self.page
        if of is None:
            page.set_viewport_size({"width": WIDTH, "height": height})
            if top:
                page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(400)
        self.folder.mkdir(parents=True, exist_ok=True)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.save(self.folder / f"{name}.jpg", quality=82, optimize=True)

    def say(self, words: str) -> None:
        """For the one who waits."""
        print(f"  {words}", flush=True)
