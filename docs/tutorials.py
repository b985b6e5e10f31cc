"""Walks both tutorials in a real browser and takes their pictures: python docs/tutorials.py [--no-pictures]

Needs Playwright and a Chromium (CHROMIUM names it, or it is on the PATH). Everything happens in a folder of its own.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import sync_playwright

from docs.walk import first, second
from docs.walk.house import house

FOLDER = Path(__file__).parent / "images" / "tutorial"


def main(*, pictures: bool) -> None:
    """Walk; raises where a page complained."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as var, sync_playwright() as playwright, house(Path(var) / "var") as here:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for tutorial in (first, second):
            hands = tutorial.walk(browser, here, FOLDER if pictures else None, Path(var))
            if hands.complaints:
                raise RuntimeError("\n".join(hands.complaints))
        browser.close()


if __name__ == "__main__":
    main(pictures="--no-pictures" not in sys.argv)
