"""The faults that must be withstood, as tests marked with them, and the table of what was tried.

``@pytest.mark.fault("F6")`` marks a test that shows a fault withstood, ``planted=True`` one that plants the damage and
sees it found. ``make faults`` runs them all at full size and writes the table; a fault without a passing test of both
kinds fails that run.
"""

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

#: Whether the specification's numbers are run, or a size that fits into every test run.
FULL = os.environ.get("EYEBALLOT_FAULTS") == "full"

FAULTS = {
    "F1": "the same ballot many times at once",
    "F2": "two tabs, reload, Back",
    "F3": "different choices at once",
    "F4": "a foreign trial or ballot id",
    "F5": "any order of the above",
    "F6": "SIGKILL of the whole web server under load",
    "F7": "SIGKILL of one worker under load",
    "F8": "SIGKILL of PostgreSQL under load",
    "F9": "a database set to forget",
    "F10": "disk full, read-only database, statement timeout",
    "F11": "the participant goes offline",
    "F12": "a render job killed again and again",
    "F13": "two workers on one grid; the holder of a lease dies",
    "F14": "hostile images",
    "F15": "hostile archives",
    "F16": "a condition that leaks",
    "F17": "formulas, ragged CSV and personal data in exports",
    "F18": "missing authorisation",
    "F19": "headers, cookies, methods",
    "F20": "the secret key",
    "F21": "rows read through filters",
    "F22": "slow connections",
    "F23": "ballot stuffing",
    "F24": "skipped steps",
    "F25": "a study edited while open",
    "F26": "withdrawal",
    "F27": "more data than needed",
    "F28": "migrations",
    "F29": "backups",
    "F30": "participants' addresses that reach inside",
}

_marked: dict[str, list[tuple[str, bool]]] = defaultdict(list)  # test -> its faults, and whether they are planted
_passed: dict[str, bool] = {}
_seconds: dict[str, float] = {}
_numbers: dict[str, list[str]] = defaultdict(list)


@pytest.fixture
def tried() -> Callable[..., None]:
    """Note what a test tried and what was lost: ``tried("F6", rounds=20, lost=0)``."""

    def note(fault: str, **numbers: Any) -> None:
        assert fault in FAULTS, f"There is no fault {fault}."
        _numbers[fault].append(
            ", ".join(f"{_number(value)} {name.replace('_', ' ')}" for name, value in numbers.items())
        )

    return note


def _number(value: Any) -> str:
    return (
        f"{value:g}"
        if isinstance(value, float)
        else f"{value:,}".replace(",", " ")
        if type(value) is int
        else str(value)
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", type=Path, help="write the table of the faults tried into this file")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("fault"):
            (fault,) = mark.args
            if fault not in FAULTS:
                raise pytest.UsageError(f"{item.nodeid}: there is no fault {fault!r}.")
            _marked[item.nodeid].append((fault, bool(mark.kwargs.get("planted", False))))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.nodeid in _marked:
        _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
        if report.when == "call" or not report.passed:
            _passed[report.nodeid] = report.passed and _passed.get(report.nodeid, True)


def _rows() -> Iterator[tuple[str, list[str], list[str], float]]:
    """Each fault with the tests that passed, those of them that plant it, and the seconds of all."""
    for fault in FAULTS:
        mine = [(test, planted) for test, marks in _marked.items() for name, planted in marks if name == fault]
        held = [test for test, planted in mine if not planted and _passed.get(test)]
        caught = [test for test, planted in mine if planted and _passed.get(test)]
        yield fault, held, caught, sum(_seconds.get(test, 0.0) for test, _ in mine)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    path: Path | None = session.config.getoption("--fault-table")
    if path is None:
        return
    rows = list(_rows())
    missing = [
        f"{fault} ({'no test' if not held else 'nothing planted'})"
        for fault, held, caught, _ in rows
        if not (held and caught)
    ]
    if missing:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.stash[_MISSING] = missing
    failed = [test for test, passed in _passed.items() if not passed]
    path.write_text(_table(rows, missing, failed), encoding="utf-8")


_MISSING = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(_MISSING, []):
        terminalreporter.write_line(f"FAULT NOT SHOWN {line}", red=True)


def _table(rows: list[tuple[str, list[str], list[str], float]], missing: list[str], failed: list[str]) -> str:
    from django.conf import settings

    engine = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    lines = [
        "# Faults: the last run",
        "",
        "Written by `make faults`; [reliability](reliability.md) tells what each row means.",
        "",
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"{engine}, {'full size' if FULL else 'short size'}. "
        f"{sum(_passed.values())} tests passed, {len(failed)} failed.",
        "",
        "| | fault | tests | planted and caught | seconds | tried, and lost |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {fault} | {FAULTS[fault]} | {len(held)} | {len(caught)} | {seconds:.0f} | {'; '.join(_numbers[fault])} |"
        for fault, held, caught, seconds in rows
    ]
    lines += ["", *(f"- not shown: {line}" for line in missing), *(f"- failed: `{test}`" for test in failed)]
    return "\n".join(lines).rstrip() + "\n"
