"""Answers that hardly come from somebody who looked for themselves: reported, and no reason to leave anybody out.

None of these was written down before the votes, and two of them look at what was preferred. So they are warnings: a
researcher may look closer, and the verdict with everybody stays the verdict. How often each finds a cheater, and how
often somebody honest, is measured in docs/stuffing.md.

Tails of counts that are sums of unequal coins are bounded by the binomial with their mean probability (Hoeffding 1956:
the sum is the less spread), so that no p-value here is too small by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from scipy import sparse, stats
from scipy.special import expit

from evaluation.core.dataset import StudyData
from evaluation.core.evidence import BoolArray, Evidence
from evaluation.core.sections import Json
from evaluation.core.voters.habits import binomial_half
from evaluation.core.voters.residuals import Leads
from evaluation.core.words import Voice
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

ALTERNATING, STEADY, SAME_SIDES, SAME_PICTURES, ONE_CONDITION = (
    "alternating", "steady", "same_sides", "same_pictures", "one_condition",
)  # fmt: skip
WORDS = {
    ALTERNATING: "changed the side from answer to answer far more, or far less, often than a coin",
    STEADY: "took nearly the same time for every answer",
    SAME_SIDES: "answered with the sides of another participant, answer for answer",
    SAME_PICTURES: "chose what another participant chose, beyond what the scores explain",
    ONE_CONDITION: "chose one condition beyond what the others' scores explain",
}
#: Level per participant of the rules about one person, and per study of those about two.
ALONE, TOGETHER = 0.001, 0.01
#: Spread of the logarithm of the response times below which nobody decides; people have .3 to .6.
STEADY_SD = 0.1
#: Answers below which nothing is said of times, and of two people's answers to the same.
LEAST = 10
#: Beyond so many participants nobody is held against everybody: it grows with the square.
MOST = 5000
#: Participants compared with all others at a time.
ROWS = 512


def oddities(evidence: Evidence, lead: Leads) -> dict[str, tuple[str, ...]]:
    """Participant -> the rules of :data:`WORDS` that their answers fall under, for those who fall under any."""
    found: dict[str, list[str]] = {}
    votes = evidence.votes
    sided = _sides(evidence.data)
    turns = np.array([turn for _, turn, _ in sided], dtype=np.intp)
    people, person = np.unique([who for who, _, _ in sided], return_inverse=True)
    side = np.array([s for _, _, s in sided], dtype=np.float64)
    left = float(np.mean(side > 0)) if len(side) else 0.5
    same = np.full(len(side), left**2 + (1 - left) ** 2)

    decided = lead.known & (votes.y != 0.5)
    first = np.minimum(votes.left, votes.right)
    pair = (votes.scene * len(votes.conditions) + first) * len(votes.conditions) + np.maximum(votes.left, votes.right)
    chosen = np.where((votes.y == 1) == (votes.left == first), 1.0, -1.0)
    p = expit(lead.full[decided])
    rules = [
        (ALTERNATING, _named(people, alternation_p(person, side, len(people)) < ALONE)),
        (STEADY, _steady(evidence.data)),
        (SAME_SIDES, _named(people, copied(person, turns, side, same, len(people)))),
        (
            SAME_PICTURES,
            _named(
                votes.people,
                copied(votes.person[decided], pair[decided], chosen[decided], p**2 + (1 - p) ** 2, len(votes.people)),
            ),
        ),
        (ONE_CONDITION, _named(votes.people, one_condition_p(evidence, lead) < ALONE)),
    ]
    for code, those in rules:
        for who, odd in those.items():
            if odd:
                found.setdefault(who, []).append(code)
    return {who: tuple(codes) for who, codes in found.items()}


def oddities_json(found: Mapping[str, tuple[str, ...]], n: int, voice: Voice) -> Json:
    """How many fall under each rule, and a sentence; who, is in the table of the participants."""
    counts = {code: sum(code in codes for codes in found.values()) for code in WORDS}
    said = "; ".join(f"{count} {WORDS[code]}" for code, count in counts.items() if count)
    some = f"{len(found)} of {n} participants answered in a way that deserves a look: {said}. It leaves nobody out."
    none = f"Of {n} participants nobody answered in a way that deserves a look."
    return {"counts": counts, "n": len(found), "sentence": voice.say(some if found else none)}


def alternation_p(person: IntArray, side: FloatArray, people: int) -> FloatArray:
    """(P,) two-sided binomial p of changes of side against one half: sides are drawn for each pair by itself.

    ``person`` (V,) ascending, ``side`` of each in the order of answering.
    """
    again = np.diff(person) == 0
    changed = again & (np.diff(side) != 0)
    n = np.bincount(person[1:][again], minlength=people)
    return binomial_half(np.bincount(person[1:][changed], minlength=people).astype(np.intp), n.astype(np.intp))


def copied(person: IntArray, cell: IntArray, sign: FloatArray, same: FloatArray, people: int) -> BoolArray:
    """(P,) whether somebody agrees with another on the cells both answered beyond chance, corrected for all twosomes.

    Arrays (V,): ``cell`` numbers what was answered, ``sign`` how (1 or -1), ``same`` is the probability that two people
    agree on it. A cell that one person answered twice is left out.
    """
    odd = np.zeros(people, dtype=bool)
    if people < 2 or people > MOST or not len(cell):
        return odd
    _, column = np.unique(cell, return_inverse=True)
    key = person.astype(np.int64) * (column.max() + 1) + column
    _, met = np.unique(key, return_inverse=True)
    once = np.bincount(met)[met] == 1
    person, column, sign, same = person[once], column[once], sign[once], same[once]
    shape = (people, int(column.max(initial=0)) + 1)

    def table(values: FloatArray) -> sparse.csr_array:
        return sparse.csr_array((values, (person, column)), shape=shape)

    there, signs, chance = table(np.ones(len(sign))), table(sign), table(same)
    least = np.full(people, np.inf)
    twosomes = 0
    for start in range(0, people, ROWS):
        rows = slice(start, start + ROWS)
        n = (there[rows] @ there.T).toarray()
        agreed = (n + (signs[rows] @ signs.T).toarray()) / 2
        mean = (chance[rows] @ there.T).toarray() / np.maximum(n, 1)
        n[np.arange(n.shape[0]), np.arange(start, start + n.shape[0])] = 0  # oneself
        p = np.where(n >= LEAST, stats.binom.sf(np.rint(agreed) - 1, np.rint(n), np.minimum(mean, 1.0)), np.inf)
        twosomes += int((n >= LEAST).sum())
        least[rows] = p.min(axis=1)
    return np.asarray(least * max(1, twosomes // 2) < TOGETHER)


def one_condition_p(evidence: Evidence, lead: Leads) -> FloatArray:
    """(P,) p of the condition that somebody chose most beyond the others' scores, corrected for their conditions."""
    votes = evidence.votes
    use = lead.known & (votes.y != 0.5)
    people, k = len(votes.people), len(votes.conditions)
    wins_left = expit(lead.held_out[use])
    person = np.concatenate([votes.person[use], votes.person[use]])
    item = np.concatenate([votes.left[use], votes.right[use]])
    won = np.concatenate([votes.y[use], 1 - votes.y[use]])
    expected = np.concatenate([wins_left, 1 - wins_left])
    cell = person * k + item
    n, w, e = (np.bincount(cell, weights=x, minlength=people * k) for x in (np.ones(len(cell)), won, expected))
    some = n > 0
    p = np.ones(people * k)
    p[some] = stats.binom.sf(w[some] - 1, n[some].astype(int), np.clip(e[some] / n[some], 0, 1))
    met = np.maximum(1, some.reshape(people, k).sum(axis=1))
    return np.asarray(np.minimum(1.0, p.reshape(people, k).min(axis=1, initial=1.0) * met))


def _sides(data: StudyData) -> list[tuple[str, int, float]]:
    """Participant, place and side (1 left, -1 right) of the sided answers, by participant in the order of answering."""
    rows = [t for t in data.trials if t.choice in ("left", "right") and not t.superseded]
    rows.sort(key=lambda t: (t.participant, t.place))
    return [(t.participant, t.place, 1.0 if t.choice == "left" else -1.0) for t in rows]


def _steady(data: StudyData) -> dict[str, bool]:
    times: dict[str, list[float]] = {}
    for trial in data.trials:
        if trial.choice and not trial.superseded and trial.rt_ms:
            times.setdefault(trial.participant, []).append(float(np.log(trial.rt_ms)))
    return {who: len(logs) >= LEAST and float(np.std(logs)) < STEADY_SD for who, logs in times.items()}


def _named(people: Iterable[str], odd: BoolArray) -> dict[str, bool]:
    return {str(who): bool(flag) for who, flag in zip(people, odd, strict=True)}
