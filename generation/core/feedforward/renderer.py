"""Repaints photographs with trained style networks.

A network takes a photograph of any size: the whole of it at the size asked for, in float32. One for any style is shown
the middle square of the style picture at the side it was trained at; with a ``strength`` below 1 the photograph is
painted in a style between the picture's and the photograph's own (Ghiasi et al. 2017, section 3.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from generation.core import images
from generation.core.backbones import pick_device
from generation.core.feedforward import build
from generation.core.images import Image
from generation.core.photo import cover
from generation.core.protocols import Picture, Tick
from generation.core.spec import TRAINED, Params, RenderSpec
from generation.core.style.pictures import longest, scaled, to_image, to_tensor
from generation.core.training.checkpoint import CheckpointError
from generation.core.training.rendering import check_whole, digest_of, one_by_one


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """Signature of ``core.protocols.Renderer``. Always in float32, and one photograph at a time.

    ``sources`` holds the pictures and, under ``spec.weights[TRAINED]``, the checkpoints. A picture depends on its spec,
    its sources and the device alone.
    """
    return one_by_one(specs, sources, tick, _picture)


class Painting:
    """A trained network, ready to paint on the device; ``said``: what its file says of it."""

    def __init__(self, method: str, data: bytes) -> None:
        networks, self.said = build.restored(method, data)
        self._device = pick_device()
        self._networks = networks.to(self._device)

    @torch.no_grad()
    def paint(self, photograph: Image, style: Image | None, params: Params) -> Image:
        """``photograph`` (uint8, of any size) with its longest side at ``size``. ``style``: where any will do.

        Raises ``ImageError`` with a sentence for what is too thin, ``CheckpointError`` where the network gives no
        finite colours.
        """
        content = scaled(photograph, longest(photograph, int(params["size"])), str(params["resize"]), self._device)
        made = self._networks.transformer(content, self._statistics(photograph, style, params))
        if not bool(torch.isfinite(made).all()):
            raise CheckpointError(
                "The network gives colours that are not finite numbers: its training has diverged. Take an earlier "
                "epoch (at_epoch) or a smaller learning rate."
            )
        return to_image(made[0])

    def _statistics(self, photograph: Image, style: Image | None, params: Params) -> list[tuple[Tensor, Tensor]]:
        predictor = self._networks.predictor
        if predictor is None:
            return []
        if style is None:
            raise images.ImageError("Style transfer needs a style picture; the scene names none.")
        strength = float(params["strength"])
        points = predictor.embed(torch.cat([self._square(style), self._square(photograph)]))
        return predictor.statistics(strength * points[:1] + (1.0 - strength) * points[1:])

    def _square(self, picture: Image) -> Tensor:
        """The middle of a picture as the network was shown style pictures: 1 x 3 x side x side."""
        side = int(self.said.params["train_size"])
        return to_tensor(cover(picture, side, side), self._device)


def painting(spec: RenderSpec, sources: Mapping[str, bytes]) -> Painting:
    """The network of a spec; raises ``CheckpointError`` with a sentence where there is none."""
    digest = digest_of(spec, sources)
    return _read(spec.method, digest, sources[digest])


@lru_cache(maxsize=2)
def _read(method: str, digest: str, data: bytes) -> Painting:
    check_whole(digest, data)
    return Painting(method, data)


def _picture(spec: RenderSpec, sources: Mapping[str, bytes]) -> Picture:
    network = painting(spec, sources)
    photograph = images.decode(sources[spec.content], spec.content[:12])
    style = images.decode(sources[spec.style], spec.style[:12]) if spec.style else None
    image = network.paint(photograph, style, spec.params)
    facts = {
        "checkpoint": spec.weights[TRAINED],
        "training": network.said.training,
        "epoch": network.said.epoch,
        "height_width": list(image.shape[:2]),
        "dtype": "float32",
    }
    return Picture("ok", image, final_step_reason=f"epoch {network.said.epoch}", provenance=facts)
