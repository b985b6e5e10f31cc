"""The arithmetic of a training's course: rates, when to give up, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from generation.core.durations import in_words

#: The time left is reckoned from this many last epochs.
RECENT = 5


def decay_factor(kind: str, epoch: int, epochs: int) -> float:
    """Factor of the learning rate in ``epoch`` (from 1). ``linear``: 1 in the first half, then down in equal steps, so
    that it would be 0 in the epoch after the last (pix2pix)."""
    half = (epochs + 1) // 2
    if kind == "linear" and epoch > half:
        return (epochs + 1 - epoch) / (epochs + 1 - half)
    return 1.0


def is_hopeless(factor: float, epoch: int, epochs: int, error: float, nothing: float) -> bool:
    """Whether a training is to be given up after ``epoch``: ``error`` exceeds ``factor`` times that of doing
    ``nothing``, after a tenth of the epochs, at least one, and before the last. ``factor`` 0 never gives up."""
    return bool(factor) and math.ceil(epochs / 10) <= epoch < epochs and error > factor * nothing


def words(where: str, losses: str, seconds: Sequence[float], left: int) -> str:
    """Progress: ``where`` it is, the ``losses`` of the last whole epoch in words, and the time for what is left.

    ``seconds``: what each epoch so far took; ``left``: how many more there are.
    """
    said = [where]
    if losses:
        said.append(losses)
    if seconds:
        recent = seconds[-RECENT:]
        said.append(f"{in_words(sum(recent) / len(recent) * left)} left")
    return " · ".join(said)
