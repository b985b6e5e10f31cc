"""A task whose networks learn a style: that of the scene, or a folder of them. No torch; a network is a colour.

``one`` learns the mean colour of one style and mixes it into photographs, ``any`` the mean of all styles of a folder.
Both look at their style "through" random-shallow, which is only asked for.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from generation.core import images, photographs, tasks
from generation.core.photo import SIZE
from generation.core.protocols import Picture, Say, Tick
from generation.core.spec import TRAINED, MetricSpec, Params, RenderSpec, ScoreValue
from generation.core.train_spec import TrainResult, TrainSpec

#: A style of this mean colour (to the level) cannot be learnt.
UNLEARNABLE: list[tuple[int, int, int]] = []
trained: list[TrainSpec] = []


def colour(picture: np.ndarray) -> list[float]:
    return [float(mean) for mean in picture.reshape(-1, 3).mean(axis=0)]


def train(
    spec: TrainSpec, data: Mapping[str, bytes], save_at: Sequence[int], engine: Params, say: Say, scratch: Path | None
) -> TrainResult:
    """A checkpoint says the colour it learnt, and from how many photographs."""
    trained.append(spec)
    pictures = photographs.read(data[spec.data]).train
    if spec.method == "any":
        learnt = colour(photographs.read(data[spec.style]).train)
    else:
        learnt = colour(images.decode(data[spec.style]))
    if tuple(round(level) for level in learnt) in UNLEARNABLE:
        raise ValueError("This style cannot be learnt.")
    say(1, 1, "epoch 1 of 1")
    network = json.dumps({"colour": learnt, "photographs": len(pictures)}).encode()
    losses = {"loss": 2.5, "val_loss": 3.5, "detail": 0.5, "val_detail": 0.25}
    curve = {name: np.array([value]) for name, value in losses.items()}
    return TrainResult("ok", {1: network}, curve, 1, "all epochs", {**losses, "nothing_val": 9.0})


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], engine: Params, tick: Tick) -> list[Picture]:
    """The photograph and the network's colour, half and half."""
    pictures = []
    for spec in specs:
        network = json.loads(sources[spec.weights[TRAINED]])
        photograph = images.resize_longest(images.decode(sources[spec.content]), int(spec.params["size"]))
        pictures.append(Picture("ok", (photograph * 0.5 + np.array(network["colour"]) * 0.5).astype(np.uint8)))
        tick(1)
    return pictures


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """How far the mean of the picture is from the style's."""
    style = np.array(colour(images.decode(sources[spec.style or ""])))
    return [ScoreValue.of(m.key, float(np.abs(np.array(colour(image)) - style).mean())) for m in metrics]


def seconds(trainings: Sequence[tuple[Params, float]], engine: Params) -> list[float]:
    """A minute each."""
    return [60.0] * len(trainings)


PARAMS = {
    "backbone": tasks.Param("choice", "random-shallow", "Network", "network", choices=("random-shallow", "vgg16")),
    "gain": tasks.Param("float", 1.0, "Gain", "gain"),
    "side": tasks.Param("int", 32, "Side", "side"),
    "size": SIZE,
}


def method(name: str, style: Callable[[Params], str]) -> tasks.Method:
    return tasks.Method(
        name,
        name.title(),
        f"{__name__}:render",
        PARAMS,
        trainer=tasks.Trainer(
            train=f"{__name__}:train",
            params=lambda p: {k: p[k] for k in ("backbone", "gain", "side")},
            side=lambda p: int(p["side"]),
            epoch=lambda p: 1,
            seconds=f"{__name__}:seconds",
            style=style,
            networks=lambda p: {str(p["backbone"]): ("level1" if p["backbone"] == "random-shallow" else "relu1_1",)},
            grey=True,
        ),
    )


TASK = tasks.Task(
    name="repainting",
    label="Repainting",
    methods={"one": method("one", lambda p: "scene"), "any": method("any", lambda p: "folder")},
    sources=("content", "style"),
    metrics=lambda params, weights: [MetricSpec("apart", "Apart")],
    measure=f"{__name__}:measure",
    primary_metric="apart",
    question="natural",
)

TOML = """
[grid]
title = "Repainted"
slug = "repainted"
task = "repainting"
[sources.one]
file = "one.png"
[sources.two]
file = "two.png"
[sources.waves]
file = "styles/waves.png"
[sources.fire]
file = "styles/fire.png"
[scenes]
content = ["one", "two"]
style = ["waves", "fire"]
[data]
folder = "photographs"
crops = 8
[parameters]
size = 64
[[conditions]]
design = "product"
gain = [1.0]
"""
ANY = TOML.replace('task = "repainting"', 'task = "repainting"\nmethod = "any"').replace(
    "[parameters]", '[styles]\nfolder = "styles"\ncrops = 6\n[parameters]'
)


@contextmanager
def registered() -> Iterator[None]:
    """The task, for as long as the block lasts."""
    trained.clear()
    UNLEARNABLE.clear()
    tasks.register(TASK)
    try:
        yield
    finally:
        tasks.unregister(TASK.name)


def files(folder: Path) -> None:
    """Scenes, photographs and styles beside a grid file in ``folder``: two styles of scenes among six."""
    draw = np.random.default_rng(4)

    def picture(tint: Sequence[int] = (0, 0, 0)) -> bytes:
        coarse = draw.integers(0, 150, (6, 6, 3)) + np.array(tint)
        return images.encode_png(np.kron(coarse.astype(np.uint8), np.ones((32, 32, 1), dtype=np.uint8)))

    for name in ("photographs", "styles"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("one", "two"):
        (folder / f"{name}.png").write_bytes(picture())
    for number in range(3):
        (folder / "photographs" / f"{number}.png").write_bytes(picture())
    tints = {"waves": (0, 0, 100), "fire": (100, 0, 0), "a": (50, 50, 0), "b": (0, 90, 0), "c": (20, 20, 20)}
    for name, tint in tints.items():
        (folder / "styles" / f"{name}.png").write_bytes(picture(tint))
    (folder / "styles" / "etching.png").write_bytes(images.encode_png(images.grey(images.decode(picture()))))
