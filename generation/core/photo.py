"""What is made of a scene's own pictures without a network, as renders. Every stimulus points to a render. Torch-free.

The photograph and its grey version are controls. The photograph in shuffled tiles, and the style picture cut to the
photograph's shape, serve catch pairs: next to the photograph everybody knows which of the two answers the question.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from generation.core import images
from generation.core.protocols import Picture, Tick
from generation.core.spec import Params, RenderSpec
from generation.core.tasks import Method, Param, controls

#: Tiles along the longest side of a scrambled photograph: nothing is left to recognise, and no pixel is new.
TILES = 12

#: The longest side of a rendered image in pixels; every method has this parameter.
SIZE = Param("int", 384, "Longest side (pixels)", "size", minimum=64, maximum=2048)


def identity(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """The content photograph at the asked size."""
    return [_scaled(spec, sources, tick, lambda image: image) for spec in specs]


def grey(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """The content photograph at the asked size without its colours (Rec. 601 luma)."""
    return [_scaled(spec, sources, tick, images.grey) for spec in specs]


def scrambled(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """The content photograph at the asked size, cut into square tiles that are shuffled."""
    return [_scaled(spec, sources, tick, lambda image: _shuffle(image, spec.content)) for spec in specs]  # noqa: B023


def style(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """The middle of the style picture, in the shape and size of the content photograph at the asked size."""
    return [_scaled(spec, sources, tick, lambda image: _painting(image, sources, spec)) for spec in specs]  # noqa: B023


def _shuffle(image: images.Image, seed: str) -> images.Image:
    """Whole tiles change places; what is left over at the right and lower edge stays."""
    height, width = image.shape[:2]
    side = max(1, max(height, width) // TILES)
    places = [(y, x) for y in range(0, height - side + 1, side) for x in range(0, width - side + 1, side)]
    taken = list(places)
    random.Random(seed).shuffle(taken)
    mixed = image.copy()
    for (y, x), (v, u) in zip(places, taken, strict=True):
        mixed[y : y + side, x : x + side] = image[v : v + side, u : u + side]
    return mixed


def _painting(shape: images.Image, sources: Mapping[str, bytes], spec: RenderSpec) -> images.Image:
    return cover(images.decode(sources[spec.style or ""], (spec.style or "")[:12]), *shape.shape[:2])


def cover(picture: images.Image, height: int, width: int) -> images.Image:
    """The middle of ``picture``, scaled so that it just covers ``height`` x ``width``."""
    scale = max(height / picture.shape[0], width / picture.shape[1])
    tall, wide = (
        max(side, round(length * scale)) for side, length in zip((height, width), picture.shape, strict=False)
    )
    picture = images.resize_to(picture, tall, wide)
    top, left = (tall - height) // 2, (wide - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _scaled(
    spec: RenderSpec, sources: Mapping[str, bytes], tick: Tick, change: Callable[[images.Image], images.Image]
) -> Picture:
    try:
        photograph = images.decode(sources[spec.content], spec.content[:12])
        picture = change(images.resize_longest(photograph, int(spec.params["size"])))
    except images.ImageError as error:
        return Picture("failed", None, reason=str(error))
    tick(1)
    return Picture("ok", picture, final_step_reason="nothing to optimise")


#: Methods that every task offers: the controls, and the pictures of catch pairs.
COMMON_METHODS: Mapping[str, Method] = {
    "identity": Method("identity", "The photograph itself", "generation.core.photo:identity", {"size": SIZE}),
    "grey": Method("grey", "The photograph in grey", "generation.core.photo:grey", {"size": SIZE}),
    "scrambled": Method(
        "scrambled", "The photograph in shuffled tiles", "generation.core.photo:scrambled", {"size": SIZE}
    ),
    "style": Method("style", "The style picture itself", "generation.core.photo:style", {"size": SIZE}),
}


def methods_of_sources() -> dict[str, Method]:
    """Every method that makes a picture of a scene's own ones, by name: the common ones, and the controls of tasks."""
    return {**COMMON_METHODS, **{method.name: method for method in controls()}}
