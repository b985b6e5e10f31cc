"""What training and using the smaller networks costs: `python benchmarks/style_networks.py` (no network needed).

Three comparisons with plain loops (style_networks_peers says what those are), all in CPU time of one thread:
a step of a style network (Johnson et al.) with PyTorch's fast_neural_style, a step of a segmenter of defects with a
U-Net under MONAI's DiceFocalLoss, and a picture painted by the style network just trained with a loop that opens,
paints and saves. Every way has its turn within each round of a cell; a cell is the plain way's CPU seconds per picture
over ours, the median of the rounds with its range. Whether it was the same work is seen by the losses of the first
steps from the same weights, and by the pixels of the pictures. The last line is one JSON object.

--quick               float32 alone, fewer and shorter rounds of fewer cells, under three minutes on two free cores
--rounds N            rounds of a cell (5; quick 3)
--photographs FOLDER  JPEG or PNG files to cut the pictures from (fixtures/colour/photographs)
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what is compared is the work on a processor

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import torch
from colorization_peers.pictures import write_photographs
from machine import machine
from style_networks_peers import given
from style_networks_peers.ours import Rendering, painter, segmenter
from style_networks_peers.plain_marking import PlainMarking
from style_networks_peers.plain_style import PlainRendering, PlainStyle, like

PHOTOGRAPHS = Path(__file__).resolve().parent.parent / "fixtures" / "colour" / "photographs"
#: The batch of both recipes.
BATCH = 4
#: Side in px, width.
STYLE_CELLS, QUICK_STYLE_CELLS = [(128, 16), (128, 32), (256, 16), (256, 32)], [(128, 32), (256, 32)]
MARKING_CELLS, QUICK_MARKING_CELLS = [(128, 16), (256, 16), (128, 64), (256, 64)], [(128, 16), (256, 16), (128, 64)]
#: Longest side of the pictures that are painted, in px; how many of them.
SIZES, QUICK_SIZES, PAINTED = [256, 512, 1024], [256], 4
#: CPU seconds of the plain way in a round: it does as many steps as take about so long, and at least one.
SECONDS, QUICK_SECONDS = 6.0, 1.0
#: Steps after which the losses are compared, and the largest relative difference that counts as the same work.
STEPS, QUICK_STEPS = 4, 2
TOLERANCE = {"float32": 0.001, "bfloat16": 0.05}
DTYPES, QUICK_DTYPES = ("float32", "bfloat16"), ("float32",)
#: The largest difference of a value of a pixel that counts as the same picture, of 255.
PIXELS = 1


def style_cell(
    side: int, width: int, files: Sequence[Path], weights: tuple[Path, str], rounds: int, *, quick: bool
) -> tuple[list[dict[str, Any]], Any]:
    """The rows of one cell of style networks, and our float32 training for painting."""
    print(f"style network, {side} px, width {width} ...", file=sys.stderr)
    folder, vgg16 = weights
    params = given.style_params(side, width, BATCH, side)
    pack, style = given.photographs_pack(files, side, BATCH), given.style_picture(side)
    picture = folder / f"style-{side}.png"
    picture.write_bytes(style)
    ways: dict[str, Any] = {
        dtype: painter(params, pack, style, vgg16, dtype) for dtype in (QUICK_DTYPES if quick else DTYPES)
    }
    ways["plain"] = PlainStyle(params, ways["float32"].network, files, picture, folder)
    return measured({"kind": "style", "side": side, "width": width}, ways, rounds, quick=quick), ways["float32"]


def marking_cell(side: int, width: int, folder: Path, rounds: int, *, quick: bool) -> list[dict[str, Any]]:
    """The rows of one cell of segmenters."""
    print(f"segmenter, {side} px, width {width} ...", file=sys.stderr)
    params, drawn = given.marking_params(side, width, BATCH), given.marked(folder, side, BATCH)
    ways: dict[str, Any] = {
        dtype: segmenter(params, drawn.pack, dtype) for dtype in (QUICK_DTYPES if quick else DTYPES)
    }
    ways["plain"] = PlainMarking(params, ways["float32"].network, drawn.files)
    return measured({"kind": "defects", "side": side, "width": width}, ways, rounds, quick=quick)


def measured(cell: Mapping[str, Any], ways: Mapping[str, Any], rounds: int, *, quick: bool) -> list[dict[str, Any]]:
    """The rows of a cell. The steps whose losses are compared are those in which layers choose their kernels."""
    compared = QUICK_STEPS if quick else STEPS
    losses = {name: [way.step() for _ in range(compared - 1)] for name, way in ways.items()}
    last = {name: seconds(way, 1, losses[name]) for name, way in ways.items()}
    steps = max(1, round((QUICK_SECONDS if quick else SECONDS) / last["plain"][0]))
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(seconds(way, steps, []))
    rows = [row(cell, dtype, taken, losses) for dtype in ways if dtype != "plain"]
    print(*table(rows)[2:], sep="\n", file=sys.stderr)
    return rows


def seconds(way: Any, steps: int, losses: list[float]) -> tuple[float, float]:
    """CPU seconds of a step: without what it does behind its change of the network, and with that. Its losses are
    added to ``losses``."""
    began, behind = time.process_time(), 0.0
    for _ in range(steps):
        losses.append(way.step())
        behind += way.behind
    whole = time.process_time() - began
    return (whole - behind) / steps, whole / steps


def row(
    cell: Mapping[str, Any],
    dtype: str,
    taken: Mapping[str, Sequence[tuple[float, float]]],
    losses: Mapping[str, Sequence[float]],
) -> dict[str, Any]:
    plain = [whole for _, whole in taken["plain"]]
    differences = [abs(own / other - 1) for own, other in zip(losses[dtype], losses["plain"], strict=True)]
    return {
        **cell,
        "dtype": dtype,
        **spread("ratio", plain, [step for step, _ in taken[dtype]]),
        **spread("whole", plain, [whole for _, whole in taken[dtype]]),
        "ms_per_picture": ms(step / BATCH for step, _ in taken[dtype]),
        "whole_ms_per_picture": ms(whole / BATCH for _, whole in taken[dtype]),
        "plain_ms_per_picture": ms(step / BATCH for step in plain),
        "loss_difference": [float(f"{one:.2g}") for one in differences],
        "same_work": max(differences) <= TOLERANCE[dtype],
    }


def painting_cell(
    size: int, trained: Any, width: int, files: Sequence[Path], folder: Path, rounds: int
) -> dict[str, Any]:
    """Pictures by the network in ``trained``: a worker's job, the renderer with its PNG, the plain loop."""
    print(f"painting at {size} px, width {width} ...", file=sys.stderr)
    params = given.style_params(STYLE_CELLS[-1][0], width, BATCH, size)
    network, photographs = trained.checkpoint(), files[:PAINTED]
    ways: dict[str, Any] = {
        "job": Rendering(params, network, photographs, folder / f"job-{size}", job=True),
        "renderer": Rendering(params, network, photographs, folder / f"renderer-{size}", job=False),
        "plain": PlainRendering(params, like(trained.network, params), photographs, folder / f"plain-{size}"),
    }
    made = {name: [given.pixels(path) for path in way.render()] for name, way in ways.items()}
    apart = max(
        int(abs(one - other).max())
        for name in ("job", "renderer")
        for one, other in zip(made[name], made["plain"], strict=True)
    )
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            way.render()
            taken[name].append((time.process_time() - began) / PAINTED)
    return {
        "kind": "painting",
        "size": size,
        "width": width,
        **spread("ratio", taken["plain"], taken["job"]),
        **spread("renderer", taken["plain"], taken["renderer"]),
        **{f"{name}_per_second": round(1 / statistics.median(values), 2) for name, values in taken.items()},
        "pixels_apart": apart,
        "same_work": apart <= PIXELS,
    }


def spread(name: str, theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """The median and the range of the ratios of the rounds."""
    ratios = [one / other for one, other in zip(theirs, ours, strict=True)]
    return {
        name: round(statistics.median(ratios), 3),
        f"{name}_least": round(min(ratios), 3),
        f"{name}_most": round(max(ratios), 3),
    }


def ms(values: Iterable[float]) -> float:
    return round(1e3 * statistics.median(values), 2)


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Markdown: a line per cell of a training."""
    lines = [
        "| side, width | ours | plain | plain over ours | with what is behind the step | difference of the losses |",
        "|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {one['side']} px, {one['width']}, {one['dtype']} | {one['ms_per_picture']:.4g} ms "
        f"| {one['plain_ms_per_picture']:.4g} ms | {shown(one, 'ratio')} | {shown(one, 'whole')} "
        f"| {', '.join(f'{difference:.1e}' for difference in one['loss_difference'])} |"
        for one in rows
    ]


def painting_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Markdown: a line per size."""
    lines = [
        "| longest side, width | pictures per CPU second: job, renderer, plain | job over plain | renderer over plain "
        "| largest difference of a pixel |",
        "|---|---|---|---|---|",
    ]
    for one in rows:
        rates = ", ".join(f"{one[f'{name}_per_second']:.3g}" for name in ("job", "renderer", "plain"))
        lines.append(
            f"| {one['size']} px, {one['width']} | {rates} | {shown(one, 'ratio')} | {shown(one, 'renderer')} "
            f"| {one['pixels_apart']} of 255 |"
        )
    return lines


def shown(one: Mapping[str, Any], name: str) -> str:
    return f"{one[name]:.2f} ({one[f'{name}_least']:.2f}-{one[f'{name}_most']:.2f})"


def mean_ratio(rows: Sequence[Mapping[str, Any]], kind: str, dtype: str, name: str = "ratio") -> float | None:
    """The geometric mean over the cells; None where none was measured."""
    found = [one[name] for one in rows if one["kind"] == kind and one.get("dtype", "float32") == dtype]
    return round(statistics.geometric_mean(found), 3) if found else None


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--rounds", type=int)
    options.add_argument("--photographs", type=Path, default=PHOTOGRAPHS)
    asked = options.parse_args()
    quick, rounds = asked.quick, asked.rounds or (3 if asked.quick else 5)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="eyeballot-bench-") as name:
        folder = Path(name)
        os.environ["EYEBALLOT_WEIGHTS"] = name
        weights = folder, given.write_weights(folder)
        files = write_photographs(asked.photographs, folder, max(BATCH + 1, PAINTED))
        for side, width in QUICK_MARKING_CELLS if quick else MARKING_CELLS:
            rows += marking_cell(side, width, folder, rounds, quick=quick)
        trained = None
        for side, width in QUICK_STYLE_CELLS if quick else STYLE_CELLS:
            found, trained = style_cell(side, width, files, weights, rounds, quick=quick)
            rows += found
        for size in QUICK_SIZES if quick else SIZES:
            rows.append(painting_cell(size, trained, width, files, folder, rounds))
    kinds = {kind: [one for one in rows if one["kind"] == kind] for kind in ("style", "defects", "painting")}
    print("CPU time per picture and training step of a style network, plain over ours (range over the rounds):\n")
    print(*table(kinds["style"]), sep="\n")
    print(
        "\nThe same of a segmenter; behind its step it settles its batch norms:\n", *table(kinds["defects"]), sep="\n"
    )
    print("\nPainting:\n", *painting_table(kinds["painting"]), sep="\n")
    ran_on = machine("torch", "torchvision", "monai", "pillow")
    print(f"\n{ran_on}; {rounds} rounds.")
    result: dict[str, Any] = {
        "style_ratio": mean_ratio(rows, "style", "float32"),
        "style_ratio_bfloat16": mean_ratio(rows, "style", "bfloat16"),
        "defects_ratio": mean_ratio(rows, "defects", "float32"),
        "defects_ratio_settled": mean_ratio(rows, "defects", "float32", "whole"),
        "defects_ratio_bfloat16": mean_ratio(rows, "defects", "bfloat16"),
        "painting_ratio": mean_ratio(rows, "painting", "float32"),
        "same_work": all(one["same_work"] for one in rows),
    }
    print(json.dumps({**result, "cells": rows, "machine": ran_on}))


if __name__ == "__main__":
    main()
