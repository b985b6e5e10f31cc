"""The photograph itself and its grey version as renders, so that every stimulus points to a render. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from generation.core import images
from generation.core.protocols import Picture, Tick
from generation.core.spec import Params, RenderSpec
from generation.core.tasks import Method, Param

#: The longest side of a rendered image in pixels; every method has this parameter.
SIZE = Param("int", 384, "Longest side (pixels)", "size", minimum=64, maximum=2048)


def identity(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """The content photograph at the asked size."""
    return [_scaled(spec, sources, tick, lambda image: image) for spec in specs]


def grey(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """The content photograph at the asked size without its colours (Rec. 601 luma)."""
    return [_scaled(spec, sources, tick, images.grey) for spec in specs]


def _scaled(
    spec: RenderSpec, sources: Mapping[str, bytes], tick: Tick, change: Callable[[images.Image], images.Image]
) -> Picture:
    try:
        photograph = images.decode(sources[spec.content], spec.content[:12])
    except images.ImageError as error:
        return Picture("failed", None, reason=str(error))
    tick(1)
    scaled = images.resize_longest(photograph, int(spec.params["size"]))
    return Picture("ok", change(scaled), final_step_reason="nothing to optimise")


#: Methods that every task offers: the controls.
COMMON_METHODS: Mapping[str, Method] = {
    "identity": Method("identity", "The photograph itself", "generation.core.photo:identity", {"size": SIZE}),
    "grey": Method("grey", "The photograph in grey", "generation.core.photo:grey", {"size": SIZE}),
}
