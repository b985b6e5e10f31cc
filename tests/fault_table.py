"""The faults that must be withstood, as tests marked with them, and the table of what was tried.

``@pytest.mark.fault("F6")`` marks a test that shows a fault withstood, ``planted=True`` one that plants the damage and
sees it found. ``make faults`` runs them all at full size and writes the table; a fault without a passing test of both
kinds fails that run. There ``@pytest.mark.alone`` keeps the other processes of the run still: a recovery within seconds
is timed.
"""

import fcntl
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
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

_BEGUN = time.time()

# Of each test, by its name. It all comes with the test's reports, which reach the process that writes the table from
# whichever process ran the test.
_marked: dict[str, list[tuple[str, bool]]] = {}  # its faults, and whether they are planted
_passed: dict[str, bool] = {}
_skipped: dict[str, str] = {}  # and why
_seconds: dict[str, float] = defaultdict(float)
_tried: dict[str, list[tuple[str, str]]] = {}  # of which fault, what


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Note what a test tried and what was lost: ``tried("F6", rounds=20, lost=0)``."""

    def note(fault: str, **numbers: Any) -> None:
        assert fault in FAULTS, f"There is no fault {fault}."
        said = ", ".join(f"{_number(value)} {name.replace('_', ' ')}" for name, value in numbers.items())
        request.node.user_properties.append(("tried", (fault, said)))

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
            item.user_properties.append(("fault", (fault, bool(mark.kwargs.get("planted", False)))))


@contextmanager
def _turn(run: str, *, alone: bool) -> Iterator[None]:
    """Nobody else of the run works beside who is ``alone``, and who waits to be is not passed by others."""
    place = Path(tempfile.gettempdir()) / f"eyeballot-faults-{run}"
    with place.with_suffix(".gate").open("w") as gate, place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if not (FULL and run):
        return (yield)
    with _turn(run, alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    test, said = report.nodeid, report.user_properties
    _marked[test] = [value for name, value in said if name == "fault"]
    _tried[test] = [value for name, value in said if name == "tried"]
    _seconds[test] += report.duration
    if report.skipped:
        _skipped[test] = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    elif report.when == "call" or not report.passed:
        _passed[test] = report.passed and _passed.get(test, True)


def _rows() -> Iterator[tuple[str, list[str], list[str], float]]:
    """Each fault with the tests that passed, those of them that plant it, and the seconds of all."""
    for fault in FAULTS:
        mine = [(test, planted) for test, marks in _marked.items() for name, planted in marks if name == fault]
        held = [test for test, planted in mine if not planted and _passed.get(test)]
        caught = [test for test, planted in mine if planted and _passed.get(test)]
        yield fault, held, caught, sum(_seconds[test] for test, _ in mine)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    path: Path | None = session.config.getoption("--fault-table")
    if path is None or hasattr(session.config, "workerinput"):  # one process of several: their parent writes it
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
        f"{sum(_passed.values())} tests passed, {len(failed)} failed, in {(time.time() - _BEGUN) / 60:.0f} minutes.",
        "",
        "| | fault | tests | planted and caught | seconds | tried, and lost |",
        "|---|---|---|---|---|---|",
    ]
    for fault, held, caught, seconds in rows:
        words = "; ".join(said for test in sorted(_tried) for name, said in _tried[test] if name == fault)
        lines.append(f"| {fault} | {FAULTS[fault]} | {len(held)} | {len(caught)} | {seconds:.0f} | {words} |")
    lines += ["", *(f"- not shown: {line}" for line in missing), *(f"- failed: `{test}`" for test in failed)]
    lines += [f"- `{test}`: {why}" for test, why in _skipped.items() if _marked[test]]
    return "\n".join(lines).rstrip() + "\n"
