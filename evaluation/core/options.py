"""How to analyse: what must be said before the votes are looked at, and what makes two runs give the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.core.verdict.hypotheses import DELTA


@dataclass(frozen=True)
class Options:
    """``alpha``: level of the tests. ``delta``: margin of equivalence in logits. ``seed`` and ``draws``: of every
    resampling. ``planted``: the truth of a rehearsal, {"favourite": label, "agrees_with_loss": bool}."""

    alpha: float = 0.05
    delta: float = DELTA
    seed: int = 1
    draws: int = 9999
    planted: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON object stored with the results."""
        return asdict(self)
