"""A task whose pictures are made by a trained "network": a tint that grows by the epoch. No torch; its trainer counts.

The real colouriser is tested in tests/generation/core/colorization; here the queue around a trainer is.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from generation.core import images, tasks
from generation.core.photo import SIZE
from generation.core.protocols import Picture, Say, Tick
from generation.core.spec import TRAINED, MetricSpec, Params, RenderSpec, ScoreValue
from generation.core.train_spec import TrainResult, TrainSpec

FAIL, DIVERGE, GIVE_UP, DIVERGE_AT_ONCE = 9.0, 8.0, 7.0, 6.0  # tints that go wrong on purpose
#: What another machine adds to the network.
EXTRA = 0
trained: list[tuple[float, int]] = []
before_saying: list[Callable[[], None]] = []


def train(
    spec: TrainSpec,
    data: Mapping[str, bytes],
    save_at: Sequence[int],
    engine: Params,
    say: Say,
    scratch: Path | None,
) -> TrainResult:
    """A checkpoint says the tint after its epoch."""
    tint, epochs = float(spec.params["tint"]), int(spec.params["epochs"])
    trained.append((tint, spec.seed))
    if tint == FAIL:
        raise ValueError("The tint 9 cannot be trained.")
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / f"{spec.digest}.state").write_text("half-way")
    reached = {DIVERGE: 2, GIVE_UP: 2, DIVERGE_AT_ONCE: 0}.get(tint, epochs)
    kept = {
        e: json.dumps({"tint": tint, "epoch": e, "extra": EXTRA}).encode()
        for e in {*save_at, reached}
        if 0 < e <= reached
    }
    for change in before_saying:
        change()
    say(reached, epochs, f"epoch {reached} of {epochs}")
    curve = {"g": np.arange(reached, dtype=float)}
    losses = {"g": float(reached), "photographs": float(len(data[spec.data]))}
    if tint in (DIVERGE, DIVERGE_AT_ONCE):
        reason = f"It ran away in epoch {reached + 1}."
        return TrainResult("nan", kept, curve, reached, "diverged", losses, reason=reason)
    if tint == GIVE_UP:
        return TrainResult("ok", kept, curve, reached, "given up", losses, reason="Given up after epoch 2.")
    return TrainResult("ok", kept, curve, reached, "all epochs", losses)


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], engine: Params, tick: Tick) -> list[Picture]:
    """The photograph with the network's tint times its epoch added to red."""
    pictures = []
    for spec in specs:
        network = json.loads(sources[spec.weights[TRAINED]])
        photograph = images.resize_longest(images.decode(sources[spec.content]), int(spec.params["size"]))
        image = photograph.astype(int)
        image[..., 0] += int(network["tint"] * network["epoch"] * float(spec.params["gain"]))
        pictures.append(Picture("ok", np.clip(image, 0, 255).astype(np.uint8)))
        tick(1)
    return pictures


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """The epoch of the network, which only one who was given the network can say."""
    if TRAINED not in spec.weights:
        return [ScoreValue(m.key, None, "unavailable", "No network made this picture.") for m in metrics]
    epoch = json.loads(sources[spec.weights[TRAINED]])["epoch"]
    return [ScoreValue.of(m.key, epoch) for m in metrics]


def seconds(trainings: Sequence[tuple[Params, float]], engine: Params) -> list[float]:
    """A minute each."""
    return [60.0] * len(trainings)


PARAMS = {
    "tint": tasks.Param("float", 1.0, "Tint", "tint"),
    "epochs": tasks.Param("int", 4, "Epochs", "epochs", minimum=1),
    "at_epoch": tasks.Param("int", 0, "Epoch", "epoch", minimum=0),
    "gain": tasks.Param("float", 1.0, "Gain", "gain"),
    "model": tasks.Param("choice", "a", "Model", "model", choices=("a", "b")),
    "size": SIZE,
}

METHOD = tasks.Method(
    "painter",
    "A painter",
    f"{__name__}:render",
    PARAMS,
    trainer=tasks.Trainer(
        train=f"{__name__}:train",
        params=lambda p: {k: p[k] for k in ("tint", "epochs", "model")},
        side=lambda p: 32,
        epoch=lambda p: int(p["at_epoch"]),
        seconds=f"{__name__}:seconds",
        loss="g",
    ),
)

TASK = tasks.Task(
    name="painting",
    label="Painting",
    methods={"painter": METHOD},
    sources=("content",),
    metrics=lambda params, weights: [MetricSpec("epoch", "Epoch")],
    measure=f"{__name__}:measure",
    primary_metric="epoch",
    question="natural",
)

TOML = """
[grid]
title = "Painted"
slug = "painted"
task = "painting"
[sources.photo]
file = "scene.png"
[scenes]
content = ["photo"]
[data]
folder = "photographs"
crops = 8
[parameters]
size = 64
[[conditions]]
design = "product"
tint = [1.0, 20.0]
"""


@contextmanager
def registered() -> Iterator[None]:
    """The task, for as long as the block lasts."""
    trained.clear()
    before_saying.clear()
    tasks.register(TASK)
    try:
        yield
    finally:
        tasks.unregister(TASK.name)


def files(folder: Path, photographs: int = 3) -> None:
    """A scene and a folder of photographs beside a grid file in ``folder``."""
    (folder / "photographs").mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(1)

    def picture() -> bytes:
        coarse = draw.integers(0, 255, (6, 6, 3), dtype=np.uint8)
        return images.encode_png(np.kron(coarse, np.ones((32, 32, 1), dtype=np.uint8)))

    (folder / "scene.png").write_bytes(picture())
    for number in range(photographs):
        (folder / "photographs" / f"{number}.png").write_bytes(picture())
