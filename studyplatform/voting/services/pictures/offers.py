"""How many pairs a study's pictures offer, and whether a session can hold what it asks for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import comb
from typing import Protocol

from studyplatform.voting.models import Question, Stimulus, Study
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.pictures.picture import Picture

#: Nobody can be asked more in one sitting.
MOST_PAIRS = 500


class Place(Protocol):
    """What is known of a picture before it is made: enough to count pairs."""

    @property
    def scene_id(self) -> int: ...
    @property
    def replicate(self) -> int: ...
    @property
    def role(self) -> str: ...


def pairs_offered(study: Study, question: Question, pictures: Iterable[Place]) -> int:
    """How many different pairs ``question`` can be asked about.

    Where it asks which is the real photograph, each generated picture makes one; else all pairs of the same scene and
    replicate do, controls with them where the study shows them.
    """
    own: Counter[tuple[int, int]] = Counter()
    controls: Counter[int] = Counter()
    for picture in pictures:
        if picture.role == Stimulus.Role.GRID:
            own[picture.scene_id, picture.replicate] += 1
        elif picture.role == Stimulus.Role.CONTROL and study.show_photograph:
            controls[picture.scene_id] += 1
    if question.asks_which_is_real:
        return own.total()
    # A control meets every replicate; two controls of a scene meet in each of them, which is one pair all the same.
    met = {(scene, replicate): comb(n + controls[scene], 2) for (scene, replicate), n in own.items()}
    twice = Counter(scene for scene, _replicate in own)
    return sum(met.values()) - sum((n - 1) * comb(controls[scene], 2) for scene, n in twice.items())


def check_offer(study: Study, questions: Sequence[Question], pictures: Sequence[Place]) -> None:
    """Raise :class:`StudyError` where a session asks for more pairs than there are, or than anybody can be asked."""
    offered = [pairs_offered(study, question, pictures) for question in questions]
    if study.strategy == Study.Strategy.ALL_PAIRS:
        if (every := sum(offered)) > MOST_PAIRS:
            raise StudyError(
                f"All pairs of these pictures are {every}, and one person can be asked {MOST_PAIRS} at most. "
                "Choose the strategy “balanced”, or fewer pictures."
            )
    # The questions share a session's pairs equally.
    elif study.trials_per_session > (most := min(offered) * len(questions)):
        raise StudyError(_too_many(study.trials_per_session, questions, offered, most))


def offer_words(study: Study, pictures: Sequence[Picture]) -> str:
    """How many pairs the pictures offer: “6 per question”, or a number for each where they differ."""
    offered = {str(question): pairs_offered(study, question, pictures) for question in study.questions.all()}
    if len(set(offered.values())) == 1:
        return f"{next(iter(offered.values()))} per question"
    return ", ".join(f"{pairs} for “{question}”" for question, pairs in offered.items())


def known_again(study: Study, pictures: Sequence[Picture]) -> str:
    """A word of warning where people meet the photograph of a scene more than once and may know it again."""
    questions = list(study.questions.all())
    real = next((question for question in questions if question.asks_which_is_real), None)
    scenes = len({picture.scene.pk for picture in pictures if picture.role == Stimulus.Role.GRID})
    if real is None or (
        study.strategy != Study.Strategy.ALL_PAIRS and study.trials_per_session <= scenes * len(questions)
    ):
        return ""
    return (
        f"Under “{real}” a person meets the photograph of a scene more than once and may know it again. "
        f"With {scenes * len(questions)} pairs per person or fewer, balanced, each is met once."
    )


def _too_many(trials: int, questions: Sequence[Question], offered: Sequence[int], most: int) -> str:
    fewest = min(offered)
    different = "1 pair" if fewest == 1 else f"{fewest} different pairs"
    if len(set(offered)) == 1:
        asked = "" if len(questions) == 1 else f", so {most} with its {len(questions)} questions"
        offer = f"{different} per question{asked}"
    else:
        scarce = questions[offered.index(fewest)]
        offer = f"{different} for “{scarce}”, and its {len(questions)} questions share them equally"
    return (
        f"One person would be shown {trials} pairs, but the pictures offer {offer}. "
        f"Set “trials per session” to {most} or less, or choose grids with more pictures."
    )
