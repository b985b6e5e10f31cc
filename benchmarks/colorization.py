"""What training a colouriser costs: `python benchmarks/colorization.py` (half an hour on two cores, no network).

Our training against the tutorial's way (colorization_peers says what that is): same networks, first weights, pictures,
losses and Adam. Both have their turn within each round of a cell (network x side x width); a cell is the tutorial's CPU
seconds per picture over ours, from the stored picture to the running means of the losses, the median of the rounds
with its range. One thread. Whether it was the same work is seen by the losses of the first steps without flips.
With a CUDA device the same is done there by wall time. The last line is one JSON object: `cpu_ratio` (ours in
bfloat16), `cpu_ratio_float32` and `gpu_ratio` are geometric means over the cells (on the GPU those of 128 px).

--quick               shorter rounds, under eight minutes on two free cores
--rounds N            rounds of a cell (5; quick 3)
--photographs FOLDER  JPEG or PNG files to cut the pictures from (fixtures/colour/photographs)
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import gc
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
from colorization_peers import Ours, Tutorial, params, write_photographs
from machine import machine

from generation.core.colorization import build

PHOTOGRAPHS = Path(__file__).resolve().parent.parent / "fixtures" / "colour" / "photographs"
#: Network, side in px, width.
CELLS = [(model, side, width) for width in (16, 64) for side in (64, 128) for model in ("isola", "zhang")]
GPU_SIDES = (64, 128, 256)
NAMES = {"isola": "U-Net 8", "zhang": "Zhang skip567"}
#: The tutorial's.
BATCH = 16
#: JPEG files; an epoch on the processor is four batches.
FILES, GPU_FILES = 4 * BATCH, 64 * BATCH
#: Steps of a round: as many as take about so many CPU seconds.
SECONDS, QUICK_SECONDS = 4.0, 1.5
#: Steps after which the losses are compared, and the largest relative difference that counts as the same work.
STEPS, QUICK_STEPS = 4, 2
TOLERANCE = {"float32": 0.005, "bfloat16": 0.05}
DTYPES = ("float32", "bfloat16")
GPU_WARM, GPU_STEPS = 10, 40


def cell(model: str, side: int, width: int, files: Sequence[Path], rounds: int, *, quick: bool) -> list[dict[str, Any]]:
    """Both dtypes of one cell in CPU time."""
    print(f"{NAMES[model]}, {side} px, width {width} ...", file=sys.stderr)
    given, cpu = params(model, width, side, BATCH), torch.device("cpu")
    differences = compared(given, files, cpu, QUICK_STEPS if quick else STEPS)
    ways: dict[str, Any] = {dtype: Ours(given, files, cpu, dtype, flip=True) for dtype in DTYPES}
    ways["tutorial"] = Tutorial(given, files, cpu, flip=True)
    for way in ways.values():
        way.step()  # layers choose their kernels, Adam makes its moments
    steps = max(1, round((QUICK_SECONDS if quick else SECONDS) / seconds(ways["tutorial"], 1)))
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(seconds(way, steps) / BATCH)
    found = [row(model, side, width, dtype, taken["tutorial"], taken[dtype], differences[dtype]) for dtype in DTYPES]
    print(*table(found)[2:], sep="\n", file=sys.stderr)
    return found


def row(
    model: str, side: int, width: int, dtype: str, theirs: Sequence[float], ours: Sequence[float], difference: float
) -> dict[str, Any]:
    ratios = [one / other for one, other in zip(theirs, ours, strict=True)]
    return {
        "model": model,
        "side": side,
        "width": width,
        "dtype": dtype,
        "ratio": round(statistics.median(ratios), 3),
        "least": round(min(ratios), 3),
        "most": round(max(ratios), 3),
        "ms_per_picture": round(1e3 * statistics.median(ours), 2),
        "tutorial_ms_per_picture": round(1e3 * statistics.median(theirs), 2),
        "loss_difference": round(difference, 6),
        "same_work": difference <= TOLERANCE[dtype],
    }


def seconds(way: Any, steps: int) -> float:
    """CPU seconds of a step."""
    began = time.process_time()
    for _ in range(steps):
        way.step()
    return (time.process_time() - began) / steps


def compared(given: Any, files: Sequence[Path], device: torch.device, steps: int) -> dict[str, float]:
    """The largest relative difference of a mean loss (of the generator's two and the discriminator's) over the
    first steps, from the same weights, pictures and dropout, by dtype."""
    losses: dict[str, dict[str, float]] = {}
    for name in ("tutorial", *DTYPES):
        way: Any = (
            Tutorial(given, files, device, flip=False)
            if name == "tutorial"
            else Ours(given, files, device, name, flip=False)
        )
        torch.manual_seed(0)
        for _ in range(steps):
            way.step()
        losses[name] = way.losses()
    held = losses["tutorial"]
    return {dtype: max(abs(losses[dtype][key] / held[key] - 1) for key in ("g_gan", "g_l1", "d")) for dtype in DTYPES}


def on_gpu(files: Sequence[Path], rounds: int) -> dict[str, Any]:
    """Wall time of a CUDA device: ours in bfloat16, captured as a graph, against the tutorial's float32 with four
    loading processes. Dropout draws other numbers there, so losses are not compared."""
    device, rows = torch.device("cuda"), []
    for side in GPU_SIDES:
        for model in NAMES:
            print(f"{NAMES[model]}, {side} px, width 64, GPU ...", file=sys.stderr)
            given = params(model, 64, side, BATCH)
            ours = Ours(given, files, device, "bfloat16", flip=True)
            theirs = Tutorial(given, files, device, flip=True)
            for way in (ours, theirs):
                wall(way, GPU_WARM)
            taken = [(wall(theirs, GPU_STEPS) / BATCH, wall(ours, GPU_STEPS) / BATCH) for _ in range(rounds)]
            made = row(model, side, 64, "bfloat16", *zip(*taken, strict=True), difference=0.0)  # type: ignore[misc]
            del made["loss_difference"], made["same_work"]
            flop = build.flops(given)
            rows.append({**made, "tflops": round(flop / made["ms_per_picture"] / 1e9, 1), "graph": ours.graph})
            del ours, theirs
            gc.collect()
            torch.cuda.empty_cache()
    return {"device": torch.cuda.get_device_name(), "cells": rows}


def wall(way: Any, steps: int) -> float:
    """Wall seconds of a step."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(steps):
        way.step()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / steps


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown: a line per cell."""
    lines = [
        "| network, side, width | ours | the tutorial's | ratio | difference of the losses |",
        "|---|---|---|---|---|",
    ]
    for one in rows:
        same = f"{one['loss_difference']:.2%}" if "loss_difference" in one else ""
        lines.append(
            f"| {NAMES[one['model']]}, {one['side']} px, {one['width']}, {one['dtype']} "
            f"| {one['ms_per_picture']:.3g} ms | {one['tutorial_ms_per_picture']:.3g} ms "
            f"| {one['ratio']:.2f} ({one['least']:.2f}-{one['most']:.2f}) | {same} |"
        )
    return lines


def mean_ratio(rows: Sequence[dict[str, Any]], dtype: str) -> float:
    return round(statistics.geometric_mean(one["ratio"] for one in rows if one["dtype"] == dtype), 3)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--rounds", type=int)
    options.add_argument("--photographs", type=Path, default=PHOTOGRAPHS)
    given = options.parse_args()
    rounds = given.rounds or (3 if given.quick else 5)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    gpu_here = torch.cuda.is_available()
    with tempfile.TemporaryDirectory(prefix="eyeballot-bench-") as folder:
        files = write_photographs(given.photographs, Path(folder), GPU_FILES if gpu_here else FILES)
        rows: list[dict[str, Any]] = []
        for model, side, width in CELLS:
            rows += cell(model, side, width, files[:FILES], rounds, quick=given.quick)
            gc.collect()
        gpu = on_gpu(files, rounds) if gpu_here else None
    print("CPU time per picture and training step, and the tutorial's over ours (range over the rounds):\n")
    print(*table(rows), sep="\n")
    if gpu is None:
        print("\nNo CUDA device is here: nothing was measured on one.")
    else:
        print("\nWall time on the GPU:\n", *table(gpu["cells"]), sep="\n")
    ran_on = machine("torch", "torchvision", "scikit-image", "pillow")
    print(f"\n{ran_on}; {rounds} rounds.")
    result = {
        "cpu_ratio": mean_ratio(rows, "bfloat16"),
        "cpu_ratio_float32": mean_ratio(rows, "float32"),
        "same_work": all(one["same_work"] for one in rows),
        "gpu_ratio": mean_ratio([c for c in gpu["cells"] if c["side"] == 128], "bfloat16") if gpu else None,
    }
    print(json.dumps({**result, "cells": rows, "gpu": gpu, "machine": ran_on}))


if __name__ == "__main__":
    main()
