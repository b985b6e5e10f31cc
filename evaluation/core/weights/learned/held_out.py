"""What the learned weights gain over the generator's in scenes they were not learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.core.evidence import Evidence
from evaluation.core.resampling import scene_scores
from evaluation.core.weights import logit
from evaluation.core.weights.learned.parts import Parts
from evaluation.core.weights.logit import Logit
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


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


def agreement_gain(
    coef: FloatArray, z: FloatArray, raw: FloatArray, weights: tuple[float, float], y: FloatArray, person: IntArray,
    scene: IntArray,
) -> Gain:  # fmt: skip
    """Share of votes that agree with the learned combination less that of the generator's.

    ``coef``: (S, 2) of :func:`weights_without`; ``z``, ``raw``: (V, 2) differences; ``weights``: (style, content).
    """
    learned = _credit(np.sum(coef[scene] * z, axis=1), y)
    own = _credit(-(raw @ np.array(weights)), y)
    n = np.bincount(person).astype(float)
    earned = np.bincount(person, learned - own)
    gain = float(earned.sum() / n.sum())
    people = len(n)
    se = float(np.sqrt(people / (people - 1) * np.sum((earned - gain * n) ** 2)) / n.sum())
    return Gain(gain, se, logit.count(scene))


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


def _credit(lead: FloatArray, y: FloatArray) -> FloatArray:
    """(V,) 1 where the side with the higher ``lead`` (left less right) was chosen, 1/2 for ties."""
    return np.asarray(np.where(lead == 0, 0.5, np.where(lead > 0, y, 1 - y)))
