"""Human scores with participants as the sampling unit.

Estimates are Bradley-Terry strengths; their covariance is the one-step delete-one-participant jackknife (CR3), floored
by the model's own; intervals use Student's t with P - 1 degrees of freedom. Votes of one person are not independent:
tests that treat them so reject a true null in 27-42 % of studies (specs/evaluation.md sections 0, 2.1 and 5.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.core import words
from evaluation.core.ballots import Ballots, ParticipantPairs
from evaluation.core.scale import jackknife
from evaluation.core.words import Reason
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: One just objectionable difference is 75 : 25, in logits (specs/evaluation.md, E1; Perez-Ortiz and Mantiuk 2017).
JOD_LOGIT = float(np.log(3.0))
#: Below this many participants max-t multipliers are too few to hold their level: Bonferroni-t instead.
BONFERRONI_BELOW = 20
#: Above this many participants the multipliers are Gaussian: signs of 20 000 would be 1.6 GB.
MANY = 2_000


@dataclass(frozen=True)
class Scale:
    """Human scores of one group of conditions.

    ``items``: (K,) condition ids, the part of the group that hangs together. ``theta``: (K,) logits, mean zero.
    ``cov``, ``cov_model``: (K, K), CR3 and model-based. ``influence``: (P, K) what each participant adds to theta
    (its outer product is CR3). ``n_votes``: (K,). ``reasons``: notes that belong beside the numbers. ``left_out``:
    items of the group without a score. ``p_unanimous``: (K, K) sign-test p of row over column with participants as
    the units, where the row is unbounded against the column and won every direct vote between the two; 1 elsewhere.
    """

    items: tuple[str, ...]
    theta: FloatArray
    cov: FloatArray
    cov_model: FloatArray
    influence: FloatArray
    n_votes: IntArray
    total_votes: int
    n_participants: int
    reasons: tuple[Reason, ...]
    left_out: tuple[str, ...]
    p_unanimous: FloatArray
    seed: int
    draws: int

    @property
    def df(self) -> int:
        """Degrees of freedom of every t: participants less one."""
        return self.n_participants - 1

    @property
    def testable(self) -> bool:
        """Whether there are participants enough for intervals and tests that hold their level."""
        return self.n_participants >= words.MIN_PARTICIPANTS

    @cached_property
    def se_score(self) -> FloatArray:
        """(K,) standard error of each score against the mean of its group."""
        return np.sqrt(np.maximum(np.diag(self.cov), np.diag(self.cov_model)))

    @cached_property
    def se_contrast(self) -> FloatArray:
        """(K, K) standard error of theta_j - theta_h: the larger of clustered and model-based; zero diagonal."""
        variance = np.maximum(_contrast_variance(self.cov), _contrast_variance(self.cov_model))
        return np.sqrt(np.maximum(variance, 0.0))

    def t_against(self, h: int) -> FloatArray:
        """(K,) t values of theta_j - theta_h; 0 for h itself."""
        return np.asarray((self.theta - self.theta[h]) / _positive(self.se_contrast[h]))

    @cached_property
    def null_scores(self) -> FloatArray:
        """(draws, K) multipliers on the participants' contributions: theta under 'no differences'.

        One Rademacher sign per participant; above :data:`MANY` participants the sum of their signed contributions is
        Gaussian and drawn as such.
        """
        rng = np.random.default_rng(self.seed)
        if self.n_participants > MANY:
            root = np.linalg.qr(self.influence, mode="r")
            return np.asarray(rng.standard_normal((self.draws, len(root))) @ root)
        signs = rng.integers(0, 2, size=(self.draws, self.n_participants)) * 2.0 - 1.0
        return np.asarray(signs @ self.influence)

    def null_max_t(self, h: int, rivals: IntArray) -> FloatArray:
        """(draws,) max over ``rivals`` of t*: standardised by the clustered SE and widened to t(P - 1).

        Dividing by the clustered SE (not the floored one) keeps t* at unit variance where the floor is in force.
        """
        se = _positive(np.sqrt(np.maximum(_contrast_variance(self.cov)[h, rivals], 0.0)))
        t = (self.null_scores[:, rivals] - self.null_scores[:, [h]]) / se
        widen = float(stats.t.ppf(0.95, self.df) / stats.norm.ppf(0.95))
        return np.asarray(t.max(axis=1) * widen)

    def p_some_rival_better(self, h: int, rivals: IntArray) -> float:
        """p of H0: no rival beats h (E2, refute). Max-t with multipliers; Bonferroni-t below 20 participants.

        Under separation a Wald t shrinks as the evidence grows (Hauck and Donner 1977), so a rival that won every
        direct vote may refute by the sign test; its p is doubled to pay for the second look.
        """
        unanimous = float(min(1.0, 2 * len(rivals) * self.p_unanimous[rivals, h].min()))
        largest = float(self.t_against(h)[rivals].max())
        if self.n_participants < BONFERRONI_BELOW:
            return float(min(unanimous, len(rivals) * stats.t.sf(largest, self.df)))
        p = float((1 + np.sum(self.null_max_t(h, rivals) >= largest)) / (self.draws + 1))
        return min(unanimous, p)

    def p_each_rival_worse(self, h: int, rivals: IntArray) -> FloatArray:
        """(len(rivals),) one-sided p of H0: the rival is at least as good as h (E2, confirm)."""
        wald = stats.t.cdf(self.t_against(h)[rivals], self.df)
        return np.asarray(np.minimum(wald, np.minimum(1.0, 2 * self.p_unanimous[h, rivals])))

    def bounds_rival_better(self, h: int, rivals: IntArray, alpha: float) -> FloatArray:
        """(len(rivals),) lower bounds of theta_j - theta_h that agree with :meth:`p_some_rival_better`."""
        reach = self.one_sided_quantile(h, rivals, 1 - alpha) * self.se_contrast[h, rivals]
        exact = _exact_bound(self.p_unanimous[rivals, h], alpha / (2 * len(rivals)))
        return _deciding(self.theta[rivals] - self.theta[h] - reach, exact)

    def bounds_rival_worse(self, h: int, rivals: IntArray, alpha: float) -> FloatArray:
        """(len(rivals),) lower bounds of theta_h - theta_j that agree with :meth:`p_each_rival_worse`."""
        reach = float(stats.t.ppf(1 - alpha, self.df)) * self.se_contrast[h, rivals]
        exact = _exact_bound(self.p_unanimous[h, rivals], alpha / 2)
        return _deciding(self.theta[h] - self.theta[rivals] - reach, exact)

    def one_sided_quantile(self, h: int, rivals: IntArray, level: float) -> float:
        """Multiplier of the SE in a simultaneous one-sided bound over ``rivals``."""
        if self.n_participants < BONFERRONI_BELOW:
            return float(stats.t.ppf(1 - (1 - level) / len(rivals), self.df))
        return float(np.quantile(self.null_max_t(h, rivals), level))

    def favourites(self, alpha: float) -> IntArray:
        """Items that cannot be refuted as the favourite at ``alpha``: Hsu's confidence set (Hsu 1984, MCB)."""
        everyone = np.arange(len(self.items))
        kept = [h for h in everyone if self.p_some_rival_better(int(h), np.delete(everyone, h)) >= alpha]
        return np.array(kept, dtype=np.intp)

    def interval(self, estimate: float, se: float, level: float = 0.95) -> tuple[float, float]:
        """Two-sided t(P - 1) interval on the logit scale."""
        half = float(stats.t.ppf(0.5 + level / 2, self.df)) * se
        return estimate - half, estimate + half


@dataclass(frozen=True)
class NotEstimated:
    """A group that has no scores, and why."""

    items: tuple[str, ...]
    reason: Reason
    total_votes: int
    n_participants: int


def estimate(
    votes: Ballots, *, labels: Mapping[str, str], group: str, seed: int = 1, draws: int = 9999
) -> Scale | NotEstimated:
    """Fit the scores of one group (E1) behind its gates.

    ``labels``: condition id -> label, ``group``: its name, both for the sentences. ``seed`` and ``draws`` set the
    multiplier resampling. Disconnected groups are cut to their largest component; separated ones get the ridge.
    """
    refusal = _refused(votes, group)
    if refusal is not None:
        return NotEstimated(votes.items, refusal, votes.n_votes, votes.n_participants)
    people = votes.by_participant()
    keep = _largest_component(bradley_terry.comparison_components(people.pairs))
    reasons: list[Reason] = []
    left_out = tuple(c for i, c in enumerate(votes.items) if not keep[i])
    if left_out:
        reasons.append(
            words.reason(
                "NC_DISCONNECTED",
                items=f"{words.joined([labels[c] for c in left_out])} {'was' if len(left_out) == 1 else 'were'}",
                component=words.joined([labels[c] for i, c in enumerate(votes.items) if keep[i]]),
            )
        )
    people = people.among(np.flatnonzero(keep))
    items = tuple(c for i, c in enumerate(votes.items) if keep[i])
    fit = bradley_terry.fit_pairs(people.pairs)
    if fit.separated.any():
        named = _separated_words(items, people.pairs.table(), fit.separated, labels)
        whose = "its" if fit.separated.sum() == 1 else "each"
        reasons.append(words.reason("NC_SEPARATED", items=named, whose=whose))
    if people.n_participants < words.MIN_PARTICIPANTS:
        reasons.append(words.few_participants(people.n_participants))
    cov, cov_model, influence = jackknife.covariance(fit, people)
    return Scale(
        items=items,
        theta=fit.theta,
        cov=cov,
        cov_model=cov_model,
        influence=influence,
        n_votes=np.rint(people.pairs.both(people.pairs.games)).astype(np.intp),
        total_votes=int(np.rint(people.pairs.games.sum())),
        n_participants=people.n_participants,
        reasons=tuple(reasons),
        left_out=left_out,
        p_unanimous=_unanimous(people) if fit.separated.any() else np.ones((len(items), len(items))),
        seed=seed,
        draws=draws,
    )


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment; None stays None and does not count."""
    there = [i for i, value in enumerate(p) if value is not None]
    adjusted: list[float | None] = [None] * len(p)
    running = 0.0
    for rank, i in enumerate(sorted(there, key=lambda i: p[i] or 0.0)):
        running = max(running, min(1.0, (len(there) - rank) * (p[i] or 0.0)))
        adjusted[i] = running
    return adjusted


def _unanimous(people: ParticipantPairs) -> FloatArray:
    """Sign-test p, one-sided, of the pairs in which all direct votes went to the row and no way leads back from the
    column by others: the row's score is then unbounded against the column's."""
    pairs, k = people.pairs, people.pairs.n_items
    first, second = pairs.first[people.pair], pairs.second[people.pair]
    sided = np.concatenate([(first * k + second)[people.wins > 0], (second * k + first)[people.games > people.wins]])
    supporters = np.bincount(sided, minlength=k * k).reshape(k, k)
    strong = bradley_terry.strong_components(pairs)
    return np.where((supporters > 0) & (strong[:, None] != strong[None, :]), 0.5**supporters, 1.0)


def _exact_bound(p_unanimous: FloatArray, level: float) -> FloatArray:
    """Lower bound, in logits, of how often a person sides with the row when all n did: level^(1/n).

    It lies above one half exactly where the sign test has p < ``level`` (Clopper and Pearson 1934, all successes).
    """
    bound = np.full(len(p_unanimous), -np.inf)  # nobody decided: no bound
    decided = p_unanimous < 1
    log_win = np.log(level) / -np.log2(p_unanimous[decided])
    bound[decided] = log_win - np.log(-np.expm1(log_win))
    return bound


def _deciding(wald: FloatArray, exact: FloatArray) -> FloatArray:
    """The exact bound where the sign test decides (an estimate is regularised there), else the better of the two."""
    return np.where(exact > 0, exact, np.maximum(wald, exact))


def _refused(votes: Ballots, group: str) -> Reason | None:
    k = len(votes.items)
    if k < 2:
        return words.reason("NC_ONE_CONDITION", group=group)
    if votes.n_votes == 0:
        return words.reason("NC_NO_VOTES", group=group)
    met = votes.votes_on[votes.votes_on > 0]
    if votes.n_votes < 3 * (k - 1) or met.min() < words.MIN_VOTES:
        return words.reason("NC_FEW_VOTES", group=group, votes=votes.n_votes, conditions=k, needed=words.MIN_VOTES)
    return None


def _largest_component(component: IntArray) -> npt.NDArray[np.bool_]:
    names, sizes = np.unique(component, return_counts=True)
    return np.asarray(component == names[np.argmax(sizes)])


def _separated_words(
    items: Sequence[str], wins: FloatArray, separated: npt.NDArray[np.bool_], labels: Mapping[str, str]
) -> str:
    parts = []
    for i in np.flatnonzero(separated).tolist():
        won, lost = wins[i].sum(), wins[:, i].sum()
        name = labels[items[i]]
        if won and lost:
            parts.append(f"votes between {name} and the rest all went one way")
        else:
            parts.append(f"{name} {'won' if won else 'lost'} every vote")
    text = words.joined(parts)
    return f"V{text[1:]}" if text.startswith("votes between") else text


def _contrast_variance(cov: FloatArray) -> FloatArray:
    diagonal = np.diag(cov)
    return np.asarray(diagonal[:, None] + diagonal[None, :] - 2 * cov)


def _positive(se: FloatArray) -> FloatArray:
    # A zero (an item against itself) divides a zero difference; the tiny number only keeps 0/0 from being NaN.
    return np.where(se > 0, se, 1e-12)
