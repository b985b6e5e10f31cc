"""How to analyse: what must be said before the votes are looked at, and what makes two runs give the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.core.dataset import StudyData
from studyplatform.voting.core.claims import ALPHA, DRAWS, MARGIN, SEED, logit


@dataclass(frozen=True)
class Options:
    """``alpha``: level of the tests. ``delta``: margin of equivalence in logits. ``seed`` and ``draws``: of every
    resampling. ``planted``: the truth of a rehearsal, {"favourite": label, "agrees_with_loss": bool}."""

    alpha: float = ALPHA
    delta: float = logit(MARGIN)
    seed: int = SEED
    draws: int = DRAWS
    planted: Mapping[str, Any] | None = None

    @classmethod
    def planned(cls, data: StudyData, *, seed: int = SEED) -> Options:
        """Those that the design of ``data`` fixed before the votes."""
        return cls(alpha=data.alpha, delta=logit(data.margin), seed=seed)

    def to_json(self) -> dict[str, Any]:
        """The JSON object stored with the results."""
        return asdict(self)


def departures(data: StudyData, options: Options) -> tuple[str, ...]:
    """A sentence on everything that is not as it was preregistered: of the study, and of these ``options``.

    Empty for a study without a preregistration: nothing of it is confirmatory anyway.
    """
    if not data.frozen_at:
        return ()
    planned = Options.planned(data)
    said = [
        f"The {name} is {_said(own)} here and was preregistered as {_said(before)}."
        for name, own, before in (
            ("level of the tests", options.alpha, planned.alpha),
            ("margin of equivalence (logit)", options.delta, planned.delta),
            ("seed of the resamplings", options.seed, planned.seed),
            ("number of resamplings", options.draws, planned.draws),
        )
        if own != before
    ]
    return (*data.departures, *said)


def _said(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
