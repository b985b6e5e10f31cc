"""Refusals, in sentences that name the thing and the mend."""

from dataclasses import dataclass
from typing import Any


class StudyError(Exception):
    """A step that the study does not allow now. ``problems`` are whole sentences, each naming a thing and its mend."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class NotTakingPart(Exception):  # noqa: N818  (a refusal, not a fault)
    """A participant's request that cannot be granted; ``code`` is for programs, the text for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class VoteStored:
    """The vote that stands for a trial. ``replayed``: it stood already, and says the same.

    ``correct``: after a practice pair, whether the answer was right, if the study tells. ``appended``: after a picture
    that did not load, the pair as it is asked again at the end.
    """

    trial: int
    uuid: str
    choice: str
    submitted_at: str
    late: bool
    replayed: bool
    correct: bool | None = None
    appended: dict[str, Any] | None = None


@dataclass(frozen=True)
class VoteRefused:
    """Why nothing was stored: an HTTP status, a word for programs, a sentence, and the trial to answer next."""

    status: int
    code: str
    sentence: str
    expected: int | None = None
