"""Takes the README's pictures from a running demo: python docs/pictures.py [address]

Needs Playwright and a Chromium (CHROMIUM names it, or it is on the PATH).
"""

import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent / "images"
STUDY = "/s/learning-rate-naturalness/"
REPORT = "/report/rehearsal-taste-departs-from-the-loss/"


def save(page: Page, name: str) -> None:
    """What the window shows, as a JPEG that a README can afford."""
    FOLDER.mkdir(exist_ok=True)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(FOLDER / name, quality=88, optimize=True)
    print(FOLDER / name)


def main(address: str) -> None:
    """The first pair of a session, and the top of the report of a rehearsal."""
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(address + STUDY)
        for name in ("Start", "I agree and want to take part", "Show me the first pair"):
            page.get_by_role("button", name=name).click()
        page.wait_for_selector("img")
        page.wait_for_timeout(1000)
        save(page, "pair.jpg")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address + REPORT)
        page.wait_for_load_state("networkidle")
        save(page, "verdict.jpg")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
