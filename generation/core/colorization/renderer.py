"""Colourises photographs with trained networks.

The network sees the photograph's luminance scaled to its own side, longest side to side and mirrored outwards to the
square: nothing is cut off or distorted. Its a*b* is scaled (bicubic) to the stimulus and joined with the luminance of
the photograph at that size: outlines are as sharp as the photograph's, colours as coarse as the network's side. That
alone is an error: the true colours of real photographs, brought to 64 px and back to 384, are 1.7 Lab units off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from generation.core import images
from generation.core.backbones import pick_device
from generation.core.colorization import checkpoint, lab
from generation.core.colorization.checkpoint import Checkpoint
from generation.core.colorization.losses import NET_SCALE
from generation.core.colorization.zhang import ZhangClass
from generation.core.protocols import Picture, Tick
from generation.core.spec import TRAINED, Params, RenderSpec
from generation.core.training.checkpoint import CheckpointError
from generation.core.training.rendering import check_whole, digest_of, one_by_one


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """Signature of ``core.protocols.Renderer``. Always in float32, and one photograph at a time.

    ``sources`` holds the photographs and, under ``spec.weights[TRAINED]``, the checkpoints. A picture depends on its
    spec, its sources and the device alone: over a batch the sums of a convolution round differently, and here and
    there a pixel with them.
    """
    return one_by_one(specs, sources, tick, _picture)


@dataclass(frozen=True)
class Square:
    """A picture as a network sees it: ``pixels`` (uint8, side x side x 3), and which part of them is not mirrored."""

    pixels: images.Image
    part: tuple[slice, slice]

    def tensor(self) -> Tensor:
        """uint8, 1 x 3 x side x side."""
        return torch.from_numpy(np.ascontiguousarray(self.pixels.transpose(2, 0, 1)))[None]


def squared(image: images.Image, side: int) -> Square:
    """``image`` with its longest side scaled to ``side`` (Lanczos), in the middle of a square filled by mirroring."""
    small = images.resize_longest(image, side)
    height, width = small.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    around = ((top, side - height - top), (left, side - width - left), (0, 0))
    # Mirrored as often as it takes: a panorama is lower than the room above it.
    return Square(np.pad(small, around, mode="symmetric"), (slice(top, top + height), slice(left, left + width)))


class Colouriser:
    """A trained network, ready to colourise on the device; ``trained`` says what it is, with its discriminator."""

    def __init__(self, trained: Checkpoint) -> None:
        self.trained = trained
        self.side = int(trained.params["train_size"])
        self._device = pick_device()
        self._generator = trained.generator.to(self._device).eval()
        # One photograph is often coloured at several gains and sizes, and measured afterwards.
        self.ab_lab = lru_cache(maxsize=256)(self._ab_lab)

    @torch.no_grad()
    def _ab_lab(self, photograph: bytes, name: str, temperature: float) -> Tensor:
        """The colours of an encoded photograph at the network's resolution: 2 x h x w in Lab units, on the CPU.

        ``temperature`` only matters to ``zhang_class``. ``name`` is how an error calls the photograph.
        """
        square = squared(images.decode(photograph, name), self.side)
        l_unit, _ = lab.split(square.tensor().to(self._device))
        out = self._generator(l_unit)
        if isinstance(self._generator, ZhangClass):
            ab_lab = self._generator.ab_lab(out, temperature)
        else:
            ab_lab = out.float() * NET_SCALE
        if not bool(torch.isfinite(ab_lab).all()):
            raise CheckpointError(
                "The network gives colours that are not finite numbers: its training has diverged. Take an earlier "
                "epoch (at_epoch) or a smaller learning rate."
            )
        return ab_lab[0, :, *square.part].cpu()


def colouriser(spec: RenderSpec, sources: Mapping[str, bytes]) -> Colouriser:
    """The network of a spec; raises :class:`CheckpointError` with a sentence where there is none."""
    digest = digest_of(spec, sources)
    return _read(digest, sources[digest])


# A full-sized network is 200 MB: the one in use, and the one before it.
@lru_cache(maxsize=2)
def _read(digest: str, data: bytes) -> Colouriser:
    check_whole(digest, data)
    return Colouriser(checkpoint.read(data))


@torch.no_grad()
def coloured(spec: RenderSpec, sources: Mapping[str, bytes]) -> tuple[images.Image, float]:
    """The picture of a spec, and the share of its pixels that were clipped because sRGB has no such colour."""
    network, name = colouriser(spec, sources), spec.content[:12]
    ab_lab = network.ab_lab(sources[spec.content], name, float(spec.params["temperature"]))
    photograph = images.decode(sources[spec.content], name)
    picture = images.resize_longest(photograph, int(spec.params["size"]))
    l_unit, _ = lab.split(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None])
    ab_lab = float(spec.params["chroma_gain"]) * interpolate(
        ab_lab[None], size=picture.shape[:2], mode="bicubic", align_corners=False, antialias=True
    )
    rgb = lab.join(l_unit, ab_lab)[0].permute(1, 2, 0)
    return np.ascontiguousarray(rgb.numpy()), float(lab.out_of_gamut(l_unit, ab_lab).double().mean())


def _picture(spec: RenderSpec, sources: Mapping[str, bytes]) -> Picture:
    image, out_of_gamut = coloured(spec, sources)
    trained = colouriser(spec, sources).trained
    facts = {
        "checkpoint": spec.weights[TRAINED],
        "training": trained.training,
        "epoch": trained.epoch,
        "network_side": int(trained.params["train_size"]),
        "out_of_gamut": out_of_gamut,
        "dtype": "float32",
    }
    return Picture("ok", image, final_step_reason=f"epoch {trained.epoch}", provenance=facts)
