"""Measures pictures that were made elsewhere: the catalogue, and nothing that depends on how they were made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from generation.core import images
from generation.core.metrics import pictures
from generation.core.spec import MetricSpec, RenderSpec, ScoreValue


def measure(
    image: images.Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    """Signature of ``core.protocols.Measure``. A picture that came without a photograph is never its own reference."""
    if spec.content == spec.params.get("image"):
        spec = dataclasses.replace(spec, content="")
    return pictures.measure(image, spec, sources, metrics)
