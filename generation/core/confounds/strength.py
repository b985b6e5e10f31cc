"""How far the pictures of style transfer have moved from their photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from generation.core.confounds.links import FloatArray, Measure
from generation.core.protocols import loss_terms
from generation.core.spec import Params
from generation.core.style_objective import features

#: LPIPS (SqueezeNet) to the photograph below which a picture still passes for it. Looked at in the project's own grids
#: (ten optimisers over many learning rates, three styles): below 0.20 a plain photograph under faint grain, above it
#: strokes and a tint at first sight; whole stylisations have 0.28 to 0.70.
HARDLY = 0.2
#: Share of the photograph's style loss that is gone, below which a picture is not much stylised; asked only where
#: there is no LPIPS. In the same grids pictures under ``HARDLY`` have 0.26 to 0.62, those above it 0.62 and more.
LITTLE = 0.6


@dataclass(frozen=True)
class Strength:
    """One condition, medians over scenes; None where nothing was measured.

    lpips : LPIPS to the photograph. content : raw content loss.
    reduction : 1 - style loss / that of the photograph; below 0 the picture shows less of the style than it did.
    """

    label: str
    lpips: float | None
    content: float | None
    reduction: float | None

    @property
    def hardly(self) -> bool:
        """Whether the condition has hardly changed the photograph."""
        if self.lpips is not None:
            return round(self.lpips, 2) < HARDLY  # as it is written
        return self.reduction is not None and 0 <= round(self.reduction, 2) < LITTLE


def strengths(
    labels: Sequence[str], lpips: Measure | None, content: Measure | None, style: Measure | None, start: FloatArray
) -> list[Strength]:
    """One entry per condition; none where no condition has any of the numbers.

    ``start``: (S,) raw style loss of each scene's photograph, NaN where it is not known.
    """
    nothing = np.full((len(start), len(labels)), np.nan)
    positive = np.where(start > 0, start, np.nan)[:, None]
    columns = [
        lpips.values if lpips else nothing,
        content.values if content else nothing,
        1 - style.values / positive if style else nothing,
    ]
    found = [Strength(label, *(_median(column[:, c]) for column in columns)) for c, label in enumerate(labels)]
    return found if any((s.lpips, s.content, s.reduction) != (None, None, None) for s in found) else []


def start_of(curve: Mapping[str, FloatArray], params: Params, config: Mapping[str, Any]) -> float | None:
    """The raw style loss of the photograph at the head of a loss curve, for grids without the photograph as a control.

    None where the curve does not begin with it at full size (another first picture, several scales), or where its loss
    is not the one that a metric with the settings ``config`` measures.
    """
    try:
        fits = params["init"] == "content" and params["scales"] == 1 and features(params) == config
    except KeyError:  # conditions of another method, or of an earlier version
        return None
    values, _weight = loss_terms(curve).get("style", (np.array([]), 0.0))
    return float(values[0]) if fits and len(values) and np.isfinite(values[0]) else None


def _median(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
