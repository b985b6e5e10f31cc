"""Colour as classes, for ``zhang_class``: Zhang, Isola & Efros 2016 sections 2.1-2.3, specs/colorization.md section 2.

The ab plane is cut into squares of 10 x 10 Lab units around the multiples of 10; a class is a square that some sRGB
colour falls into. There are Q = 261 of them, all among the 313 of the paper, whose others no sRGB colour reaches.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from generation.core.colorization import lab

STEP = 10.0  # Lab units
NEIGHBOURS = 10
SIGMA = 5.0  # Lab units
GAMMA = 0.5  # share of the uniform distribution in the prior
ALPHA = 1.0  # 0: all classes weigh the same; 1: by the inverse of the prior
#: A picture with no |a| or |b| above this is grey: it has no colour to teach (Lab units).
GREY = 5.0


@lru_cache(maxsize=1)
def centres() -> Tensor:
    """``ab_lab`` of the Q classes, Q x 2 float32 on the CPU, sorted by a, then b. Do not write into it.

    The six faces of the RGB cube are enough: a line of constant ab enters and leaves the solid of colours through them.
    """
    steps = torch.arange(256, dtype=torch.uint8, device="cpu")
    side_a, side_b = (plane.flatten() for plane in torch.meshgrid(steps, steps, indexing="ij"))
    faces = [
        torch.stack(channels)
        for end in (torch.zeros_like(side_a), torch.full_like(side_a, 255))
        for channels in ((end, side_a, side_b), (side_a, end, side_b), (side_a, side_b, end))
    ]
    _, ab_lab = lab.split(torch.cat(faces, dim=1)[None, :, :, None])
    squares: Tensor = torch.unique((ab_lab[0, :, :, 0].T / STEP).round(), dim=0)
    return squares * STEP


def encode(ab_lab: Tensor, centres_ab_lab: Tensor) -> tuple[Tensor, Tensor]:
    """Soft classes of each colour: B x 2 x h x w to the ``NEIGHBOURS`` nearest (int64) and their shares (float32).

    Both B x NEIGHBOURS x h x w, the nearest first; shares are Gaussian in the distance and add up to 1.
    """
    a, b = ab_lab.float()[:, :, None].unbind(1)
    centre_a, centre_b = centres_ab_lab.view(-1, 2, 1, 1).unbind(1)
    # Differences, not a matrix product: near a centre that would lose the digits.
    squared, nearest = ((a - centre_a) ** 2 + (b - centre_b) ** 2).topk(NEIGHBOURS, dim=1, largest=False)
    return nearest, (squared / (-2.0 * SIGMA**2)).softmax(dim=1)


def count(ab_lab: Tensor, centres_ab_lab: Tensor) -> Tensor:
    """How much of each class is in these colours: Q float64 numbers that add up to the number of pixels.

    Counted by the soft shares, which smooths the histogram with the Gaussian of the encoding.
    """
    nearest, shares = encode(ab_lab, centres_ab_lab)
    counts = torch.zeros(len(centres_ab_lab), dtype=torch.float64, device=ab_lab.device)
    return counts.index_add_(0, nearest.flatten(), shares.flatten().double())


def class_weights(counts: Tensor) -> Tensor:
    """Q float32 weights ((1 - GAMMA) prior + GAMMA / Q)^-ALPHA, scaled so that their mean over the prior is 1.

    ``counts``: the sum of :func:`count` over the training pictures.
    """
    prior = counts / counts.sum()
    weights = ((1.0 - GAMMA) * prior + GAMMA / len(prior)) ** -ALPHA
    return (weights / (prior * weights).sum()).float()


def annealed_mean(logits: Tensor, centres_ab_lab: Tensor, temperature: float) -> Tensor:
    """``ab_lab`` of logits (B x Q x h x w to B x 2 x h x w, float32): the mean colour under softmax(logits / T).

    ``temperature`` above 0: towards 0 it is the most likely class, at 1 the plain mean; the paper's is 0.38.
    """
    shares = (logits.float() / temperature).softmax(dim=1)
    with torch.autocast(logits.device.type, enabled=False):
        return torch.einsum("bqhw,qc->bchw", shares, centres_ab_lab)
