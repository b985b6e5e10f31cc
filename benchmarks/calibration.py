"""Do our p-values and intervals keep their word? `python benchmarks/calibration.py` (half an hour on two cores).

Draws studies whose truth is known (evaluation/core/simulator.py), lets the shipped procedures judge them and counts:
how often a test rejects a true hypothesis (promised: at most 5 of 100), how often an interval holds the truth
(promised: at least 95 of 100). Each case runs in cells of participants by conditions. Writes its tables into
docs/calibration.md and exits with 1 where a promise is broken beyond 3.3 Monte-Carlo standard errors.

--replicates N   studies per cell and world (300)
--cases A,B      only these tables
--cells 10x3,30x5  only these cells; the document is then left as it is
--jobs N         processes (2)
--seed N         of the first study; the same numbers every time (1)
--details        every cell, not only the range over them
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# One thread per process: the matrices are small, and two processes already fill two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import scipy  # noqa: E402

from benchmarks.calibration_cases import ALPHA, CASES, Case, Row  # noqa: E402

DOCUMENT = ROOT / "docs" / "calibration.md"
#: Around the table of a case in the document.
BEGIN, END = "<!-- {}: begin -->", "<!-- {}: end -->"
#: A test that rejects exactly 5 of 100 exceeds this in 13 of 10 000 runs of 300 studies. Of some 700 promises most are
#: kept with room to spare, so that a false alarm is rare.
REACH = 3.3
#: Studies of one task: small enough that two processes end together.
CHUNK = 100
Cell = tuple[int, int]


@dataclass(frozen=True)
class Count:
    """The answers of one row in one world and one cell: how many, their sum and the sum of their squares."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Count) -> Count:
        return Count(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def share(self) -> float:
        """Share of rejections, or of intervals that hold the truth."""
        return self.total / self.n

    def error(self, promised: float) -> float:
        """Monte-Carlo standard error if the promise were just kept.

        Answers that are shares of several intervals vary less than a coin: their spread is the observed one, but never
        taken as smaller than a fifth of a coin's, since twenty perfect studies are no proof.
        """
        coin = np.sqrt(promised * (1 - promised) / self.n)
        seen = np.sqrt(max(0.0, self.squares / self.n - self.share**2) / self.n)
        return float(np.clip(seen, coin / 5, coin))


#: (world, cell, row) -> count.
Counts = dict[tuple[str, Cell, str], Count]


def broken(row: Row, world: str, count: Count) -> bool:
    """Whether a promise of ``row`` does not hold in ``world``, beyond Monte-Carlo error."""
    if world not in row.judged:
        return False
    if row.kind == "level":
        return count.share > ALPHA + REACH * count.error(ALPHA)
    return count.share < 1 - ALPHA - REACH * count.error(1 - ALPHA)


def work(task: tuple[str, str, Cell, int, int]) -> Counts:
    """Counts of the studies with seeds ``first`` to ``first + n - 1`` of one cell."""
    name, world, cell, first, n = task
    case = next(c for c in CASES if c.name == name)
    counts: Counts = {}
    for seed in range(first, first + n):
        for row, answer in case.replicate(world, *cell, seed).items():
            key = (world, cell, row)
            counts[key] = counts.get(key, Count()) + Count(1, answer, answer * answer)
    return counts


def run(case: Case, *, replicates: int, cells: Sequence[Cell] | None, jobs: int, seed: int) -> Counts:
    """All worlds and cells of ``case``; ``cells`` narrows them."""
    tasks = [
        (case.name, world, cell, seed + first, min(CHUNK, replicates - first))
        for world in case.worlds
        for cell in case.cells
        if cells is None or cell in cells
        for first in range(0, replicates, CHUNK)
    ]
    counts: Counts = {}
    with ProcessPoolExecutor(jobs) as pool:
        for done in pool.map(work, tasks):
            for key, count in done.items():
                counts[key] = counts.get(key, Count()) + count
    return counts


def table(case: Case, counts: Counts) -> str:
    """Markdown: rows by worlds, the range over cells; a broken promise is marked with the cell that breaks it."""
    lines = [f"### {case.title}", "", case.words, ""]
    lines += ["| | " + " | ".join(case.worlds.values()) + " |", "|---" * (1 + len(case.worlds)) + "|"]
    for row in case.rows:
        entries = [_entry(row, world, _cells(case, row, world, counts)) for world in case.worlds]
        lines.append(f"| {row.words} | " + " | ".join(entries) + " |")
    return "\n".join(lines) + "\n"


def _cells(case: Case, row: Row, world: str, counts: Counts) -> dict[Cell, Count]:
    return {cell: counts[key] for cell in case.cells if (key := (world, cell, row.key)) in counts}


def _entry(row: Row, world: str, there: dict[Cell, Count]) -> str:
    if not there:
        return "–"
    ends = sorted({_two(min(c.share for c in there.values())), _two(max(c.share for c in there.values()))})
    text = "–".join(ends)
    if world not in row.judged:
        return f"*{text}*"
    bad = [f"{p} people, {k} conditions" for (p, k), count in there.items() if broken(row, world, count)]
    return f"{text} **broken: {'; '.join(bad)}**" if bad else text


def _two(share: float) -> str:
    return f"{share:.3f}".removeprefix("0") if share < 1 else "1"


def details(case: Case, counts: Counts) -> str:
    """Every cell on a line of its own."""
    rows = {row.key: row for row in case.rows}
    lines = []
    for (world, cell, key), c in sorted(counts.items()):
        row = rows[key]
        error = c.error(ALPHA if row.kind == "level" else 1 - ALPHA)
        mark = "BROKEN" if broken(row, world, c) else "" if world in row.judged else "(no promise)"
        lines.append(f"{world:10} P={cell[0]:<3} K={cell[1]} {key:30} {c.share:.4f} ± {error:.4f} {mark}")
    return "\n".join(lines)


def write(case: Case, text: str) -> None:
    """Put the table of a case between its markers in the document."""
    begin, end = BEGIN.format(case.name), END.format(case.name)
    head, rest = DOCUMENT.read_text().split(begin)
    DOCUMENT.write_text(f"{head}{begin}\n{text}{end}{rest.split(end)[1]}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--cases", default="")
    parser.add_argument("--cells", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--details", action="store_true")
    chosen = parser.parse_args(argv)
    names = chosen.cases.split(",") if chosen.cases else [c.name for c in CASES]
    unknown = set(names) - {c.name for c in CASES}
    if unknown:
        parser.error(f"No case is called {', '.join(sorted(unknown))}. There are {', '.join(c.name for c in CASES)}.")
    cells = [_cell(text, parser) for text in chosen.cells.split(",")] if chosen.cells else None
    cases = [c for c in CASES if c.name in names]
    failed = False
    for case in cases:
        began = time.perf_counter()
        counts = run(case, replicates=chosen.replicates, cells=cells, jobs=chosen.jobs, seed=chosen.seed)
        text = table(case, counts) + _how(chosen.replicates, chosen.seed)
        print(text)
        if chosen.details:
            print(details(case, counts))
        print(f"{time.perf_counter() - began:.0f} s with {chosen.jobs} processes\n", flush=True)
        if cells is None:
            write(case, text)
        rows = {row.key: row for row in case.rows}
        failed |= any(broken(rows[key], world, count) for (world, _, key), count in counts.items())
    return int(failed)


def _how(replicates: int, seed: int) -> str:
    error = np.sqrt(ALPHA * (1 - ALPHA) / replicates)
    return (
        f"\n{replicates} studies per cell and column (Monte-Carlo standard error {error:.3f}), seed {seed}, Python "
        f"{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}.\n"
    )


def _cell(text: str, parser: argparse.ArgumentParser) -> Cell:
    people, _, k = text.partition("x")
    if not (people.isdigit() and k.isdigit()):
        parser.error(f"{text!r} is no cell. Write participants x conditions, as 30x5.")
    return int(people), int(k)


if __name__ == "__main__":
    sys.exit(main())
