"""``human_scores.csv``: the score of every item with its errors, over all scenes and in each (E1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.core.evidence import POOLED, Evidence
from evaluation.core.scale.inference import JOD_LOGIT, NotEstimated, Scale
from evaluation.core.sections import OK, Section, refused
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray

Json = dict[str, Any]


def scores_section(evidence: Evidence) -> Section:
    """Rows of human scores. In scope ``scene`` an item is a stimulus (the first replicate), in ``pooled`` a
    condition."""
    shown: dict[tuple[str, str], str] = {}
    for s in sorted(evidence.data.stimuli, key=lambda s: (s.replicate, s.id)):
        if s.role == "grid":
            shown.setdefault((s.scene, s.condition), s.id)
    rows: list[Json] = []
    for scene, scale in evidence.scales.items():
        for row in _rows(scale, evidence.options.alpha):
            item = row["item"] if scene is POOLED else shown[scene, row["item"]]
            scope = "pooled" if scene is POOLED else "scene"
            rows.append({"scope": scope, "scene_id": scene or ""} | row | {"item": item})
    return Section({}, {"human_scores": rows})


def share_best(scale: Scale) -> FloatArray:
    """(K,) how often each item leads when participants are drawn anew: one-step draws theta + signs x influence."""
    leaders = np.argmax(scale.theta + scale.null_scores, axis=1)
    return np.asarray(np.bincount(leaders, minlength=len(scale.items)) / len(leaders))


def _rows(scale: Scale | NotEstimated, alpha: float) -> list[Json]:
    nothing = dict.fromkeys(
        ("theta", "se_model", "se_cluster", "ci_low", "ci_high", "theta_jod", "p_best", "in_favourite_set")
    )
    if isinstance(scale, NotEstimated):
        return [{"item": item} | nothing | {"n_votes": 0} | refused(scale.reason) for item in scale.items]
    best = share_best(scale)
    favourites = set(scale.favourites(alpha).tolist()) if scale.testable else set()
    rows: list[Json] = []
    for i, item in enumerate(scale.items):
        theta = float(scale.theta[i])
        low, high = scale.interval(theta, float(scale.se_score[i])) if scale.testable else (None, None)
        rows.append(
            {
                "item": item,
                "theta": theta,
                "se_model": float(np.sqrt(scale.cov_model[i, i])),
                "se_cluster": float(np.sqrt(scale.cov[i, i])) if scale.testable else None,
                "ci_low": low,
                "ci_high": high,
                "theta_jod": theta / JOD_LOGIT,
                "p_best": float(best[i]) if scale.testable else None,
                "in_favourite_set": i in favourites if scale.testable else None,
                "n_votes": int(scale.n_votes[i]),
            }
            | _status(scale)
        )
    disconnected = next((r for r in scale.reasons if r.code == "NC_DISCONNECTED"), None)
    if disconnected is not None:
        rows += [{"item": item} | nothing | {"n_votes": 0} | refused(disconnected) for item in scale.left_out]
    return rows


def _status(scale: Scale) -> Json:
    """Ok, or the first thing a reader of the number must know."""
    noted: Reason | None = next(iter(scale.reasons), None)
    if noted is None:
        return dict(OK)
    return {"status": "warning", "reason_code": noted.code, "message": noted.sentence}
