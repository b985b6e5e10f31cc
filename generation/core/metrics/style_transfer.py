"""The numbers about one stored image of the task ``style_transfer``, taken on its decoded pixels in float32.

The losses are measured here; what can be said of any picture is in the catalogue. One image at a time on the
processor: a score depends on the picture, its sources, the weights and the metric's config, never on the batch that
made it or on who else is measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from generation.core import images, weights
from generation.core.feedforward.renderer import painting
from generation.core.metrics import Unavailable, pictures
from generation.core.spec import TRAINED, MetricSpec, RenderSpec, ScoreValue, canonical_json
from generation.core.style.losses import StyleLoss
from generation.core.style.pictures import longest, scaled, to_tensor
from generation.core.style.renderer import style_loss
from generation.core.style_objective import features, network_name
from generation.core.style_transfer import OF_RUN

_CPU = torch.device("cpu")
_TERMS = ("style", "content", "tv")
_WEIGHTS = tuple(f"{name}_weight" for name in _TERMS)


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """Signature of ``core.protocols.Measure``. A number that cannot be had is a status and a sentence, no guess."""
    return [pictures.score(_LOSSES.get(m.key, pictures.take), m, image, spec, sources) for m in metrics]


def _term(metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    name = metric.key.removesuffix("_loss")
    return _raw(metric.config, metric.weights_sha256, image, spec, sources)[name]


def _total(metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    # The same three raw numbers as the parts of the objective, whose config has no weights.
    config = {name: value for name, value in metric.config.items() if name not in _WEIGHTS}
    return _weighted(_raw(config, metric.weights_sha256, image, spec, sources), metric.config)


def _own(_metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    if "style_weight" not in spec.params:
        raise Unavailable("This picture was not made by minimising a loss; it has no objective of its own.")
    sha256 = spec.weights.get(network_name(spec.params), "")
    return _weighted(_raw(features(spec.params), sha256, image, spec, sources), spec.params)


def _of_run(metric: MetricSpec, _image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    if TRAINED not in spec.weights and spec.training:
        raise Unavailable("The network that made this picture is not here: its grid was read from a pack.")
    if TRAINED not in spec.weights:
        raise Unavailable("This picture was not made by a trained network; there is no run whose loss it could have.")
    losses = painting(spec, sources).said.losses
    name = metric.key.removeprefix("train_")
    if name not in losses:
        raise Unavailable(f"The training left no finite number for {metric.label or metric.key}.")
    return losses[name]


_LOSSES: Mapping[str, pictures.Take] = {
    "style_loss": _term,
    "content_loss": _term,
    "total_loss": _total,
    "own_loss": _own,
    **dict.fromkeys(OF_RUN, _of_run),
}


def _weighted(raw: Mapping[str, float], weighted_by: Mapping[str, Any]) -> float:
    return sum(float(weighted_by[f"{name}_weight"]) * raw[name] for name in _TERMS)


def _raw(
    config: Mapping[str, Any], sha256: str, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]
) -> dict[str, float]:
    """Raw style, content and tv of the image under a config (``style_transfer.features``), at the image's own size."""
    if spec.style is None:
        raise Unavailable("The scene has no style picture to measure against.")
    layers = [*config["style_layers"], *config["content_layers"]]
    found = pictures.verified(network_name(config), sha256, layers)
    height, width = image.shape[:2]
    scene = sources[spec.content], sources[spec.style]
    return dict(_terms(found, canonical_json(config), *scene, image.tobytes(), height, width))


@lru_cache(maxsize=8)
def _terms(
    found: weights.Weights, config: str, content: bytes, style: bytes, pixels: bytes, height: int, width: int
) -> tuple[tuple[str, float], ...]:
    # Four metrics ask for the same three numbers of the same picture: computed once.
    image = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    with torch.no_grad():
        terms = _loss(found, config, content, style, height, width)(to_tensor(image, _CPU))
    return tuple((name, float(getattr(terms, name)[0])) for name in _TERMS)


@lru_cache(maxsize=2)
def _loss(found: weights.Weights, config: str, content: bytes, style: bytes, height: int, width: int) -> StyleLoss:
    # The images of a job mostly share their scene; its targets cost as much as two measurements.
    declared = json.loads(config)
    how = str(declared.get("resize", "lanczos"))
    photograph = images.decode(content, "the content picture")
    painting = images.decode(style, "the style picture")
    shape = longest(painting, max(height, width))
    return style_loss(
        declared, found, scaled(photograph, (height, width), how, _CPU), scaled(painting, shape, how, _CPU)
    )
