"""What the tutorials say is done, in a real browser, on a platform of its own."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from docs.walk import first, second
from docs.walk.hands import Hands
from docs.walk.house import ROOT, house

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
WALKS = {"tutorial.md": first, "tutorial-own-pictures.md": second}
BOLD = re.compile(r"\*\*([^*]+)\*\*")
PICTURE = re.compile(r"!\[[^\]]+\]\(images/tutorial/([^)]+)\)")


@pytest.fixture(scope="module")
def browser():
    if os.environ.get("EYEBALLOT_TEST_POSTGRES") == "1":
        pytest.skip("the tutorials are walked once, on SQLite")
    if CHROMIUM is None:
        pytest.skip("no Chromium: install it or name one in CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.parametrize("page", WALKS)
def test_the_tutorial_can_be_walked_as_it_is_written(page: str, browser: Any, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", "0")
    with house(tmp_path / "var") as here:
        hands: Hands = WALKS[page].walk(browser, here, None, tmp_path, quick=True)
    assert hands.complaints == []
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert set(BOLD.findall(text)) <= hands.pressed, "the tutorial names a button that the walk does not press"
    assert PICTURE.findall(text) == sorted(hands.taken), "the tutorial shows other pictures than the walk takes"
    missing = [name for name in hands.taken if not (ROOT / "docs" / "images" / "tutorial" / name).is_file()]
    assert not missing, "python docs/tutorials.py takes them"
    if page == "tutorial.md":
        [votes] = tmp_path.rglob("votes_analysis.csv")
        assert len(votes.read_text().splitlines()) > 1
