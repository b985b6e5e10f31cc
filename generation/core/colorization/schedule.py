"""The arithmetic of a training's course: rates, when to give up, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

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


def hopeless(factor: float, epoch: int, epochs: int, error: float, grey: float) -> str:
    """Why a training is given up after ``epoch``, or an empty string.

    That is when ``error`` on the validation pictures exceeds ``factor`` times that of the grey picture (both mean
    |d ab| in Lab units), after a tenth of the epochs, at least one. ``factor`` 0 never gives up.
    """
    if not factor or epoch < math.ceil(epochs / 10) or epoch == epochs or error <= factor * grey:
        return ""
    return (
        f"After epoch {epoch} of {epochs} the validation error was {error:.2f} Lab units, more than {factor:g} times "
        f"that of the grey picture ({grey:.2f}); the training was given up."
    )


def words(where: str, last: Mapping[str, float], seconds: Sequence[float], left: int) -> str:
    """Progress: ``where`` it is, the losses of the ``last`` whole epoch, and the time for ``left`` more epochs.

    ``seconds``: what each epoch so far took.
    """
    said = [where]
    if last:
        said.append(f"G {last['g']:.2f} (L1 {last['ab_error']:.1f} Lab)")
    if seconds:
        recent = seconds[-RECENT:]
        said.append(f"{in_words(sum(recent) / len(recent) * left)} left")
    return " · ".join(said)
