"""From one round's votes to the next round's grid file.

Where preference peaks is read off a smooth fit over the numeric parameters; how style and content loss should be
weighed, off the learned ratio (E10). The next grid holds the fitted peak, the borders of its 95 % region, and two
conditions of this round that tie the rounds together: the favourite and the minimiser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.core import words
from evaluation.core.evidence import POOLED, Evidence
from evaluation.core.scale.inference import NotEstimated, Scale
from evaluation.core.suggestion import toml
from evaluation.core.suggestion.design import Design, Round, axes_of, choose
from evaluation.core.suggestion.surface import fit
from evaluation.core.verdict.minimiser import Minimum

MOST, LEAST = 8, 4


class NoSuggestionError(ValueError):
    """There is nothing to suggest; the text says why and what would help."""


@dataclass(frozen=True)
class Suggestion:
    """``toml``: the next grid file, empty where this grid should be kept; ``sentence``: what to do and why;
    ``reasons``: one line for each condition of ``toml``, with its uncertainty."""

    toml: str
    sentence: str
    reasons: tuple[str, ...]


def suggest(evidence: Evidence, grid: Mapping[str, Any]) -> Suggestion:
    """The next grid after ``evidence``, as a change of ``grid`` (a parsed grid file): scenes, sources, shared
    parameters, controls, seeds and the reference objective stay. Raises :class:`NoSuggestionError`."""
    scale = evidence.scales[POOLED]
    if isinstance(scale, NotEstimated):
        raise NoSuggestionError(scale.reason.sentence)
    if not scale.testable:
        raise NoSuggestionError(words.few_participants(scale.n_participants).sentence)
    params = evidence.data.condition
    varying = _varying([params[c].params for c in scale.items])
    if not varying:
        raise NoSuggestionError(
            "All conditions of this grid have the same parameters: give at least one parameter two values."
        )
    favourite = int(np.argmax(scale.theta))
    axes, items = axes_of([params[c].params for c in scale.items], varying, favourite, grid)
    if not axes:
        names = words.joined([v.replace("_", " ") for v in varying])
        raise NoSuggestionError(
            f"What differs over this grid ({names}) has no numeric steps: there is nothing to try between its values. "
            "Add a numeric parameter, for example learning_rate = [0.01, 0.02, 0.04]."
        )
    kept = scale.favourites(evidence.options.alpha)
    if len(kept) == len(scale.items):
        return Suggestion("", evidence.voice.say(_keep(evidence, scale)), ())
    numbers = [{a.name: float(params[c].params[a.name]) for a in axes} if i in items else {}
               for i, c in enumerate(scale.items)]  # fmt: skip
    surface = fit(scale, axes, numbers, items)
    known = Round(scale, items, favourite, _minimiser(evidence, scale), np.intersect1d(kept, items), tuple(varying))
    design = choose(evidence, known, surface, most=MOST, least=LEAST)
    sentence = evidence.voice.say(_sentence(evidence, design))
    return Suggestion(_file(evidence, grid, design, sentence), sentence, tuple(reason for _, reason in design.rows))


def _varying(params: list[Mapping[str, Any]]) -> list[str]:
    """Names of the parameters that differ between conditions, in the order of the first one's."""
    names = dict.fromkeys(name for p in params for name in p)
    return [n for n in names if len({repr(p.get(n)) for p in params}) > 1]


def _minimiser(evidence: Evidence, scale: Scale) -> int | None:
    """Number in ``scale`` of the pooled minimiser of the primary metric, where there is one."""
    if evidence.primary is None:
        return None
    found = evidence.metric(evidence.primary).minima[POOLED]
    if not isinstance(found, Minimum) or found.items[0] not in scale.items:
        return None
    return scale.items.index(found.items[0])


def _keep(evidence: Evidence, scale: Scale) -> str:
    """The advice where the votes tell no condition from the others: how many more would, as things stand."""
    everyone = np.arange(len(scale.items))
    t = np.array([scale.t_against(h).max() for h in everyone.tolist()])
    worst = int(np.argmax(t))
    reach = scale.one_sided_quantile(worst, np.delete(everyone, worst), 1 - evidence.options.alpha) + 0.84  # power .8
    text = "These votes tell no condition from the others: keep this grid and ask on."
    if t[worst] < 0.3 * reach:
        return (
            f"{text} At these differences it would take more than ten times as many votes; try settings further apart."
        )
    more = int(np.ceil(max(1.0, scale.total_votes * ((reach / t[worst]) ** 2 - 1)) / 100) * 100)
    return f"{text} At these differences about {more} more votes would tell the best from the worst (power .8)."


def _sentence(evidence: Evidence, design: Design) -> str:
    where = words.joined([r.words for r in design.region])
    text = f"The next grid has {len(design.rows)} conditions around what {evidence.voice.voters} prefer: {where}"
    return f"{text} (a curve fitted between the tested settings; {words.C1_WORDS}). {design.note}".strip()


def _file(evidence: Evidence, grid: Mapping[str, Any], design: Design, sentence: str) -> str:
    head = dict(grid["grid"])
    rounds = re.match(r"^(?P<stem>.*?)(?:-round-(?P<n>\d+))?$", str(head["slug"]))
    stem, number = (rounds["stem"], int(rounds["n"] or 1) + 1) if rounds else (str(head["slug"]), 2)
    title = re.sub(r", round \d+$", "", str(head["title"]))
    ending = f"-round-{number}"
    head |= {"slug": f"{stem[: 80 - len(ending)]}{ending}", "title": f"{title[:100]}, round {number}"}
    lines = [
        toml.comment(f"Suggested from the votes of “{evidence.data.slug}”. Nothing is rendered until you do:"),
        toml.comment("save this beside the first grid file (its pictures are looked up from there), then"),
        toml.comment("manage.py render FILE --plan"),
        toml.comment(sentence),
    ]
    lines += toml.table("grid", head)
    for name, content in grid.items():
        if name == "conditions":
            lines += toml.rows(design.rows)
        elif name != "grid":
            lines += toml.table(name, content)
    return "\n".join(lines) + "\n"
