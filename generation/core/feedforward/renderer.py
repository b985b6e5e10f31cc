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
from generation.core.spec import TRAINED, Params, RenderSpec, sha256_bytes
from generation.core.style.pictures import longest, scaled, to_image, to_tensor
from generation.core.training.checkpoint import CheckpointError


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """Signature of ``core.protocols.Renderer``. Always in float32, and one photograph at a time.

    ``sources`` holds the pictures and, under ``spec.weights[TRAINED]``, the checkpoints. A picture depends on its spec,
    its sources and the device alone.
    """
    pictures: dict[int, Picture] = {}
    # One network after the other, so that each is read once.
    for place in sorted(range(len(specs)), key=lambda place: specs[place].weights.get(TRAINED, "")):
        try:
            pictures[place] = _picture(specs[place], sources)
        except (images.ImageError, CheckpointError, ValueError) as error:
            pictures[place] = Picture("failed", None, reason=str(error))
        tick(1)
    return [pictures[place] for place in range(len(specs))]


class Painting:
    """A trained network, ready to paint on the device; ``said``: what its file says of it."""

    def __init__(self, method: str, data: bytes) -> None:
        networks, self.said = build.restored(method, data)
        self._device = pick_device()
        self._networks = networks.to(self._device)

    @torch.no_grad()
    def paint(self, photograph: Image, style: Image | None, params: Params) -> Image:
        """``photograph`` (uint8, of any size) with its longest side at ``size``. ``style``: where any will do.

        Raises ``ValueError`` with a sentence for what is too thin, ``CheckpointError`` where the network gives no
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
    digest = spec.weights.get(TRAINED, "")
    if not digest:
        raise CheckpointError(
            "The network of this condition was not trained: there is no checkpoint of it. Train it first."
        )
    if digest not in sources:
        raise CheckpointError(
            f"The network of this condition was not trained: its checkpoint {digest[:12]} was not given to the job."
        )
    return _read(spec.method, digest, sources[digest])


@lru_cache(maxsize=2)
def _read(method: str, digest: str, data: bytes) -> Painting:
    if sha256_bytes(data) != digest:
        raise CheckpointError(
            f"The checkpoint {digest[:12]} is damaged: its bytes have another SHA-256. Train the condition again."
        )
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
