"""A scene, or all scenes pooled by condition: its votes, its human scores, and what is said of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.core import words
from evaluation.core.ballots import Ballots
from evaluation.core.evidence import POOLED, Evidence
from evaluation.core.scale import inference, shares
from evaluation.core.scale.inference import JOD_LOGIT, NotEstimated, Scale
from evaluation.core.verdict.minimiser import Minimum
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import IntArray

Json = dict[str, Any]
#: Scores closer than this are one: the fit stops when no score moves by more than 1e-8 logits.
SAME_SCORE = 1e-6


@dataclass(frozen=True)
class Group:
    """A scene, or scenes pooled by condition (``scene`` None): its votes and its scores.

    ``spoken``: 'scene Tübingen' or 'all scenes'; ``where``: the same as the beginning of a sentence.
    """

    scene: str | None
    label: str
    spoken: str
    where: str
    votes: Ballots
    scale: Scale | NotEstimated


def groups(evidence: Evidence) -> list[Group]:
    """The pooled group first, then every scene in its order."""
    votes = evidence.votes
    everything = np.arange(len(votes.scenes))
    pooled = _group(evidence, everything, None, np.flatnonzero(votes.shared), evidence.scales[POOLED])
    return [
        pooled,
        *(
            _group(evidence, np.array([s]), scene, np.flatnonzero(votes.there[s]), evidence.scales[scene])
            for s, scene in enumerate(votes.scenes)
        ),
    ]


def where_complete(evidence: Evidence, pooled: Group, found: Minimum | Reason) -> Group:
    """The pooled group of the scenes the minimum rests on: votes of a scene without it say nothing about it."""
    votes = evidence.votes
    if isinstance(found, Reason) or found.n_scenes == len(votes.scenes):
        return pooled
    inside = np.array([s for s, scene in enumerate(votes.scenes) if scene in found.scenes])
    return _group(evidence, inside, None, np.flatnonzero(votes.shared), None)


def _group(
    evidence: Evidence, scenes: IntArray, scene: str | None, items: IntArray, scale: Scale | NotEstimated | None
) -> Group:
    """The votes of ``scenes`` between ``items``: of one ``scene``, or pooled; scores are estimated where not given."""
    votes, label = evidence.votes, evidence.scene_labels
    others = [f"scene {label[name]}" for s, name in enumerate(votes.scenes) if s not in scenes]
    if scene is not None or (len(scenes) == 1 and not others):
        spoken = f"scene {label[votes.scenes[scenes[0]]]}"
        where = f"In {spoken}"
    else:
        spoken = f"all scenes but {words.joined(others)}" if others else "all scenes"
        where = f"Over {spoken}"
    capital = spoken[0].upper() + spoken[1:]
    box = votes.group(scenes, items)
    if scale is None:
        options = evidence.options
        scale = inference.estimate(box, labels=evidence.labels, group=capital, seed=options.seed, draws=options.draws)
    name = label[scene] if scene is not None else capital if others else "All scenes"
    return Group(scene, name, spoken, where, box, scale)


def group_json(group: Group, evidence: Evidence) -> Json:
    """Scores and win shares of a group, row by row, and who leads."""
    data, voice, options = evidence.data, evidence.voice, evidence.options
    scale = group.scale
    at = {c: i for i, c in enumerate(scale.items)} if isinstance(scale, Scale) else {}
    testable = isinstance(scale, Scale) and scale.testable
    favourites = {scale.items[i] for i in scale.favourites(options.alpha)} if testable else set()  # type: ignore[union-attr]
    why = _scale_reason(scale)
    rows = []
    for share in shares.win_shares(group.votes):
        row: Json = asdict(share) | {"label": data.condition[share.condition].label}
        i = at.get(share.condition)
        if isinstance(scale, Scale) and i is not None:
            theta, se = float(scale.theta[i]), float(scale.se_score[i])
            low, high = scale.interval(theta, se) if testable else (None, None)
            row |= {"theta": theta, "se": se if testable else None, "theta_low": low, "theta_high": high}
            row |= {"jod": theta / JOD_LOGIT, "in_favourite_set": share.condition in favourites if testable else None}
        else:
            row |= dict.fromkeys(("theta", "se", "theta_low", "theta_high", "jod", "in_favourite_set"))
        complete = all(value is not None for value in row.values())
        row["reason"] = None if complete or why is None else words.reason_json(why, voice)
        rows.append(row)
    scored = sorted((r for r in rows if r["theta"] is not None), key=lambda r: -r["theta"])
    # Nobody leads where the two highest scores are one; and leading is not yet to be preferred.
    leads = scored and (len(scored) == 1 or scored[0]["theta"] - scored[1]["theta"] > SAME_SCORE)
    top = scored[0] if leads else None
    notes = scale.reasons if isinstance(scale, Scale) else (scale.reason,)
    return {
        "scope": "pooled" if group.scene is None else "scene",
        "scene": group.scene,
        "label": group.label,
        "n_votes": group.votes.n_votes,
        "n_participants": group.votes.n_participants,
        "favourite": top["condition"] if top else None,
        "favourite_label": top["label"] if top else None,
        "favourite_sure": top is not None and favourites == {top["condition"]},
        "notes": [words.reason_json(r, voice) for r in notes],
        "rows": rows,
    }


def _scale_reason(scale: Scale | NotEstimated) -> Reason | None:
    if isinstance(scale, NotEstimated):
        return scale.reason
    gates = ("NC_DISCONNECTED", "NC_FEW_PARTICIPANTS")
    return next((r for r in scale.reasons if r.code in gates), None)
