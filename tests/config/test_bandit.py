"""bandit finds nothing in the code that is served but what a line of it answers for, with its reason."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
# Importing subprocess; each call is found by a rule of its own.
EVERYWHERE = {"B404"}


def unanswered(*folders: Path) -> list[str]:
    """Findings of bandit whose line does not say ``noqa: S<the same rule> (why)``, as ruff asks for it too.

    A rule that ruff is told to ignore everywhere, with its reason in pyproject.toml, is ignored here too.
    """
    command = [sys.executable, "-m", "bandit", "-q", "-r", "-f", "json", *map(str, folders)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    report = json.loads(found.stdout)
    assert report["errors"] == [], report["errors"]
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    ignored = EVERYWHERE | {rule.replace("S", "B", 1) for rule in ruff["ignore"] if re.fullmatch(r"S\d+", rule)}
    return [
        f"{row['filename']}:{row['line_number']}: {row['test_id']} {row['issue_text']}"
        for row in report["results"]
        if row["test_id"] not in ignored and not _answered(row)
    ]


def _answered(row: dict[str, object]) -> bool:
    lines = Path(str(row["filename"])).read_text(encoding="utf-8").splitlines()
    rule = str(row["test_id"])[1:]
    return bool(re.search(rf"# noqa: (\w+, )*S{rule}\b[, \w]*[-(] ?\w+", lines[int(str(row["line_number"])) - 1]))


def test_every_finding_is_answered_for() -> None:
    found = unanswered(*(ROOT / name for name in ("studyplatform", "generation", "evaluation")))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(words, shell=True)",
        "pickle.loads(data)",
        "yaml.load(text)",
        "eval(text)",
        "subprocess.run(words, shell=True)  # noqa: S602",  # no reason
        "eval(text)  # noqa: S602 (another rule)",
    ],
)
def test_a_careless_line_is_seen(line: str, tmp_path: Path) -> None:
    (tmp_path / "careless.py").write_text(
        f"import pickle, subprocess\nimport yaml\n\n\ndef do(words, data, text):\n    {line}\n"
    )
    assert [found for found in unanswered(tmp_path) if ":6:" in found]
    (tmp_path / "careless.py").write_text("import subprocess\n")
    assert unanswered(tmp_path) == []
