"""How long and how much memory a large study takes: `python benchmarks/evaluation_million.py` (some minutes).

A simulated study of 100 conditions x 50 scenes with two metrics and, by default, 1 000 000 votes by 20 000 people, as a
bundle on disk; then the steps of `manage.py evaluate --bundle`: read, analyse, draw, each with its time and the peak
of the process' resident memory so far. Prints Markdown; docs/benchmarks.md keeps a run. --votes N, --sections.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np

from evaluation.core import analysis, bundle
from evaluation.core.evidence import gather
from evaluation.core.figures import chart_files
from evaluation.core.options import Options
from evaluation.core.simulator import Crowd, Design, as_study, simulate

EACH = 50  # votes of a participant


def peak() -> float:
    """Largest resident memory of this process so far, in GB."""
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def step(name: str, work: Callable[..., Any], *given: Any) -> Any:
    """Do ``work`` and print a row of the table."""
    begin = time.process_time()
    found = work(*given)
    sys.stdout.write(f"| {name} | {time.process_time() - begin:.1f} s | {peak():.2f} GB |\n")
    sys.stdout.flush()
    return found


def write(folder: Path, votes: int) -> None:
    """The bundle, by a process of its own, so that its memory is not on the bill."""
    rng = np.random.default_rng(1)
    utilities = rng.normal(scale=0.7, size=(1, 100)) + rng.normal(scale=0.3, size=(50, 100))
    metrics = {name: rng.normal(size=(50, 100)) - 0.5 * utilities for name in ("total", "lpips")}
    cast = simulate(utilities, Crowd(votes // EACH), Design(EACH), seed=1)
    data = as_study(cast, metrics, levels={"lr": list(np.geomspace(0.001, 1, 100))})
    for name, content in bundle.write(data).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--votes", type=int, default=1_000_000)
    parser.add_argument("--sections", action="store_true", help="time each section of the analysis too")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if (child := os.fork()) == 0:
            write(folder, chosen.votes)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SystemExit("The bundle could not be written.")
        sys.stdout.write(f"| {chosen.votes:,} votes | CPU time | peak memory |\n|---|---|---|\n")
        step("nothing but the libraries", lambda: None)
        loaded = step("read the bundle", bundle.load, folder)
        options = Options()
        if chosen.sections:
            evidence = step("gather", gather, loaded.data.canonical(), "q", options)
            for section, work in analysis.SECTIONS.items():
                step(section, work, evidence)
            return
        result = step("analyse", analysis.analyse, loaded.data, options)
        files = step("draw", chart_files, result)
        size = len(json.dumps(result)) / 1e6
        sys.stdout.write(f"\n{len(files)} files of figures, results.json {size:.0f} MB, {platform.python_version()}\n")


if __name__ == "__main__":
    main()
