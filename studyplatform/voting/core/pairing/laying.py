"""The plans of a study's sessions, laid at once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from studyplatform.voting.core.pairing.decks import Deck, shuffled
from studyplatform.voting.core.pairing.plans import PRACTICE, KnownPair, Photographed, PlannedTrial
from studyplatform.voting.core.pairing.real_or_fake import REAL_OR_FAKE
from studyplatform.voting.core.pairing.strategies import BALANCED, STRATEGIES, Strategy
from studyplatform.voting.core.pairing.weaving import known_trials, weave


def lay_blocks(
    *,
    scenes: Mapping[int, Sequence[int]] | Sequence[tuple[int, Sequence[int]]],
    questions: Sequence[int],
    trials: int,
    sessions: int,
    seed: int,
    strategy: str = BALANCED,
    targets: Mapping[int, int] | None = None,
    real: Mapping[int, Sequence[Photographed]] | None = None,
    known: Mapping[int, Sequence[KnownPair]] | None = None,
    practice: int = 0,
    catches: int = 0,
    repeats: int = 0,
) -> list[list[PlannedTrial]]:
    """Lay the plans of ``sessions`` participants, each of ``trials`` main trials and what is woven in between.

    Parameters
    ----------
    scenes : scene -> stimuli to compare there, two or more; a control is one more of them. As a sequence of tuples a
        scene may come several times (its replicates), each a group with pairs of its own.
    questions : asked one after the other within a session, each of about ``trials / len(questions)`` main trials; which
        goes first, and which gets an odd pair, rotates over sessions.
    trials : main trials of a session; with ``all_pairs`` a session has every pair once for each question instead.
    seed : the same seed gives the same plans.
    strategy : a name of :data:`STRATEGIES`.
    targets : group (its place in ``scenes``, from 0) -> its minimiser, for ``focused``.
    real : question -> scenes with their photographs, for the questions that ask which picture is the real one: their
        main trials are of the kind ``real_fake`` and show a photograph beside a generated picture of its scene, in
        place of the pairs of ``scenes``. A focused study deals them as a balanced one.
    known : question -> pairs with a known answer, for practice and catch trials; they take turns, scene after scene.
    practice : trials that open a session, with its first question.
    catches : trials spread over the main trials at random within equal stretches, each with the question around it:
        never before the first main trial, two in a row only when they outnumber the main trials.
    repeats : main trials, drawn uniformly among those early enough, that come again with sides swapped under the same
        question: at least five places and a third of the question's main trials later, or as far as the session allows;
        in no case next to their first time, or next to each other.

    Returns
    -------
    One list of :class:`PlannedTrial` per session. What its main trials keep, for each question:

    - The two sides of a pair differ by one at most, over any number of sessions from the first on.
    - So do the counts of two pairs of a group; in a focused group, of two pairs with its target or of two without.
    - So do the turns of two groups that have pairs enough for an equal share of a session. A smaller one shows all the
      pairs it has in every session, and the others share the turns that it leaves.
    - No pair comes twice in a session that has no more main trials than there are pairs; in a longer one, none comes
      again before all have come.
    - No scene follows itself within a session, unless it has more than half of the turns.

    Known pairs of a question, practice and catch together, and their two sides, differ by one at most too.

    Raises ``ValueError`` with a sentence when there is no question, no scene, a scene with fewer than two stimuli or a
    photograph without another picture, no trial, an unknown strategy, a target that is not in its group, no known pair
    for practice or catch trials, or more repeats than fit.
    """
    groups = list(scenes.items()) if isinstance(scenes, Mapping) else list(scenes)
    real = real or {}
    if not questions:
        raise ValueError("There is no question to ask.")
    if set(questions) - set(real) and (not groups or any(len(set(items)) < 2 for _, items in groups)):
        raise ValueError("Every scene needs at least two stimuli to compare.")
    if any(not shown or any(not set(s.generated) - {s.photograph} for s in shown) for shown in real.values()):
        raise ValueError("Every photograph needs at least one generated picture to stand beside.")
    if strategy not in STRATEGIES:
        raise ValueError(f"No strategy is called {strategy!r}. Choose one of {', '.join(STRATEGIES)}.")
    for group, target in (targets or {}).items():
        if not 0 <= group < len(groups) or target not in groups[group][1]:
            raise ValueError(f"Target {target} is not in group {group}. Name a stimulus that is compared there.")
    if practice or catches:
        for question in questions:
            if not known or not known.get(question):
                raise ValueError(
                    f"Practice and catch trials need pairs with a known answer, and question {question} has none. "
                    "Name some, or ask for no practice and no catch trials."
                )
    rng = random.Random(seed)

    def dealer(question: int) -> Strategy:
        if question in real:
            return REAL_OR_FAKE[strategy](question, real[question], rng)
        return STRATEGIES[strategy](question, groups, targets or {}, rng)

    dealers = {question: dealer(question) for question in questions}
    answers = {q: known_trials(q, pairs, strategy, rng) for q, pairs in (known or {}).items() if pairs}
    odd = Deck(lambda: shuffled(questions, rng))
    blocks: list[list[PlannedTrial]] = []
    for number in range(sessions):
        share = Counter(dict.fromkeys(questions, trials // len(questions)))
        share.update(odd.draw(trials % len(questions)))
        first = number % len(questions)
        mains = [t for q in [*questions[first:], *questions[:first]] for t in dealers[q].deal(share[q])]
        if not mains:
            raise ValueError("A session without a main trial asks nothing. Ask for at least one.")
        opening = [replace(next(answers[mains[0].question]), kind=PRACTICE) for _ in range(practice)]
        blocks.append(opening + weave(mains, catches, repeats, answers, rng, start=practice))
    return blocks
