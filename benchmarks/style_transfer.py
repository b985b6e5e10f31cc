"""What a step of style transfer costs: `python benchmarks/style_transfer.py` (an hour on two cores, no network).

The same images by the engine, by pystiche and by the method of PyTorch's tutorial: same network, losses, optimiser and
steps (style_transfer_peers says which). Every way has its turn within each round of a cell (size x conditions), so
that a busy neighbour meets all of them; ratios are taken within a round, per image and step, and their median stands
with its range. CPU time is of one thread, wall time of all cores. Whether the work was the same is seen at the end of
equal runs: the total of the 8-bit pictures, computed anew in float32 by one function, and the PSNR to pystiche's.
With a CUDA device the same is done there (wall time), with images per minute, the share of the measured rate of matrix
products, memory per condition, and 64 conditions x 1 000 steps. The last line is one JSON object.

--quick      fewer cells and rounds, under ten minutes
--rounds N   rounds of a cell (5; quick 3)
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import torch
from machine import machine
from style_transfer_peers import OURS, PYSTICHE, TUTORIAL, UNFROZEN, Peer, psnr, totals
from style_transfer_peers.scene import Clock, Scene, write_weights

#: Size in pixels, conditions.
CELLS = [(size, conditions) for size in (128, 256) for conditions in (1, 2, 4, 8, 16)]
QUICK_CELLS = [(128, 1), (128, 4), (128, 16), (256, 2)]
WALL_CELLS, QUICK_WALL_CELLS = [(128, 4), (256, 4)], [(128, 4)]
#: Size, conditions and steps of the runs whose ends are compared.
ENDS, QUICK_ENDS = [(128, 4, 200), (256, 2, 100)], [(128, 2, 40)]
#: Steps of a timed run; the first is not counted, and no target.
STEPS = 4
#: Largest relative difference of the totals for which the work counts as the same.
TOLERANCE = {"fp32": 0.01, "bf16": 0.04}
PEERS = {"pystiche": PYSTICHE, "tutorial": TUTORIAL, "tutorial_unfrozen": UNFROZEN}
QUICK_PEERS = ("pystiche", "tutorial")


def style_weights(conditions: int) -> list[float]:
    """From 100 to 10 000 in equal ratios: a grid's axis."""
    return [100.0 * 100.0 ** (n / max(1, conditions - 1)) for n in range(conditions)]


def seconds(peer: Peer, scene: Scene, weights: Sequence[float], steps: int = STEPS) -> Clock:
    """CPU and wall seconds per image and step. Who works one image after the other renders only one."""
    clock = Clock(steps, scene.device)
    own = weights if peer.batched else weights[:1]
    peer.render(scene, own, clock)
    clock.cpu, clock.wall = clock.cpu / len(own), clock.wall / len(own)
    return clock


def cell(scene: Scene, conditions: int, rounds: int, clock: str, peers: Sequence[str]) -> list[dict[str, Any]]:
    """Ratios of one cell to ``peers``; ``clock``: cpu or wall."""
    print(f"{scene.size} px, {conditions} conditions, {clock} time ...", file=sys.stderr)
    weights = style_weights(conditions)
    there = {name: PEERS[name] for name in peers if PEERS[name].installed}
    ways = {**there, **OURS}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for dtype in OURS:  # the file is read and the network built once
        seconds(OURS[dtype], scene, weights, steps=2)
    for _ in range(rounds):
        for name, peer in ways.items():
            taken[name].append(getattr(seconds(peer, scene, weights), clock))
    return [
        {
            "size": scene.size,
            "conditions": conditions,
            "clock": clock,
            "dtype": dtype,
            "peer": name,
            **spread([theirs / own for theirs, own in zip(taken[name], taken[dtype], strict=True)]),
            "ms": round(1e3 * statistics.median(taken[dtype]), 2),
            "peer_ms": round(1e3 * statistics.median(taken[name]), 2),
        }
        for dtype in OURS
        for name in there
    ]


def spread(ratios: Sequence[float]) -> dict[str, float]:
    return {
        "ratio": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
    }


def ends(scene: Scene, conditions: int, steps: int) -> list[dict[str, Any]]:
    """How the totals and the pictures after ``steps`` differ from the sequential float32 run: pystiche's, or where it
    is not installed the tutorial's, which is the same arithmetic."""
    weights = style_weights(conditions)
    reference = PYSTICHE if PYSTICHE.installed else TUTORIAL
    found: dict[str, list[Any]] = {}
    for name, peer in {"reference": reference, "tutorial": TUTORIAL, **OURS}.items():
        print(f"{scene.size} px, {conditions} conditions, {steps} steps: {peer.name} ...", file=sys.stderr)
        found[name] = peer.render(scene, weights, Clock(steps, scene.device))
    start = totals(scene, [scene.content] * conditions, weights)
    held = totals(scene, found["reference"], weights)
    rows = []
    for name in ("tutorial", *OURS):
        reached = totals(scene, found[name], weights)
        differences = [own / other - 1 for own, other in zip(reached, held, strict=True)]
        near = [psnr(own, other) for own, other in zip(found[name], found["reference"], strict=True)]
        rows.append(
            {
                "size": scene.size,
                "steps": steps,
                "way": name,
                "loss_diff": round(max(map(abs, differences)), 5),
                "loss_diffs": [round(difference, 5) for difference in differences],
                "psnr_db": [round(value, 1) for value in near],
                "reference_total_over_start": [round(end / first, 4) for end, first in zip(held, start, strict=True)],
            }
        )
    return rows


def on_gpu(weights: Path, rounds: int, *, quick: bool) -> dict[str, Any]:
    """What a CUDA device is asked: ratios of wall time at three sizes, speed, memory, and whole grids."""
    device = torch.device("cuda")
    conditions, sizes = 64, (128, 256, 512)
    ceiling = matrix_rate(device)
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name(),
        "bf16_matmul_tflops": round(ceiling / 1e12, 1),
        "float32_convolutions_in_tf32": torch.backends.cudnn.allow_tf32,
    }
    for size in sizes:
        scene = Scene(size, weights, device)
        result[f"ratios_{size}"] = cell(scene, conditions, rounds, "wall", tuple(PEERS))
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        each = seconds(OURS["bf16"], scene, style_weights(conditions), steps=20).wall
        result[f"speed_{size}"] = {
            "images_per_minute_of_1000_steps": round(60 / (1000 * each), 2),
            "share_of_matmul": round(operations(size) / each / ceiling, 3),
            "memory_mib_per_condition": round((torch.cuda.max_memory_allocated() - before) / 2**20 / conditions, 1),
        }
    for size in () if quick else (256, 512):
        began = time.perf_counter()
        OURS["bf16"].render(Scene(size, weights, device), style_weights(conditions), Clock(1000, device))
        torch.cuda.synchronize()
        result[f"grid_64x1000_{size}_s"] = round(time.perf_counter() - began, 1)
    return result


def matrix_rate(device: torch.device, side: int = 8192) -> float:
    """Operations per second of a large bfloat16 matrix product, the best of ten."""
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(10):
        torch.cuda.synchronize()
        began = time.perf_counter()
        one @ one
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * side**3 / best


def operations(size: int) -> float:
    """Floating-point operations of one step of one image: convolutions up to relu5_1 and Gram products, there and
    back (a multiplication and an addition are two)."""
    total, channels, side = 0.0, 3, size
    for width, count in zip((64, 128, 256, 512, 512), (2, 2, 4, 4, 1), strict=True):
        for _ in range(count):
            total += 2 * 2 * 9 * channels * width * side * side
            channels = width
        total += 2 * 2 * width * width * side * side
        side //= 2
    return total


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown: a line per cell and type of number, a column per peer."""
    names = [name for name in PEERS if any(row["peer"] == name for row in rows)]
    lines = [f"| size, conditions | | ours | {' | '.join(names)} |", "|---" * (3 + len(names)) + "|"]
    keys = dict.fromkeys((row["size"], row["conditions"], row["clock"], row["dtype"]) for row in rows)
    for key in keys:
        own = {r["peer"]: r for r in rows if (r["size"], r["conditions"], r["clock"], r["dtype"]) == key}
        cells = [f"{own[name]['ratio']} ({own[name]['least']}-{own[name]['most']})" for name in names]
        size, conditions, clock, dtype = key
        ms = next(iter(own.values()))["ms"]
        lines.append(f"| {size} px, {conditions}, {clock} | {dtype} | {ms:.3g} ms | {' | '.join(cells)} |")
    return lines


def end_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["| after | way | largest difference of the total | PSNR, dB |", "|---|---|---|---|"]
    for row in rows:
        near = ", ".join(f"{value:g}" for value in row["psnr_db"])
        lines.append(f"| {row['steps']} steps, {row['size']} px | {row['way']} | {row['loss_diff']:.2%} | {near} |")
    return lines


def summary(cells: Sequence[dict[str, Any]], compared: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The ratios by name: medians over the cells, and the largest differences at the end."""
    result: dict[str, Any] = {}
    for clock, suffix in (("cpu", "ratio"), ("wall", "wall_ratio")):
        for dtype in OURS:
            for name in PEERS:
                found = [r["ratio"] for r in cells if (r["clock"], r["dtype"], r["peer"]) == (clock, dtype, name)]
                key = f"{dtype}_{suffix}" if name == "pystiche" else f"{dtype}_{name}_{suffix}"
                result[key] = round(statistics.median(found), 2) if found else None
    for dtype in OURS:
        own = [row for row in compared if row["way"] == dtype]
        result[f"{dtype}_loss_diff"] = max(row["loss_diff"] for row in own)
        result[f"{dtype}_psnr_db"] = round(statistics.median(value for row in own for value in row["psnr_db"]), 1)
        result[f"{dtype}_same_work"] = result[f"{dtype}_loss_diff"] <= TOLERANCE[dtype]
    return result


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--rounds", type=int)
    given = options.parse_args()
    rounds = given.rounds or (3 if given.quick else 5)
    warnings.simplefilter("ignore")
    if not PYSTICHE.installed:
        print("pystiche is left out: it is not installed (pip install -e '.[bench]').")
    cores, peers = os.cpu_count() or 1, QUICK_PEERS if given.quick else tuple(PEERS)
    with tempfile.TemporaryDirectory(prefix="eyeballot-bench-") as folder:
        weights = Path(folder) / "vgg19.pth"
        write_weights(weights)
        cpu = torch.device("cpu")
        cells: list[dict[str, Any]] = []
        for clock, chosen, threads in (
            ("cpu", QUICK_CELLS if given.quick else CELLS, 1),
            ("wall", QUICK_WALL_CELLS if given.quick else WALL_CELLS, cores),
        ):
            torch.set_num_threads(threads)
            for size, conditions in chosen:
                cells += cell(Scene(size, weights, cpu), conditions, rounds, clock, peers)
        compared: list[dict[str, Any]] = []
        for size, conditions, steps in QUICK_ENDS if given.quick else ENDS:
            compared += ends(Scene(size, weights, cpu), conditions, steps)
        gpu = on_gpu(weights, rounds, quick=given.quick) if torch.cuda.is_available() else None
    print("Cost of one image and step over ours (range over the rounds):\n", *table(cells), sep="\n")
    print("", "The end of equal runs against the sequential one:\n", *end_table(compared), sep="\n")
    ran_on = machine("torch", "torchvision", *(["pystiche"] if PYSTICHE.installed else []))
    print("", f"{ran_on}; {rounds} rounds.", sep="\n")
    if gpu is None:
        print("No CUDA device is here: nothing was measured on one.")
    print(json.dumps({**summary(cells, compared), "cells": cells, "ends": compared, "gpu": gpu, "machine": ran_on}))


if __name__ == "__main__":
    main()
