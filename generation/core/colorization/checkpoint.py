"""Trained colourisers as one file, in the form of ``core.training.checkpoint``: tensors under ``g.`` and ``d.``.

The colour bins of ``zhang_class`` and the weights of its loss are tensors of the generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from torch import nn

from generation.core.colorization import build
from generation.core.colorization.patchgan import PatchGan
from generation.core.colorization.zhang import ZhangClass
from generation.core.spec import Params
from generation.core.training import checkpoint
from generation.core.training.checkpoint import Form, Said

FORM = Form("eyeballot colorizer 1", "a colorizer")


@dataclass(frozen=True)
class Checkpoint:
    """What :func:`read` finds: networks in eval mode on the CPU; ``training`` is the digest of the ``TrainSpec``."""

    generator: build.Generator
    discriminator: PatchGan | None
    params: Params
    training: str
    epoch: int
    losses: Mapping[str, float]


def write(
    generator: nn.Module,
    discriminator: nn.Module | None,
    params: Params,
    training_digest: str,
    epoch: int,
    losses: Mapping[str, float],
) -> bytes:
    """The file's bytes: see ``training.checkpoint.write``."""
    networks = {"g.": generator} if discriminator is None else {"g.": generator, "d.": discriminator}
    return checkpoint.write(FORM, networks, Said(params, training_digest, epoch, losses))


def read(data: bytes) -> Checkpoint:
    """The networks of a file from :func:`write`; anything else raises ``CheckpointError`` with a sentence."""
    networks, said = checkpoint.read(FORM, data, _networks)
    generator = cast(build.Generator, networks["g."])
    discriminator = cast(PatchGan | None, networks.get("d."))
    return Checkpoint(generator, discriminator, said.params, said.training, said.epoch, said.losses)


def _networks(params: Params) -> dict[str, nn.Module]:
    generator = build.generator(params)
    if isinstance(generator, ZhangClass):
        return {"g.": generator}
    return {"g.": generator, "d.": build.discriminator(params)}
