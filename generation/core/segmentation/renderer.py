"""Marks defects with trained networks.

The network sees the picture as a colouriser does: scaled to its own side, longest side to side, and mirrored outwards
to the square. Its probabilities are scaled (bilinear) to the stimulus and cut at the condition's threshold; the
stimulus is the picture with that marking in the one style of ``marking``. The mask is never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from generation.core import images
from generation.core.backbones import pick_device
from generation.core.colorization.renderer import squared
from generation.core.protocols import Picture, Tick
from generation.core.segmentation import checkpoint
from generation.core.segmentation.checkpoint import Checkpoint, CheckpointError
from generation.core.segmentation.marking import Marked, overlay
from generation.core.segmentation.network import unit
from generation.core.spec import TRAINED, Params, RenderSpec
from generation.core.training.rendering import check_whole, digest_of, one_by_one


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """Signature of ``core.protocols.Renderer``. Always in float32, and one picture at a time."""
    return one_by_one(specs, sources, tick, _picture)


class Marker:
    """A trained network, ready to mark on the device; ``trained`` says what it is."""

    def __init__(self, trained: Checkpoint) -> None:
        self.trained = trained
        self.side = int(trained.params["train_size"])
        self._device = pick_device()
        self._network = trained.network.to(self._device).eval()
        # One picture is often marked from several thresholds, and measured afterwards.
        self.logits = lru_cache(maxsize=64)(self._logits)

    @torch.no_grad()
    def _logits(self, picture: bytes, name: str) -> Tensor:
        """The logits of an encoded picture at the network's resolution, h x w without what is mirrored, on the CPU."""
        square = squared(images.decode(picture, name), self.side)
        logits = self._network(unit(square.tensor().to(self._device)))
        if not bool(torch.isfinite(logits).all()):
            raise CheckpointError(
                "The network gives numbers that are not finite: its training has diverged. Take an earlier epoch "
                "(at_epoch) or a smaller learning rate."
            )
        found: Tensor = logits[0, 0, *square.part].cpu()
        return found


def marker(spec: RenderSpec, sources: Mapping[str, bytes]) -> Marker:
    """The network of a spec; raises :class:`CheckpointError` with a sentence where there is none."""
    digest = digest_of(spec, sources)
    return _read(digest, sources[digest])


@lru_cache(maxsize=2)
def _read(digest: str, data: bytes) -> Marker:
    check_whole(digest, data)
    return Marker(checkpoint.read(data))


def marked(logits: Tensor, threshold: float, height: int, width: int) -> Marked:
    """The marking (bool, height x width) of ``logits`` (h x w) from a probability of ``threshold`` on."""
    likely = interpolate(
        torch.sigmoid(logits)[None, None], size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )
    answer: Marked = (likely[0, 0] >= threshold).numpy()
    return answer


def scaled(logits: Tensor, height: int, width: int) -> Tensor:
    """The logits (float64, height x width) of the probabilities of ``logits`` (h x w), scaled as for a marking.

    Both p and 1 - p are scaled, so that neither is lost where the other rounds to 1.
    """
    both = torch.sigmoid(torch.stack([logits, -logits]).double())[None]
    likely, unlikely = interpolate(both, size=(height, width), mode="bilinear", align_corners=False, antialias=True)[0]
    least = torch.finfo(torch.float64).tiny
    answer: Tensor = likely.clamp_min(least).log() - unlikely.clamp_min(least).log()
    return answer


def _picture(spec: RenderSpec, sources: Mapping[str, bytes]) -> Picture:
    network, name = marker(spec, sources), spec.content[:12]
    logits = network.logits(sources[spec.content], name)
    picture = images.resize_longest(images.decode(sources[spec.content], name), int(spec.params["size"]))
    marking = marked(logits, float(spec.params["threshold"]), *picture.shape[:2])
    facts = {
        "checkpoint": spec.weights[TRAINED],
        "training": network.trained.training,
        "epoch": network.trained.epoch,
        "network_side": network.side,
        "marked_share": float(marking.mean()),
        "dtype": "float32",
    }
    image = overlay(picture, marking)
    return Picture("ok", image, final_step_reason=f"epoch {network.trained.epoch}", provenance=facts)
