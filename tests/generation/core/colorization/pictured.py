"""Networks that say what a test wants, as checkpoints, and photographs to colour with them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from generation.core import images
from generation.core.colorization import bins, build, checkpoint
from generation.core.spec import TRAINED, RenderSpec, sha256_bytes
from tests.generation.core.colorization.conftest import PARAMS

SIDE = 32
LOSSES = {"g": 9.5, "g_gan": 2.5, "g_l1": 7.0, "val_g": 11.25, "val_ab_error": 8.75}


def spec(photograph: bytes, trained: bytes | None, **rendering: Any) -> RenderSpec:
    """The picture of a photograph by a checkpoint."""
    params = {**PARAMS, "at_epoch": 0, "chroma_gain": 1.0, "temperature": 0.38, "size": SIDE, **rendering}
    weights = {} if trained is None else {TRAINED: sha256_bytes(trained)}
    return RenderSpec("colorization", "colorizer", sha256_bytes(photograph), None, params, 0, weights)


def sources(*given: bytes) -> Mapping[str, bytes]:
    return {sha256_bytes(data): data for data in given}


def flat(a: float, b: float, verdict: float = 0.0, **params: Any) -> bytes:
    """Zhang's network giving every pixel the colour ``a``, ``b`` (Lab units), and a discriminator giving ``verdict``.

    Its answer is a mean over shares that add up to 1: with the same values everywhere it is those values.
    """
    params = {**PARAMS, "model": "zhang", "layers": "skip567", **params}
    generator, discriminator = build.networks(params, 0)
    assert discriminator is not None
    with torch.no_grad():
        generator.head.weight.copy_((torch.tensor([a, b]) / 110.0)[:, None, None, None].expand(2, 313, 1, 1))
        last = discriminator.layers[-1]
        assert isinstance(last, nn.Conv2d)
        last.weight.zero_()
        assert last.bias is not None
        last.bias.fill_(verdict)
    return checkpoint.write(generator, discriminator, params, "t" * 64, 3, LOSSES)


def classified(shares: Mapping[int, float], temperature: float) -> bytes:
    """A classifier that gives every pixel these shares of the classes at this temperature."""
    params = {**PARAMS, "model": "zhang_class", "layers": "skip567"}
    generator, _ = build.networks(params, 0)
    with torch.no_grad():
        generator.head.weight.zero_()
        generator.head.bias.fill_(-1e4)
        for index, share in shares.items():
            generator.head.bias[index] = temperature * float(np.log(share))
    assert len(bins.centres()) == len(generator.head.bias)
    return checkpoint.write(generator, None, params, "t" * 64, 3, {"g": 3.5, "val_g": 3.75, "val_ab_error": 9.0})


def random_network(model: str = "isola", layers: str = "5", seed: int = 0, **params: Any) -> bytes:
    """Untrained networks with weights large enough that each photograph gets colours of its own."""
    params = {**PARAMS, "model": model, "layers": layers, "init": "he", **params}
    return checkpoint.write(*build.networks(params, seed), params, "t" * 64, 1, LOSSES)


def photograph(height: int, width: int, seed: int = 1) -> images.Image:
    """Soft blobs in colour."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return images.resize_to(noise, height, width)
