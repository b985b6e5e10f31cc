"""Photographs drawn by code, in which the colour can be told from texture, place and brightness."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generation.core import photographs
from generation.core.spec import sha256_bytes
from generation.core.train_spec import TrainSpec

SIDE = 32

#: The smallest training there is; tests name what they change.
PARAMS: Mapping[str, Any] = {
    "model": "isola",
    "layers": "5",
    "width": 4,
    "train_size": SIDE,
    "init": "normal",
    "init_gain": 0.02,
    "gan": "vanilla",
    "l1_weight": 100.0,
    "ab_scale": 110.0,
    "learning_rate": 2e-3,
    "beta1": 0.5,
    "beta2": 0.999,
    "batch": 8,
    "epochs": 2,
    "decay": "none",
    "shuffle": True,
    "flip": True,
    "give_up": 0.0,
}


def scene(seed: int, side: int = SIDE) -> np.ndarray:
    """uint8 side x side x 3: a smooth blue sky, grainy green ground, a bright orange disc."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    horizon = draw.uniform(0.35, 0.65)
    light = draw.uniform(0.7, 1.0)
    picture = np.array([90, 150, 250]) * (0.6 + 0.4 * y[..., None])
    grain = draw.uniform(0.5, 1.0, (side, side, 1))
    picture = np.where((y > horizon)[..., None], np.array([60, 170, 40]) * grain, picture)
    disc = (x - draw.uniform(0.2, 0.8)) ** 2 + (y - draw.uniform(0.1, 0.9)) ** 2 < 0.15**2
    picture = np.where(disc[..., None], np.array([255, 190, 60]), picture)
    return (picture * light).clip(0, 255).astype(np.uint8)


def packed(count: int = 19, side: int = SIDE, validation: float = 0.2) -> bytes:
    """A pack of ``count`` drawn photographs."""

    def png(seed: int) -> Callable[[], bytes]:
        def read() -> bytes:
            out = io.BytesIO()
            Image.fromarray(scene(seed, side)).save(out, "PNG")
            return out.getvalue()

        return read

    files = [(f"{seed:03}.png", png(seed)) for seed in range(count)]
    return photographs.pack(files, photographs.PackOptions(side, validation)).data


def training(data: bytes, seed: int = 0, **params: Any) -> TrainSpec:
    """What is trained on ``data``: :data:`PARAMS` with these changes."""
    return TrainSpec("colorization", "colorizer", {**PARAMS, **params}, seed, sha256_bytes(data))


@pytest.fixture(scope="session")
def pack() -> bytes:
    return packed()
