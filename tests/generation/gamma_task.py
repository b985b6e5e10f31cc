"""A task of its own: photographs under a gamma. No torch; registered by tests without touching other rooms."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from generation.core import images, tasks
from generation.core.photo import COMMON_METHODS, SIZE
from generation.core.protocols import Picture, Tick
from generation.core.spec import MetricSpec, Params, RenderSpec, ScoreValue

FAIL, DIVERGE = 9.0, 8.0  # gammas that go wrong on purpose
calls: list[float] = []


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], engine: Params, tick: Tick) -> list[Picture]:
    """The photograph to the power of gamma."""
    pictures = []
    for spec in specs:
        gamma = float(spec.params["gamma"])
        calls.append(gamma)
        photograph = images.resize_longest(images.decode(sources[spec.content]), int(spec.params["size"]))
        if gamma == FAIL:
            pictures.append(Picture("failed", None, reason="The gamma 9 always fails here."))
            continue
        image = np.rint(255 * (photograph / 255.0) ** gamma).astype(np.uint8)
        status = "nan" if gamma == DIVERGE else "ok"
        pictures.append(Picture(status, image, curve={"gamma": np.array([gamma])}, steps=1, final_step_reason="done"))
        tick(1)
    return pictures


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """Distance of the mean brightness from the target in the metric's config; a NaN when asked for."""
    values = {
        "brightness_error": lambda m: abs(float(image.mean()) - float(m.config["target"])),
        "broken": lambda m: float("nan"),
        "absent": lambda m: None,
    }
    return [
        ScoreValue(m.key, None, "unavailable", "The file of this metric is missing.")
        if (value := values[m.key](m)) is None
        else ScoreValue.of(m.key, value)
        for m in metrics
    ]


PARAMS = {
    "gamma": tasks.Param("float", 1.0, "Gamma", "gamma", minimum=0.1, maximum=10, scale="log"),
    "target": tasks.Param("float", 128.0, "Wanted brightness", "target"),
    "size": SIZE,
}


def metrics(params: Params, weights: Mapping[str, str]) -> list[MetricSpec]:
    """One objective, one metric that is never a number, one that is not there."""
    return [
        MetricSpec("brightness_error", "Brightness error", role="objective", config={"target": params["target"]}),
        MetricSpec("broken", "A broken metric"),
        MetricSpec("absent", "A metric whose file is missing"),
    ]


TASK = tasks.Task(
    name="gamma",
    label="Gamma",
    methods={
        "gamma": tasks.Method("gamma", "Gamma", "tests.generation.gamma_task:render", PARAMS),
        **COMMON_METHODS,
    },
    sources=("content",),
    metrics=metrics,
    measure="tests.generation.gamma_task:measure",
    primary_metric="brightness_error",
    question="natural",
)


@contextmanager
def registered() -> Iterator[None]:
    """The task for the length of a test."""
    calls.clear()
    tasks.register(TASK)
    try:
        yield
    finally:
        tasks.unregister("gamma")


def picture(seed: int = 0, size: tuple[int, int] = (64, 96)) -> bytes:
    """A small PNG with smooth colours, different for each seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    return images.encode_png(images.resize_to(coarse, *size))


TOML = """
[grid]
title = "Gamma and naturalness"
slug = "gamma"
task = "gamma"

[sources.one]
file = "one.png"
title = "First"
[sources.two]
file = "two.png"
title = "Second"

[scenes]
content = ["one", "two"]

[parameters]
size = 64

[[conditions]]
design = "product"
gamma = [0.5, 1.0, 2.0]

[controls]
photograph = true
"""

FILES = {"one.png": picture(1), "two.png": picture(2)}


def read(file: str) -> bytes:
    """The files of TOML."""
    try:
        return FILES[file]
    except KeyError:
        raise FileNotFoundError(2, "No such file or directory", file) from None
