"""A larger model against a smaller one on the same votes: its Wald test, and what it gains where it was not fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.core import clusters
from evaluation.core.weights import logit
from evaluation.core.weights.logit import Logit
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


@dataclass(frozen=True)
class Gained:
    """Mean difference per vote, larger less smaller model, positive where the larger is better; its clustered SE."""

    estimate: float
    se: float


@dataclass(frozen=True)
class Increment:
    """What the last ``added`` columns add. ``p``, ``f``: clustered Wald test (C1); ``p_c2``: two-way, or None.

    ``log_loss_people``, ``log_loss_scenes``: fall of the log-loss (nats per vote) with a participant, or a scene, left
    out; ``agreement``: rise of the share of votes on the predicted side, participants left out.
    """

    f: float
    p: float
    df: int
    p_c2: float | None
    df_c2: int
    log_loss_people: Gained
    log_loss_scenes: Gained | None
    agreement: Gained


def increment(small: Logit, large: Logit, person: IntArray, scene: IntArray, *, min_scenes: int) -> Increment:
    """Compare two fitted models of the same votes; the columns of ``small`` come first in ``large``."""
    added = slice(small.design.shape[1], None)
    people, scenes = logit.count(person), logit.count(scene)
    f, p = logit.wald(large.coef[added], large.by_participant(person)[added, added], people - 1)
    p_c2, df_c2 = None, min(people, scenes) - 1
    if scenes >= min_scenes:
        p_c2 = logit.wald(large.coef[added], large.by_both(person, scene)[added, added], df_c2)[1]
    by_person = [left_out(model, person) for model in (small, large)]
    place = logit.renumbered(scene)
    by_scene = [left_out(model, place) for model in (small, large)] if scenes > 1 else None
    y = small.y
    return Increment(
        f=f,
        p=p,
        df=people - 1,
        p_c2=p_c2,
        df_c2=df_c2,
        log_loss_people=_gained(_losses(by_person, y), person),
        log_loss_scenes=_gained(_losses(by_scene, y), person) if by_scene else None,
        agreement=_gained(_sides(by_person, (small, large), y), person),
    )


def left_out(model: Logit, groups: IntArray) -> FloatArray:
    """(V,) linear predictor of each vote by the model without the vote's group."""
    return np.asarray(np.einsum("vq,vq->v", model.design, model.without(groups)[groups]))


def _losses(predicted: list[FloatArray], y: FloatArray) -> FloatArray:
    return np.asarray(logit.log_loss(predicted[0], y) - logit.log_loss(predicted[1], y))


def _sides(predicted: list[FloatArray], models: tuple[Logit, Logit], y: FloatArray) -> FloatArray:
    """(V,) credit of the larger model less that of the smaller; a model without metrics predicts neither side."""
    credit = [
        np.full(len(y), 0.5) if model.design.shape[1] == 1 else np.where(eta == 0, 0.5, np.where(eta > 0, y, 1 - y))
        for eta, model in zip(predicted, models, strict=True)
    ]
    return np.asarray(credit[1] - credit[0])


def _gained(difference: FloatArray, person: IntArray) -> Gained:
    mean = float(difference.mean())
    spread = clusters.meat(difference - mean, person)[0, 0]
    return Gained(mean, float(np.sqrt(max(0.0, spread)) / len(difference)))
