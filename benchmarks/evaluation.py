"""What a Bradley-Terry fit and its errors cost: `python benchmarks/evaluation.py` (about ten minutes, no network).

CPU time of this process, one thread, every peer in its turn within each round, so that a busy neighbour meets all of
them; ratios are medians over the rounds of peer / ours. Peers come from `pip install -e '.[bench]'`; one that is not
there is left out with a sentence. Errors are the largest difference in logits from the exact maximum (dense Newton
steps with a fresh Hessian until they are zero). Prints Markdown; docs/benchmarks.md keeps a run.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import statistics
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
from evaluation_peers import LOOPS, PEERS, Peer, Votes, simulated
from machine import machine

from evaluation.core.ballots import Ballots
from evaluation.core.scale import inference, jackknife
from studyplatform.voting.core import bradley_terry as bt

#: Items, votes, participants.
SIZES = [(50, 5_000, 100), (500, 100_000, 1_000), (5_000, 1_000_000, 20_000)]
DRAWS = 1_000
#: A peer that takes longer than this, in seconds, is timed once.
LONG = 3.0


def timed(work: Callable[..., Any], *given: Any) -> tuple[float, Any]:
    begin = time.process_time()
    found = work(*given)
    return time.process_time() - begin, found


def exact(v: Votes) -> np.ndarray:
    """The maximum by dense Newton steps from our estimate: an (n, n) Hessian built from all pairs each time."""
    pairs = bt.count_pairs(v.items, v.left, v.right, v.y)
    theta = bt.fit_pairs(pairs).theta
    for _ in range(3):
        fit = bt.Fit(theta, pairs, np.zeros(v.items, dtype=np.intp), np.zeros(v.items, dtype=bool), 0.0, True, 0)
        hessian = fit.information + 1.0 / v.items
        step = np.linalg.solve(hessian, pairs.net(pairs.wins - pairs.games * fit.win))
        theta = theta + step
        if np.abs(step).max() < 1e-12:
            break
    return theta - theta.mean()


def fits(sizes: list[tuple[int, int, int]], rounds: int) -> list[str]:
    """Rows of the table of one fit from vote arrays."""
    there = [peer for peer in PEERS if peer.installed]
    columns = [fits_of(simulated(*size), [p for p in there if p.up_to >= size[0]], rounds) for size in sizes]
    return [f"| {p.name} | {' | '.join(column.get(p.name, '-') for column in columns)} |" for p in there]


def fits_of(v: Votes, peers: list[Peer], rounds: int) -> dict[str, str]:
    """Cells of one size: ratio to ours and the error."""
    truth = exact(v)
    first: dict[str, float] = {}
    errors: dict[str, float] = {}
    ratios: dict[str, list[float]] = {peer.name: [] for peer in peers}
    own: list[float] = []
    for peer in peers:
        print(f"{v.items} items, {len(v.y)} votes: {peer.name} ...", file=sys.stderr)
        first[peer.name], theta = timed(peer.fit, v)
        errors[peer.name] = float(np.abs(theta - theta.mean() - truth).max())
    for _ in range(rounds):
        own.append(timed(PEERS[0].fit, v)[0])
        for peer in peers[1:]:
            slow = first[peer.name] > LONG
            ratios[peer.name].append((first[peer.name] if slow else timed(peer.fit, v)[0]) / own[-1])
    cells = {PEERS[0].name: f"1 ({1e3 * statistics.median(own):.3g} ms, {errors[PEERS[0].name]:.0e})"}
    return cells | {p.name: f"{statistics.median(ratios[p.name]):.3g} ({errors[p.name]:.0e})" for p in peers[1:]}


def ballots(v: Votes) -> Ballots:
    return Ballots(tuple(str(i) for i in range(v.items)), v.people, v.person, v.left, v.right, v.y)


def clustered(v: Votes) -> tuple[bt.Fit, Any, np.ndarray]:
    """Counts by participant, fit, CR3."""
    people = ballots(v).by_participant()
    fit = bt.fit_pairs(people.pairs)
    return fit, people, jackknife.covariance(fit, people)[0]


def errors(sizes: list[tuple[int, int, int]], replicates: int) -> list[str]:
    """Rows of the table of clustered inference: ours, our bootstrap, and loops around the peers."""
    columns = [errors_of(simulated(*size), replicates) for size in sizes]
    return [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]]


def errors_of(v: Votes, replicates: int) -> dict[str, str]:
    """Cells of one size; a loop's time is that of some replicates, made up to all."""
    print(f"{v.items} items, {len(v.y)} votes: errors ...", file=sys.stderr)
    cr3 = statistics.median(timed(clustered, v)[0] for _ in range(5))
    fit, people, cov = clustered(v)
    boot, draws = timed(lambda: jackknife.bootstrap(fit, people, draws=DRAWS, seed=1))
    ratio = float(np.mean(np.sqrt(np.diag(cov)) / draws.std(axis=0)))
    cells = {
        "clustered errors (CR3), ours": f"{cr3:.3g} s; SE {ratio:.3f} of the bootstrap's",
        "participant bootstrap, ours": f"{boot:.3g} s; {boot / cr3:,.0f} x CR3",
    }
    for name, (package, replicate) in LOOPS.items():
        if Peer("", len, package).installed:
            print(f"{v.items} items: {replicates} replicates around {name} ...", file=sys.stderr)
            rng = np.random.default_rng(2)
            replicate(v, rng)  # makes the lists
            loop = statistics.median(timed(replicate, v, rng)[0] for _ in range(replicates)) * DRAWS
            cells[f"loop around {name}"] = f"{loop / boot:.3g} x our bootstrap; {loop / cr3:,.0f} x CR3"
    return cells


def large() -> list[str]:
    """Sentences on the sizes that must fit: memory of a sparse fit, and of a big study."""
    v = simulated(*SIZES[2])
    tracemalloc.start()
    pairs = bt.count_pairs(v.items, v.left, v.right, v.y)
    bt.fit_pairs(pairs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    study = ballots(simulated(100, 1_000_000, 20_000))
    labels = {c: c for c in study.items}
    seconds, scale = timed(lambda: inference.estimate(study, labels=labels, group="g"))
    tracemalloc.start()
    inference.estimate(study, labels=labels, group="g")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [
        f"5 000 items, 1 M votes, {len(pairs.first):,} distinct pairs: counting and fitting take {peak / 1e6:.0f} MB "
        f"at most, {peak / len(pairs.first):.0f} bytes a pair.",
        f"100 conditions, 1 M votes, {scale.n_participants:,} participants: scores with clustered errors in "
        f"{seconds:.2g} s and {most / 1e6:.0f} MB.",
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=7, help="rounds of one fit (default 7)")
    options.add_argument("--replicates", type=int, default=10, help="replicates of each peer's loop (default 10)")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    for peer in PEERS:
        if not peer.installed:
            print(f"{peer.name} is left out: {peer.package} is not installed (pip install -e '.[bench]').")
    head = [f"{items:,} items, {votes:,} votes" for items, votes, _ in SIZES]
    print(f"| one fit from vote arrays: CPU time over ours (largest error in logits) | {' | '.join(head)} |")
    print("|---|---|---|---|", *fits(SIZES, given.rounds), sep="\n")
    print(f"\n| {DRAWS} bootstrap replicates | {' | '.join(head[:2])} |")
    print("|---|---|---|", *errors(SIZES[:2], given.replicates), sep="\n")
    packages = sorted({p.package for p in PEERS if p.installed} - {"numpy"})
    print("", *large(), f"{machine('numpy', 'scipy', *packages)}, one thread.", sep="\n")


if __name__ == "__main__":
    main()
