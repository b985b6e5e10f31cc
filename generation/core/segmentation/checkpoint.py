"""A trained segmenter as one file: ``core.training.checkpoint`` with its own name in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from generation.core.segmentation.network import Segmenter, segmenter
from generation.core.spec import Params
from generation.core.training import checkpoint
from generation.core.training.checkpoint import CheckpointError

__all__ = ["Checkpoint", "CheckpointError", "read", "write"]

_FORM = checkpoint.Form("eyeballot segmenter 1", "a segmenter")
_PREFIX = "s."


@dataclass(frozen=True)
class Checkpoint:
    """What :func:`read` finds: the network in eval mode on the CPU; ``training`` is the digest of the ``TrainSpec``."""

    network: Segmenter
    params: Params
    training: str
    epoch: int
    losses: Mapping[str, float]


def write(network: Segmenter, params: Params, training: str, epoch: int, losses: Mapping[str, float]) -> bytes:
    """The file's bytes. Raises ``ValueError`` where a weight is not finite."""
    return checkpoint.write(_FORM, {_PREFIX: network}, checkpoint.Said(params, training, epoch, losses))


def read(data: bytes) -> Checkpoint:
    """The network of a file from :func:`write`; anything else raises :class:`CheckpointError` with a sentence."""
    networks, said = checkpoint.read(_FORM, data, lambda params: {_PREFIX: segmenter(params)})
    return Checkpoint(cast(Segmenter, networks[_PREFIX]), said.params, said.training, said.epoch, said.losses)
