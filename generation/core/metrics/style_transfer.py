"""The numbers about one stored image of the task ``style_transfer``, taken on its decoded pixels in float32.

One image at a time on the processor: a score depends on the picture, its sources, the weights and the metric's config,
never on the batch that made it or on who else is measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from generation.core import images, weights
from generation.core.metrics.lpips import Lpips
from generation.core.spec import MetricSpec, RenderSpec, ScoreValue, canonical_json
from generation.core.style.engine import to_tensor
from generation.core.style.losses import StyleLoss
from generation.core.style.renderer import style_loss
from generation.core.style_transfer import features

_CPU = torch.device("cpu")
_TERMS = ("style", "content", "tv")


class Unavailable(Exception):  # noqa: N818  (a reason, not a fault)
    """The number cannot be had here; the text says why."""


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """Signature of ``core.protocols.Measure``. A number that cannot be had is a status and a sentence, no guess."""
    return [_score(metric, image, spec, sources) for metric in metrics]


def _score(metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> ScoreValue:
    function = _FUNCTIONS.get(metric.key)
    if function is None:
        return ScoreValue(metric.key, None, "failed", f"No code measures {metric.key!r}.")
    try:
        return ScoreValue.of(metric.key, function(metric, image, spec, sources))
    except (Unavailable, weights.WeightsError) as error:
        return ScoreValue(metric.key, None, "unavailable", str(error))
    except (images.ImageError, RuntimeError) as error:
        return ScoreValue(metric.key, None, "failed", str(error))


def _term(metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    name = metric.key.removesuffix("_loss")
    return _raw(metric.config, metric.weights_sha256, image, spec, sources)[name]


def _total(metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    raw = _raw(metric.config, metric.weights_sha256, image, spec, sources)
    return sum(float(metric.config[f"{name}_weight"]) * raw[name] for name in _TERMS)


def _own(_metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    if "style_weight" not in spec.params:
        raise Unavailable("This picture was not made by minimising a loss; it has no objective of its own.")
    config = features(spec.params)
    raw = _raw(config, spec.weights.get(str(config["backbone"]), ""), image, spec, sources)
    return sum(float(spec.params[f"{name}_weight"]) * raw[name] for name in _TERMS)


def _lpips(metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    found = _verified(str(metric.config["network"]), metric.weights_sha256)
    reference = _photograph(sources[spec.content], image.shape[0], image.shape[1])
    return _lpips_of(found, str(metric.config["heads_sha256"]))(image, reference)


def _colourfulness(_metric: MetricSpec, image: images.Image, _spec: RenderSpec, _sources: Mapping[str, bytes]) -> float:
    return colourfulness(image)


def colourfulness(image: images.Image) -> float:
    """Hasler & Süsstrunk 2003, eq. 8: sigma_rgyb + 0.3 mu_rgyb with rg = R - G, yb = (R + G) / 2 - B in 0..255."""
    red, green, blue = np.moveaxis(image.astype(np.float64), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


_FUNCTIONS: Mapping[str, Callable[[MetricSpec, images.Image, RenderSpec, Mapping[str, bytes]], float]] = {
    "style_loss": _term,
    "content_loss": _term,
    "total_loss": _total,
    "own_loss": _own,
    "lpips_content": _lpips,
    "colourfulness": _colourfulness,
}


def _verified(network: str, sha256: str) -> weights.Weights:
    if not sha256:
        raise Unavailable(
            f"When the grid was planned there was no weights file for {network}. Provide it (EYEBALLOT_WEIGHTS, or "
            "EYEBALLOT_DOWNLOAD=1 and a network) and plan the measurement again."
        )
    return weights.find(network, sha256)


def _raw(
    config: Mapping[str, Any], sha256: str, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]
) -> dict[str, float]:
    """Raw style, content and tv of the image under a config (``style_transfer.features``), at the image's own size."""
    if spec.style is None:
        raise Unavailable("The scene has no style picture to measure against.")
    found = _verified(str(config["backbone"]), sha256)
    layers = canonical_json([config["style_layers"], config["content_layers"], config["statistic"]])
    height, width = image.shape[:2]
    return dict(_terms(found, layers, sources[spec.content], sources[spec.style], image.tobytes(), height, width))


@lru_cache(maxsize=8)
def _terms(
    found: weights.Weights, layers: str, content: bytes, style: bytes, pixels: bytes, height: int, width: int
) -> tuple[tuple[str, float], ...]:
    # Four metrics ask for the same three numbers of the same picture: computed once.
    image = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    with torch.no_grad():
        terms = _loss(found, layers, content, style, height, width)(to_tensor(image, _CPU))
    return tuple((name, float(getattr(terms, name)[0])) for name in _TERMS)


@lru_cache(maxsize=2)
def _loss(found: weights.Weights, layers: str, content: bytes, style: bytes, height: int, width: int) -> StyleLoss:
    # The images of a job mostly share their scene; its targets cost as much as two measurements.
    style_layers, content_layers, statistic = json.loads(layers)
    config = {"style_layers": style_layers, "content_layers": content_layers, "statistic": statistic}
    painting = images.resize_longest(images.decode(style, "the style picture"), max(height, width))
    photograph = _photograph(content, height, width)
    return style_loss(config, found, to_tensor(photograph, _CPU), to_tensor(painting, _CPU))


def _photograph(content: bytes, height: int, width: int) -> images.Image:
    return images.resize_to(images.decode(content, "the content picture"), height, width)


@lru_cache(maxsize=1)
def _lpips_of(found: weights.Weights, heads_sha256: str) -> Lpips:
    return Lpips(found, heads_sha256)
