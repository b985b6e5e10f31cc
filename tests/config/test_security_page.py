"""Every test that docs/security.md names is there; a row without one says that it is a gap or was read."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
LEVEL_3 = ("1.2.10", "2.4.2", "5.2.6", "14.2.8", "15.4.2")


def missing(page: str) -> list[str]:
    """Tests that a page names and the tree lacks."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", page)
    assert named
    return [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file()
        or not re.search(rf"^def {name}\b", (ROOT / file).read_text("utf-8"), re.MULTILINE)
    ]


def test_every_test_that_the_page_names_exists() -> None:
    assert missing((ROOT / "docs/security.md").read_text("utf-8")) == []


def test_a_test_that_is_gone_is_seen() -> None:
    assert missing("| 1.1.1 | `tests/config/test_security_page.py::test_nothing` |") != []


def test_every_row_has_a_test_or_is_a_gap() -> None:
    page = (ROOT / "docs/security.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| \d+\.\d", line)]
    assert len(rows) > 60
    assert [row for row in rows if not re.search("::test_|Gap|by reading", row)] == []
    assert all(any(number in row for row in rows) for number in LEVEL_3)
