"""Every sentence a reader may meet, in one place.

A cell of a table is a number or a :class:`Reason`: a code for machines and a sentence for people. Sentences about a
simulated study are written for a rehearsal and never speak of people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studyplatform.voting.core.claims import MIN_PARTICIPANTS as MIN_PARTICIPANTS

MIN_VOTES = 10

#: specs/evaluation.md section 2.0, "Gates, reason codes and texts".
REASONS = {
    "NC_FEW_PARTICIPANTS": (
        "Estimates only: {participants} {participants_word} too few for an interval that holds its level "
        "({needed} needed)."
    ),
    "NC_FEW_VOTES": (
        "{group}: {votes} votes over {conditions} conditions; not estimated (needed: {needed} votes on each condition)."
    ),
    "NC_DISCONNECTED": "{items} never compared (directly or through others); scores given for {component} only.",
    "NC_SEPARATED": (
        "{items}: {whose} score is unbounded. Shown: regularised score (ridge .05) and the one-sided bound."
    ),
    "NC_CONSTANT_METRIC": "{metric} has one value in {group}; no minimiser, no correlation.",
    "NC_TIED_MIN": "{metric}: {count} conditions share the minimum ({items}). The best of them is put to the test.",
    "NC_MISSING_SCORE": "{metric} is missing for {missing} of {total} stimuli; {group} left out of {metric}.",
    "NC_SCOPE": (
        "{metric} was computed under {count} different {border}; values are not comparable. "
        "Use the reference objective."
    ),
    "NC_ONE_CONDITION": "Fewer than two conditions can be compared in {group}.",
    "NC_TOO_FEW_CONDITIONS": (
        "With {conditions} conditions the smallest possible two-sided p is {smallest}; none printed."
    ),
    "NC_TOO_FEW_SCENES": "With {scenes} scenes no claim about other scenes can be tested ({needed} needed).",
    "NC_COLLINEAR": "Style and content loss move together here (r = {r}); their weights cannot be separated.",
    "NC_ADAPTIVE": (
        "Win rates are not shown because pairs were chosen adaptively and selection probabilities were not stored."
    ),
    "NC_NO_SIMILAR": "No statistically similar pair; AUC(different/similar) undefined.",
    "NC_NO_DIFFERENT": "No statistically different pair; AUC(different/similar) undefined.",
    "NC_NO_STRENGTH": (
        "No metric compares these images with their content picture; how much each is changed is not known."
    ),
    "NC_NO_SHARED_GRID": "The scenes share only a part of their grid; no permutation of its labels serves them all.",
    "NC_FEW_DIFFERENT": "One statistically different pair; an AUC needs two.",
    "NC_SELECTED": (
        "These pairs were chosen because their votes differ; an interval or a p-value from the same votes would "
        "flatter or wrong the metric."
    ),
    "NC_NO_AGREEMENT": "Voters do not agree with each other here; no metric can be judged.",
    "NC_NOT_ASKED": "No such pairs were shown: {what}.",
    "NC_NO_PARAMETER": "No parameter of the grid has {needed} or more numeric levels.",
    "NC_CONFOUNDED": (
        "The parameter {parameter} never changes while the others stay the same: its own effect cannot be told from "
        "theirs."
    ),
    "NC_NO_PARTS": "No style loss and content loss were measured apart; their weights cannot be learned.",
    "NC_UNBOUNDED_WEIGHTS": (
        "The votes follow {metrics}, or one side of the screen, without exception: the weights are unbounded; none "
        "printed."
    ),
    "NC_NO_DIRECTION": "Neither style nor content loss moves these votes enough to say how they are weighed.",
    "NC_OPPOSITE": (
        "The votes go to the images with the higher style and content loss; no weighing of losses to be lowered "
        "describes them."
    ),
    "NC_NO_GENERATOR_WEIGHTS": (
        "The generator's own weights differ over the grid and no reference objective was stored."
    ),
    "NC_METRICS_COLLINEAR": "{metrics} move together here; what each adds cannot be separated.",
    "NC_ONE_SEED": "One seed per cell: this cannot be told from seed noise.",
    "NC_NO_METRIC": "No metric was measured for these images: there is no minimum to put to the test.",
    "NC_NO_VOTES": "{group}: nobody has compared two conditions yet.",
    "NC_NO_SIDE": (
        "No finite side effect fits these votes: one side took every vote, or no pair was shown on both sides."
    ),
    "NC_ALL_TIES": "Votes that are all ties give a model of ties nothing to go by.",
    "NC_NO_FLIP": "No number of such changes takes the lead away from {item}.",
    "NC_NO_LEADER": "{items} share the highest score: none of them leads.",
    "NC_SAME_CONDITION": "{item} is both the favourite and the minimiser: there is no difference between the two.",
    "NC_NO_OVERLAP": "No pair of pictures was judged often enough ({needed}).",
    "NC_ONE_FACTOR": "Fewer than two hyper-parameters vary over the grid: there is no order among them.",
    "NC_NOT_CROSSED": (
        "The grid neither crosses its hyper-parameters nor changes them one at a time from a default; what each of "
        "them does cannot be told apart."
    ),
}

#: What a code of ``REASONS`` whose sentence has gaps to fill says where a row brings no sentence of its own.
BRIEFLY = {
    "NC_FEW_PARTICIPANTS": "Too few participants for an interval that holds its level.",
    "NC_FEW_VOTES": "Too few votes.",
    "NC_DISCONNECTED": "Never compared with the others, directly or through others.",
    "NC_SEPARATED": "Won or lost every vote: the score is unbounded.",
    "NC_CONSTANT_METRIC": "The metric has one value here.",
    "NC_TIED_MIN": "Several conditions share the minimum.",
    "NC_MISSING_SCORE": "The metric is missing for some pictures.",
    "NC_SCOPE": "The metric was computed under different objectives or runs: its values are not comparable.",
    "NC_ONE_CONDITION": "Fewer than two conditions can be compared.",
    "NC_TOO_FEW_CONDITIONS": "Too few conditions for a p-value below .05.",
    "NC_TOO_FEW_SCENES": "Too few scenes for a claim about other scenes.",
    "NC_COLLINEAR": "The losses move together: their weights cannot be separated.",
    "NC_NOT_ASKED": "No such pairs were shown.",
    "NC_NO_PARAMETER": "No parameter of the grid has enough numeric levels.",
    "NC_NO_VOTES": "Nobody has compared two conditions yet.",
}
NOT_COMPUTED = "Not computed for this row."

VERDICT_WORDS = {
    "refuted": "Refuted",
    "confirmed": "Confirmed",
    "equivalent": "Equivalent",
    "inconclusive": "Inconclusive",
    "not_computable": "No verdict",
}
ANSWERS = {
    "refuted": "No.",
    "confirmed": "Yes.",
    "equivalent": "Practically yes.",
    "inconclusive": "These votes cannot tell.",
    "not_computable": "Not enough to tell.",
}
# Symbols beside the words, so that no verdict is told by colour alone.
VERDICT_MARKS = {"refuted": "✕", "confirmed": "✓", "equivalent": "≈", "inconclusive": "?", "not_computable": "–"}


@dataclass(frozen=True)
class Reason:
    """Why a number is missing or to be read with care: a code of :data:`REASONS` and its sentence."""

    code: str
    sentence: str

    def to_json(self) -> dict[str, str]:
        """The JSON object of a cell."""
        return {"code": self.code, "sentence": self.sentence}


def why_missing(row: Mapping[str, Any]) -> str:
    """Why a number of a table's row is missing, in words."""
    if row.get("reason"):
        return str(row["reason"]["sentence"])
    code = row.get("reason_code") or ""
    if code and row.get("message"):
        return str(row["message"])
    told = REASONS.get(code, "{")
    return BRIEFLY.get(code, NOT_COMPUTED) if "{" in told else told


def reason(code: str, **facts: object) -> Reason:
    """Fill the sentence of ``code``; a missing fact raises ``KeyError``."""
    return Reason(code, REASONS[code].format(**facts))


def few_participants(participants: int) -> Reason:
    """The gate of the intervals: fewer than eight participants."""
    word = "participant is" if participants == 1 else "participants are"
    return reason("NC_FEW_PARTICIPANTS", participants=participants, participants_word=word, needed=MIN_PARTICIPANTS)


def joined(names: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def basis(
    verdict: str,
    p_refute: float,
    p_confirm: float,
    *,
    most: float,
    holm: bool,
    participants: int,
    votes: int,
    simulated: bool,
) -> str:
    """The line under a verdict: what it rests on. ``most``: upper bound of any rival's win probability."""
    evidence = {
        "refuted": p_text(p_refute),
        "confirmed": p_text(p_confirm),
        "equivalent": f"no other would win more than {100 * most:.0f} of 100 meetings (one-sided 95 % bound)",
        "inconclusive": f"{p_text(p_refute)} against the minimum, {p_text(p_confirm)} for it",
    }[verdict]
    who = f"{participants} {'simulated ' if simulated else ''}participants"
    return f"Verdict: {VERDICT_WORDS[verdict].lower()}; {evidence} ({'Holm, ' if holm else ''}{who}, {votes} votes)."


def p_text(p: float) -> str:
    """'p < .001' or 'p = .023'."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".").replace("= 1.000", "= 1")


@dataclass(frozen=True)
class Voice:
    """Who is said to prefer: people in a study, simulated voters in a rehearsal."""

    simulated: bool

    @property
    def voters(self) -> str:
        """The subject of a sentence."""
        return "simulated voters" if self.simulated else "people"

    def say(self, sentence: str) -> str:
        """A whole sentence in this voice, its negative numbers with a minus sign."""
        sentence = re.sub(r"(?<=[ (\[])-(?=[\d.])", "−", sentence)
        if not self.simulated:
            return sentence
        return f"In this SIMULATED rehearsal, {_lower_first(sentence)}"

    def reading(self, facts: ReadingFacts) -> str:
        """The verdict of one group in one sentence."""
        f = facts
        head = f"{f.group}, {f.minimiser} has the {f.extreme} {metric_name(f.metric)}"
        tail = {
            "refuted": f", but {self.voters} prefer {f.rival}: it would win {f.rival_meetings} against {f.minimiser}.",
            "confirmed": (
                f" and {self.voters} prefer it too: it would win {f.own_meetings} against its closest rival, {f.rival}."
            ),
            "equivalent": (
                f", and no other is preferred by a margin that matters: {f.rival} comes closest and would win "
                f"{f.rival_meetings} against it."
            ),
            "inconclusive": (
                f". Whether {self.voters} prefer another stays open: {f.rival} would win {f.rival_meetings} against it."
            ),
        }[f.verdict]
        return self.say(head + tail)

    def headline_question(self) -> str:
        """The platform's one question, asked of these voters."""
        who = "the simulated voters" if self.simulated else "people"
        return f"Does the image with the minimum loss match what {who} prefer?"


@dataclass(frozen=True)
class ReadingFacts:
    """What a verdict's sentence needs. ``group``: 'In scene Tübingen' or 'Over all scenes'; meetings are texts."""

    metric: str
    extreme: str
    minimiser: str
    rival: str
    verdict: str
    group: str
    rival_meetings: str
    own_meetings: str


def meetings(win: float, low: float, high: float) -> str:
    """'64 of 100 meetings (95 % CI 58–70)'."""
    return f"{100 * win:.0f} of 100 meetings (95 % CI {_hundredths(low)}–{_hundredths(high)})"


def _hundredths(bound: float) -> str:
    """To one decimal where a whole number would round the bound to the 50 it excludes."""
    return f"{100 * bound:.1f}" if round(100 * bound) == 50 and bound != 0.5 else f"{100 * bound:.0f}"


def meetings_bound(win: float, least: float, most: float) -> str:
    """'97 of 100 meetings (at least 69; one-sided 95 % bound)'; ``most`` is said where ``win`` is not above 1/2."""
    bound = f"at least {_hundredths(least)}" if win > 0.5 else f"at most {_hundredths(most)}"
    return f"{100 * win:.0f} of 100 meetings ({bound}; one-sided 95 % bound)"


def metric_name(label: str, *, short: bool = False) -> str:
    """A metric's label inside a sentence: 'Total loss' -> 'total loss', 'LPIPS' stays; ``short``: no parentheses."""
    label = label.split(" (", 1)[0] if short else label
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _lower_first(text: str) -> str:
    # Names keep their capitals; only the words that open our own sentences are lowered.
    first = text.split(" ", 1)[0]
    return text[0].lower() + text[1:] if first in OPENERS else text


OPENERS = {
    "Agreement", "Among", "An", "Choosing", "Estimates", "Fewer", "Generated", "In", "It", "Neither", "No", "Nobody",
    "Of", "One", "Over", "People", "Style", "The", "These", "This", "Voters", "Votes", "Win", "With",
}  # fmt: skip


def verdict_words(verdict: str) -> dict[str, str]:
    """Code, word, symbol and answer of a verdict, and an empty line for what it rests on."""
    return {
        "verdict": verdict,
        "verdict_word": VERDICT_WORDS[verdict],
        "mark": VERDICT_MARKS[verdict],
        "answer": ANSWERS[verdict],
        "basis": "",
    }


def reason_json(reason: Reason, voice: Voice) -> dict[str, str]:
    """A reason as the JSON object of a cell, said in the study's voice."""
    return reason.to_json() | {"sentence": voice.say(reason.sentence)}


def planted_line(planted: str | None, recovered: str | None) -> str:
    """The line on top of every simulated report."""
    head = "SIMULATED: a rehearsal of the analysis."
    if planted is None:
        return head
    return f"{head} Planted favourite {planted}, recovered {recovered if recovered is not None else 'none'}"


def random_features_line(networks: Sequence[str]) -> str:
    """Said wherever a loss was measured by a network that was never trained."""
    names = joined([n for n in networks if n.startswith("random")])
    return (
        f"The losses were measured with {names}, a network with random weights that is not pretrained: "
        "they are not the losses of a published method."
    )


CANNOT_SAY = (
    "What this study cannot say: it holds for these images only. Other scenes, other settings or another metric need "
    "more scenes and a test of their own."
)
CANNOT_SAY_SIMULATED = (
    "What this study cannot say: anything about people. The votes were drawn by a program; only the path from votes to "
    "verdict is shown here."
)
NO_MINIMUM = "No verdict: under this question no two conditions met, so no metric’s minimum was put to the test."
C1_WORDS = "holds for these images only"
C2_WORDS = "holds for other scenes of this kind"
C3_WORDS = "holds for this metric, beyond these settings"
LEVELS = {"C1": C1_WORDS, "C2": C2_WORDS, "C3": C3_WORDS}
ADJUSTMENTS = {"none": "not corrected", "holm": "Holm", "bh": "Benjamini–Hochberg"}
