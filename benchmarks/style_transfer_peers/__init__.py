"""The ways to render a grid of style transfers that style_transfer.py measures: ours, pystiche, PyTorch's tutorial.

All minimise the same sum from the same pictures, networks and weights with Adam: VGG19, Gram / (h w) of relu1_1,
relu2_1, ..., relu5_1 with the mean of squared differences and of layers, the mean of squared differences of relu4_2,
from the content picture, pixels unbounded until the end. The network's weights are random (He-normal, seeded): speed
does not depend on their values, and nothing has to be fetched. What costs time once (networks, targets) is made before
the clock runs, for all.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from generation.core import style_objective, style_transfer
from generation.core.images import Image
from generation.core.style import engine, renderer
from generation.core.style.pictures import to_tensor
from generation.core.weights import LAYERS, Weights, file_sha256

from .others import pystiche, tutorial
from .scene import CONTENT_LAYER, CONTENT_WEIGHT, LEARNING_RATE, MEAN, STD, STYLE_LAYERS, Clock, Scene, Way


def our_loss(scene: Scene, content: Tensor, style: Tensor, dtype: str) -> Any:
    """The engine's losses for the sum that all minimise."""
    method = style_transfer.STYLE_TRANSFER.methods["gatys"]
    declared = {
        "backbone": "vgg19", "style_layers": ",".join(STYLE_LAYERS), "content_layers": CONTENT_LAYER,
        "layer_weights": "mean", "statistic": "gram", "style_form": "mean", "content_form": "mean",
    }  # fmt: skip
    found = Weights(
        network="vgg19",
        title="VGG19 of random weights",
        sha256=file_sha256(scene.weights),
        path=scene.weights,
        last_layer=LAYERS["vgg19"][-1],
        training="random",
        source="seeded",
        mean=MEAN,
        std=STD,
    )
    return renderer.style_loss(style_objective.features(method.complete(declared)), found, content, style, dtype)


def ours(dtype: str) -> Way:
    """The engine: all conditions in one batch."""

    def render(scene: Scene, style_weights: Sequence[float], clock: Clock) -> list[Image]:
        steps = clock.steps
        samples = [
            engine.Sample(LEARNING_RATE, weight, CONTENT_WEIGHT, 0.0, "content", 0, (steps,))
            for weight in style_weights
        ]
        settings = engine.Settings(scene.size, steps, 1, "adam", "none", {}, clamp="end", loss_scale="none")
        outcomes = engine.transfer(
            scene.content, scene.style, samples, settings, lambda c, s: our_loss(scene, c, s, dtype), scene.device,
            clock.tick,
        )  # fmt: skip
        return [outcome.images[steps] for outcome in outcomes]

    return render


@dataclass(frozen=True)
class Peer:
    """``batched``: a step moves all images; else one, and the clock is per image already."""

    name: str
    render: Way
    batched: bool = False
    package: str = "torch"

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


OURS = {
    "fp32": Peer("ours, float32", ours("float32"), batched=True),
    "bf16": Peer("ours, bfloat16", ours("bfloat16"), batched=True),
}
PYSTICHE = Peer("pystiche 1.0.1", pystiche, package="pystiche")
TUTORIAL = Peer("tutorial", tutorial(frozen=True))
UNFROZEN = Peer("tutorial, weights not frozen", tutorial(frozen=False))


def totals(scene: Scene, images: Sequence[Image], style_weights: Sequence[float]) -> list[float]:
    """The sum that was minimised, of finished 8-bit images: one function for all, the engine's losses in float32."""
    content, style = scene.tensor(scene.content), scene.tensor(scene.style)
    loss = our_loss(scene, content, style, "float32")
    values = []
    with torch.no_grad():
        for image, weight in zip(images, style_weights, strict=True):
            terms = loss(to_tensor(image, scene.device))
            values.append(float(weight * terms.style + CONTENT_WEIGHT * terms.content))
    return values


def psnr(image: Image, other: Image) -> float:
    """Peak signal-to-noise ratio of two 8-bit images in dB; 99 where they are the same."""
    error = float(np.mean((image.astype(float) - other.astype(float)) ** 2))
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))
