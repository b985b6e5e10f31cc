"""A task whose scenes have masks: what is dark is marked in red, and the marking is held against the mask. No torch.

``marker`` is told the level below which it is dark, ``learner`` learns it from photographs with masks.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from generation.core import images, masks, photographs, tasks
from generation.core.photo import SIZE
from generation.core.protocols import Picture, Say, Tick
from generation.core.spec import TRAINED, MetricSpec, Params, RenderSpec, ScoreValue
from generation.core.train_spec import TrainResult, TrainSpec

RED = np.array([255, 0, 0], np.uint8)


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], engine: Params, tick: Tick) -> list[Picture]:
    """The picture with red where it is darker than the level."""
    pictures = []
    for spec in specs:
        image = images.decode(sources[spec.content])
        learnt = json.loads(sources[spec.weights[TRAINED]])["level"] if spec.training else spec.params["level"]
        marked = image.mean(axis=2) < float(learnt)
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


def train(
    spec: TrainSpec, data: Mapping[str, bytes], save_at: Sequence[int], engine: Params, say: Say, scratch: Path | None
) -> TrainResult:
    """A checkpoint says the level half way between what is marked and what is not, times a parameter."""
    pack = photographs.read(data[spec.data])
    if pack.train_masks is None or pack.validation_masks is None:
        raise ValueError("The photographs have no masks.")
    grey = pack.train.mean(axis=3)
    level = (grey[pack.train_masks == 1].mean() + grey[pack.train_masks == 0].mean()) / 2 * float(spec.params["off"])
    network = json.dumps({"level": float(level)}).encode()
    right = float(((pack.validation.mean(axis=3) < level) == pack.validation_masks).mean())
    return TrainResult("ok", {1: network}, {"wrong": np.array([1 - right])}, 1, "all epochs", {"wrong": 1 - right})


def seconds(trainings: Sequence[tuple[Params, float]], engine: Params) -> list[float]:
    """A second for each picture."""
    return [pictures for _, pictures in trainings]


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
LEARNER = tasks.Method(
    "learner",
    "A learnt threshold",
    f"{__name__}:render",
    {"off": tasks.Param("float", 1.0, "Off", "off"), "size": SIZE},
    trainer=tasks.Trainer(
        train=f"{__name__}:train",
        params=lambda p: {"off": p["off"]},
        side=lambda p: 32,
        epoch=lambda p: 1,
        seconds=f"{__name__}:seconds",
        masks=True,
        grey=True,
    ),
)
TRUTH = tasks.Method("truth", "The true marking", f"{__name__}:truth", {"size": SIZE})

TASK = tasks.Task(
    name="marking",
    label="Marking",
    methods={"marker": MARKER, "learner": LEARNER},
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

LEARNT = (
    TOML.replace('task = "marking"', 'task = "marking"\nmethod = "learner"')
    .replace("level = [50.0, 100.0]", "off = [1.0, 0.1]")
    .replace("[parameters]", '[data]\nfolder = "felt"\nmasks = "felt/masks"\n[parameters]')
)


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


def files(folder: Path, photographs: int = 14) -> None:
    """Two scenes with their masks beside a grid file in ``folder``, and pictures to train on with theirs."""
    (folder / "felt" / "masks").mkdir(parents=True, exist_ok=True)
    for number in range(photographs):
        image, mask = picture(100 + number)
        (folder / "felt" / f"{number:02}.png").write_bytes(image)
        (folder / "felt" / "masks" / f"{number:02}.png").write_bytes(mask)
    for seed, name in enumerate(("one", "two")):
        image, mask = picture(seed)
        (folder / f"{name}.png").write_bytes(image)
        (folder / f"{name}-mask.png").write_bytes(mask)
