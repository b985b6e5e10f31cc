"""Measures the metrics of ``core.catalogue``: finds what each needs and turns what cannot be had into a reason."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from generation.core import catalogue, images, weights
from generation.core.metrics import Unavailable
from generation.core.spec import MetricSpec, RenderSpec, ScoreValue

#: Takes one metric of one picture; sources by SHA-256.
Take = Callable[[MetricSpec, images.Image, RenderSpec, Mapping[str, bytes]], float]

_REFERENCES = {"content": "content picture", "style": "style picture"}


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """Signature of ``core.protocols.Measure``. A number that cannot be had is a status and a sentence, no guess."""
    return [score(take, metric, image, spec, sources) for metric in metrics]


def score(
    take: Take, metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]
) -> ScoreValue:
    """What ``take`` gives, or the reason why it gave nothing."""
    try:
        return ScoreValue.of(metric.key, take(metric, image, spec, sources))
    except (Unavailable, weights.WeightsError) as error:
        return ScoreValue(metric.key, None, "unavailable", str(error))
    except catalogue.UnknownMetric:
        return ScoreValue(metric.key, None, "failed", f"No code measures {metric.key!r}.")
    except KeyError as error:
        # A stored metric or picture keeps the settings it was declared with.
        reason = (
            f"This number was defined by an earlier version, which did not say {error}; lay the grid anew, under "
            "another slug, to have it as it is defined now."
        )
        return ScoreValue(metric.key, None, "unavailable", reason)
    except (images.ImageError, RuntimeError) as error:
        return ScoreValue(metric.key, None, "failed", str(error))


def take(metric: MetricSpec, image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes]) -> float:
    """The number of a metric of the catalogue. Raises ``Unavailable``, ``WeightsError`` or ``UnknownMetric``."""
    entry = catalogue.get(metric.key)
    config: dict[str, Any] = dict(metric.config)
    pictures = [image]
    if metric.reference in _REFERENCES:
        pictures.append(_source(metric.reference, spec, sources))
    if "network" in config:
        config["trunk"] = verified(str(config.pop("network")), metric.weights_sha256)
    return float(_function(entry.code)(*pictures, **config))


def verified(network: str, sha256: str, layers: Sequence[str] = ()) -> weights.Weights:
    """The weights file that was found when the grid was planned."""
    if not sha256:
        raise Unavailable(
            f"When the grid was planned there was no weights file for {network}. Provide it (EYEBALLOT_WEIGHTS, or "
            "EYEBALLOT_DOWNLOAD=1 and a network) and plan the measurement again."
        )
    return weights.find(network, sha256, layers)


def _source(reference: str, spec: RenderSpec, sources: Mapping[str, bytes]) -> images.Image:
    sha256 = spec.content if reference == "content" else spec.style
    if not sha256 or sha256 not in sources:
        raise Unavailable(f"The scene has no {_REFERENCES[reference]} to measure against.")
    return _decoded(sources[sha256], f"the {_REFERENCES[reference]}")


@lru_cache(maxsize=2)
def _decoded(data: bytes, name: str) -> images.Image:
    # All pictures of a job mostly share their scene, and half a dozen metrics its sources.
    picture = images.decode(data, name)
    picture.flags.writeable = False
    return picture


def _function(code: str) -> Callable[..., float]:
    module, _, name = code.partition(":")
    function: Callable[..., float] = getattr(importlib.import_module(module), name)
    return function
