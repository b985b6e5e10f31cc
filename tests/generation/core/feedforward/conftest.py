"""Photographs and styles drawn by code, small enough that a network is trained on them in a second."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generation.core import photographs, weights
from generation.core.feedforward.task import ARBITRARY, FEEDFORWARD
from generation.core.spec import sha256_bytes
from generation.core.train_spec import TrainSpec
from generation.core.weights import RANDOM_SHALLOW

SIDE = 32
METHODS = {method.name: method for method in (FEEDFORWARD, ARBITRARY)}

#: The smallest training there is; tests name what they change.
TINY: Mapping[str, Any] = {
    "backbone": RANDOM_SHALLOW,
    "style_layers": "level1,level2",
    "content_layers": "level2",
    "content_form": "mean",
    "tv_form": "l2",
    "width": 4,
    "blocks": 1,
    "train_size": SIDE,
    "learning_rate": 3e-3,
    "batch": 4,
    "epochs": 2,
    "size": 64,
}


def drawn(seed: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """uint8 height x width x 3: a disc on a slope of two colours, with grain."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    colours = draw.uniform(30, 225, (3, 3))
    picture = colours[0] * (1 - y[..., None]) + colours[1] * y[..., None]
    disc = (x - draw.uniform(0.2, 0.8)) ** 2 + (y - draw.uniform(0.2, 0.8)) ** 2 < 0.2**2
    picture = np.where(disc[..., None], colours[2], picture) * draw.uniform(0.8, 1.0, (height, width, 1))
    return picture.clip(0, 255).astype(np.uint8)


def striped(seed: int, height: int = 48, width: int = 48) -> np.ndarray:
    """uint8 height x width x 3: stripes of two colours, a style."""
    draw = np.random.default_rng(1000 + seed)
    y, x = np.mgrid[:height, :width]
    wave = np.sin((x * draw.uniform(-1, 1) + y * draw.uniform(-1, 1)) * 1.5)[..., None] > 0
    low, high = draw.uniform(0, 255, 3), draw.uniform(0, 255, 3)
    stripes: np.ndarray = np.where(wave, high, low).astype(np.uint8)
    return stripes


def png(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def packed(draw: Callable[[int], np.ndarray] = drawn, count: int = 14, side: int = SIDE) -> bytes:
    """A pack of ``count`` drawn pictures."""

    def read(seed: int) -> Callable[[], bytes]:
        return lambda: png(draw(seed))

    options = photographs.PackOptions(side, 0.2)
    return photographs.pack([(f"{seed:03}.png", read(seed)) for seed in range(count)], options).data


@dataclass(frozen=True)
class Given:
    """What is trained, and what it is given."""

    spec: TrainSpec
    data: Mapping[str, bytes]
    params: Mapping[str, Any]

    def with_seed(self, seed: int) -> "Given":
        return replace(self, spec=replace(self.spec, seed=seed))


@lru_cache
def _packs(pictures: int, styles: int) -> tuple[bytes, bytes]:
    return packed(count=pictures), packed(lambda seed: striped(seed, SIDE, SIDE), styles)


def given(method: str = "feedforward", drawn_on: tuple[int, int] = (14, 12), **changed: Any) -> Given:
    """A training of ``method``: :data:`TINY` with these changes, on so many drawn photographs and styles."""
    photographs_pack, styles_pack = _packs(*drawn_on)
    style = png(striped(0)) if method == "feedforward" else styles_pack
    params = METHODS[method].complete({**TINY, **changed})
    trainer = METHODS[method].trainer
    assert trainer is not None
    spec = TrainSpec(
        "style_transfer",
        method,
        trainer.params(params),
        0,
        sha256_bytes(photographs_pack),
        style=sha256_bytes(style),
        weights={RANDOM_SHALLOW: weights.find(RANDOM_SHALLOW).sha256},
    )
    return Given(spec, {sha256_bytes(photographs_pack): photographs_pack, sha256_bytes(style): style}, params)


@pytest.fixture(params=["feedforward", "arbitrary"])
def method(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
