"""What the learned weights gain over the generator's in scenes they were not learned from.

The scenes are others, the people are not: who prefers strong stylisation teaches that in the one scene and votes for it
in the other. With the weights taken as given, agreement by chance looks surer than it is (the test rejects a true null
in up to 12 of 100 studies), so its SE lets the weights vary with the people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.core import clusters
from evaluation.core.evidence import Evidence
from evaluation.core.resampling import half_signs, scene_scores
from evaluation.core.weights import logit
from evaluation.core.weights.learned.parts import Parts
from evaluation.core.weights.logit import Logit
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Random halves of the participants.
HALVES = 100


@dataclass(frozen=True)
class Gain:
    """A mean difference, learned less generator's, and its participant-clustered SE."""

    estimate: float
    se: float
    n_scenes: int


def weights_without(fitted: Logit, scene: IntArray, n_scenes: int) -> FloatArray:
    """(S, 2) coefficients of style and content without each scene; ``scene``: (V,) numbers of all the study's scenes.

    NaN for a scene without votes.
    """
    found = np.full((n_scenes, 2), np.nan)
    found[np.bincount(scene, minlength=n_scenes) > 0] = fitted.without(logit.renumbered(scene))[:, 1:]
    return found


@dataclass(frozen=True)
class Halves:
    """Random halves of the participants. ``signs``: (H, P) +1 inside, -1 outside; ``coef``: (H, S, 2) what
    :func:`weights_without` would give in each."""

    signs: FloatArray
    coef: FloatArray


def halves(fitted: Logit, coef: FloatArray, person: IntArray, scene: IntArray, *, seed: int) -> Halves:
    """Halves with their weights by one Newton step from ``coef`` (S, 2) of :func:`weights_without`; ``person``: (V,)
    from 0 without gaps."""
    people, n_scenes, q = logit.count(person), len(coef), fitted.design.shape[1]
    signs = half_signs(people, seed=seed, splits=HALVES).astype(np.float64)
    own = clusters.cluster_sums(fitted.scores, person * n_scenes + scene, people * n_scenes)
    pull = (signs @ own.reshape(people, n_scenes * q)).reshape(HALVES, n_scenes, q)
    elsewhere = pull.sum(axis=1, keepdims=True) - pull
    information = fitted.information - logit.information_by_group(fitted.design, fitted.weight, scene, n_scenes)
    step = np.einsum("hsq,sqr->hsr", elsewhere, np.linalg.pinv(information, hermitian=True))
    return Halves(signs, coef + step[..., 1:])


def agreement_gain(
    coef: FloatArray, drawn: Halves, z: FloatArray, raw: FloatArray, weights: tuple[float, float], y: FloatArray,
    person: IntArray, scene: IntArray,
) -> Gain:  # fmt: skip
    """Share of votes that agree with the learned combination less that of the generator's.

    ``coef``: (S, 2) of :func:`weights_without`; ``drawn``: of :func:`halves`; ``z``, ``raw``: (V, 2) differences;
    ``weights``: (style, content). The spread of the halves about all is the SE (Shao and Wu 1989).
    """
    own = _credit(-(raw @ np.array(weights)), y)
    gain = float(np.mean(_credit(_lead(coef, z, scene), y) - own))
    squares = 0.0
    for signs, learned in zip(drawn.signs, drawn.coef, strict=True):
        inside = signs[person] > 0
        more = _credit(_lead(learned, z[inside], scene[inside]), y[inside]) - own[inside]
        squares += (float(more.mean()) - gain) ** 2
    return Gain(gain, float(np.sqrt(squares / len(drawn.signs))), logit.count(scene))


def regret_gain(evidence: Evidence, parts: Parts, coef: FloatArray, weights: tuple[float, float]) -> Gain | None:
    """How much better the image is that the learned weights choose, in logits: the mean over scenes of
    theta(learned) - theta(generator's), which is how much regret falls. None where no scene has both."""
    difference: list[float] = []
    own = np.zeros(len(evidence.votes.people))
    z = np.stack([parts.style.z, parts.content.z], axis=-1)
    raw = np.stack([parts.style.cells, parts.content.cells], axis=-1)
    for scores in scene_scores(evidence):
        s = scores.scene
        here_z, here = z[s, scores.items], raw[s, scores.items]
        if np.isnan(here_z).any() or np.isnan(coef[s]).any():
            continue
        chosen, old = int(np.argmax(here_z @ coef[s])), int(np.argmin(here @ np.array(weights)))
        difference.append(float(scores.theta[chosen] - scores.theta[old]))
        own[scores.people] += scores.scale.influence[:, chosen] - scores.scale.influence[:, old]
    if not difference:
        return None
    n = len(difference)
    return Gain(float(np.mean(difference)), float(np.sqrt(np.sum(own**2)) / n), n)


def _lead(coef: FloatArray, z: FloatArray, scene: IntArray) -> FloatArray:
    """(V,) left less right by the weights ``coef`` (S, 2) of each vote's scene."""
    return np.asarray(coef[scene, 0] * z[:, 0] + coef[scene, 1] * z[:, 1])


def _credit(lead: FloatArray, y: FloatArray) -> FloatArray:
    """(V,) 1 where the side with the higher ``lead`` (left less right) was chosen, 1/2 for ties."""
    return np.asarray(np.where(lead == 0, 0.5, np.where(lead > 0, y, 1 - y)))
