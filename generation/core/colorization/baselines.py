"""What doing next to nothing would score, without which no loss can be read: mean |d ab| in Lab units.

grey        no colour at all
median      one colour for every picture: the medians of a and of b over the pictures trained on
own median  for each picture the medians of its own a and b: an oracle, since it looks at the truth
"""

from __future__ import annotations

import torch
from torch import Tensor

from generation.core.colorization.feed import Feed

#: The median over all pictures is read off a histogram of this resolution, in Lab units.
_RESOLUTION = 1 / 64
_REACH = 128  # |a| and |b| of sRGB stay below (Lab units)


def baselines(train: Feed, validation: Feed) -> dict[str, float]:
    """``grey_ab_error``; and on the pictures to validate on ``grey_val_ab_error``, ``median_val_ab_error``,
    ``own_median_val_ab_error``. Not flipped: that changes none of them."""
    grey = _Mean()
    bins = round(2 * _REACH / _RESOLUTION) + 1
    histogram: Tensor | None = None
    for _, ab_lab in train.in_order():
        grey.add(ab_lab)
        level = ((ab_lab + _REACH) / _RESOLUTION).round().long()
        counts = torch.stack([torch.bincount(plane.flatten(), minlength=bins) for plane in level.unbind(1)])
        histogram = counts if histogram is None else histogram + counts
    if histogram is None:
        raise ValueError("There are no pictures to train on.")
    cumulated = histogram.cumsum(1)
    middle = (2 * cumulated < cumulated[:, -1:]).sum(1)  # the first level with half of the pixels at or below it
    median = (middle.float() * _RESOLUTION - _REACH).view(1, 2, 1, 1)

    grey_val, median_val, own_val = _Mean(), _Mean(), _Mean()
    for _, ab_lab in validation.in_order():
        grey_val.add(ab_lab)
        median_val.add(ab_lab - median)
        own_val.add(ab_lab - ab_lab.flatten(2).median(dim=2).values[:, :, None, None])
    return {
        "grey_ab_error": grey.value(),
        "grey_val_ab_error": grey_val.value(),
        "median_val_ab_error": median_val.value(),
        "own_median_val_ab_error": own_val.value(),
    }


class _Mean:
    """Mean absolute value of all that is added, summed up on its device."""

    def __init__(self) -> None:
        self._sum: Tensor | float = 0.0
        self._count = 0

    def add(self, values: Tensor) -> None:
        self._sum = self._sum + values.abs().sum(dtype=torch.float64)
        self._count += values.numel()

    def value(self) -> float:
        return float(self._sum) / self._count
