"""A task whose scenes have masks: what is dark is marked in red, and the marking is held against the mask. No torch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from generation.core import images, masks, tasks
from generation.core.photo import SIZE
from generation.core.protocols import Picture, Tick
from generation.core.spec import MetricSpec, Params, RenderSpec, ScoreValue

RED = np.array([255, 0, 0], np.uint8)


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], engine: Params, tick: Tick) -> list[Picture]:
    """The picture with red where it is darker than the level."""
    pictures = []
    for spec in specs:
        image = images.decode(sources[spec.content])
        marked = image.mean(axis=2) < float(spec.params["level"])
        pictures.append(Picture("ok", np.where(marked[..., None], RED, image)))
        tick(1)
    return pictures


def truth(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], engine: Params, tick: Tick) -> list[Picture]:
    """The picture with red where the mask says."""
    pictures = []
    for spec in specs:
        image = images.decode(sources[spec.content])
        pictures.append(Picture("ok", np.where(masks.read(sources[spec.mask])[..., None] != 0, RED, image)))
        tick(1)
    return pictures


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """One minus the overlap of what is red and what the mask marks."""
    red, marked = np.all(image == RED, axis=2), masks.read(sources[spec.mask]) != 0
    union = float((red | marked).sum())
    return [ScoreValue.of(m.key, 1 - float((red & marked).sum()) / union if union else 0.0) for m in metrics]


MARKER = tasks.Method(
    "marker",
    "A threshold",
    f"{__name__}:render",
    {"level": tasks.Param("float", 100.0, "Level", "level"), "size": SIZE},
)
TRUTH = tasks.Method("truth", "The true marking", f"{__name__}:truth", {"size": SIZE})

TASK = tasks.Task(
    name="marking",
    label="Marking",
    methods={"marker": MARKER},
    sources=("content", "mask"),
    metrics=lambda params, weights: [MetricSpec("miss", "Miss", reference="ground_truth")],
    measure=f"{__name__}:measure",
    primary_metric="miss",
    question="natural",
    controls={"truth": ("true marking", TRUTH)},
)

TOML = """
[grid]
title = "Marked"
slug = "marked"
task = "marking"
[sources.one]
file = "one.png"
[sources.one-mask]
file = "one-mask.png"
[sources.two]
file = "two.png"
[sources.two-mask]
file = "two-mask.png"
[scenes]
content = ["one", "two"]
mask = ["one-mask", "two-mask"]
[parameters]
size = 64
[[conditions]]
design = "product"
level = [50.0, 100.0]
[controls]
photograph = true
truth = true
"""


@contextmanager
def registered() -> Iterator[None]:
    """The task, for as long as the block lasts."""
    tasks.register(TASK)
    try:
        yield
    finally:
        tasks.unregister(TASK.name)


def picture(seed: int) -> tuple[bytes, bytes]:
    """A light grey texture of 64 x 64 with a dark square, and the mask of the square."""
    draw = np.random.default_rng(seed)
    grey = draw.integers(150, 250, (64, 64)).astype(np.uint8)
    marked = np.zeros((64, 64), bool)
    top, left = draw.integers(4, 40, 2)
    marked[top : top + 16, left : left + 16] = True
    grey[marked] = draw.integers(60, 90, int(marked.sum()))
    return _png(grey), _png(np.where(marked, 255, 0).astype(np.uint8))


def _png(grey: np.ndarray) -> bytes:
    return images.encode_png(np.repeat(grey[:, :, None], 3, axis=2))


def files(folder: Path) -> None:
    """Two scenes with their masks beside a grid file in ``folder``."""
    for seed, name in enumerate(("one", "two")):
        image, mask = picture(seed)
        (folder / f"{name}.png").write_bytes(image)
        (folder / f"{name}-mask.png").write_bytes(mask)
