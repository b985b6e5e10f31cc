"""All that can be said of a grid before it is voted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generation.core.confounds.links import (
    ATTENTION,
    MIN_CONDITIONS,
    FloatArray,
    Link,
    Measure,
    links,
    one_order,
)
from generation.core.confounds.strength import Strength, strengths
from generation.core.confounds.words import every_loss_text, good_end, link_text, strength_text

LPIPS, CONTENT, STYLE = "lpips_content", "content_loss", "style_loss"


@dataclass(frozen=True, eq=False)
class LossRow:
    """A loss and its link with each property of :attr:`Confounds.properties`, None where there is none."""

    loss: Measure
    cells: tuple[Link | None, ...]


@dataclass(frozen=True, eq=False)
class Confounds:
    """Sentences, the strongest first: ``alarms`` about what is tested want an answer before the study opens, those
    about ``other`` metrics are for who reports them too, ``attention`` wants a look; ``unjudged`` say what could not be
    looked at. ``rows`` x ``properties``: all links; ``strengths``: of the conditions of style transfer."""

    alarms: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    attention: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    properties: tuple[Measure, ...] = ()
    rows: tuple[LossRow, ...] = ()
    strengths: tuple[Strength, ...] = ()


def judge(
    *,
    conditions: Sequence[str],
    losses: Sequence[Measure],
    properties: Sequence[Measure],
    start: FloatArray | None = None,
    asked: str = "",
    to_add: str = "",
    unjudged: Sequence[str] = (),
) -> Confounds:
    """Look at the pictures of all scenes x ``conditions`` (labels), whose numbers are ``losses`` and ``properties``.

    ``start``: for style transfer, (S,) the photographs' raw style loss (see :func:`strengths`); None for other tasks.
    ``asked``, ``to_add``: a question that weak stylisation may answer, and the one that tells both apart ("" where it
    is asked already). ``unjudged``: sentences about what is not measured.
    """
    by_key = {measure.key: measure for measure in reversed(losses)}
    different = one_order(losses)
    found = links(different, properties)
    said: list[tuple[str, str]] = []
    strong: list[Strength] = []
    if start is not None:
        strong = strengths(conditions, by_key.get(LPIPS), by_key.get(CONTENT), by_key.get(STYLE), start)
        if text := strength_text(strong, asked, to_add):
            said.append(("alarm" if to_add else "attention", text))
        said += _stylisation(losses, by_key.get(LPIPS), asked, to_add)
    seen: set[tuple[int, str]] = set()
    for link in found:
        # Several properties look the same to people; the strongest speaks for them.
        look = (id(link.loss), good_end(link)[0])
        if link.level and look not in seen:
            seen.add(look)
            said.append((link.level if link.loss.tested or link.level != "alarm" else "other", link_text(link)))
    at = {(id(link.loss), id(link.other)): link for link in found}
    shown = [p for p in properties if any((id(loss), id(p)) in at for loss in different)]
    rows = [LossRow(loss, tuple(at.get((id(loss), id(p))) for p in shown)) for loss in different]
    return Confounds(
        alarms=tuple(text for level, text in said if level == "alarm"),
        other=tuple(text for level, text in said if level == "other"),
        attention=tuple(text for level, text in said if level == "attention"),
        unjudged=(*_too_few(losses, properties), *unjudged),
        properties=tuple(shown),
        rows=tuple(row for row in rows if any(row.cells)),
        strengths=tuple(strong),
    )


def _stylisation(losses: Sequence[Measure], lpips: Measure | None, asked: str, to_add: str) -> list[tuple[str, str]]:
    """Level and sentence where LPIPS to the photograph goes with everything that is tested."""
    tested = one_order([loss for loss in losses if loss.tested and loss is not lpips])
    found = links(tested, [lpips]) if lpips else []
    weakest = min((abs(link.r) for link in found), default=0.0)
    if len(found) < len(tested) or round(weakest, 2) < ATTENTION:
        return []
    return [(found[-1].level if to_add else "attention", every_loss_text(found, asked, to_add))]


def _too_few(losses: Sequence[Measure], properties: Sequence[Measure]) -> list[str]:
    counts = [int(np.isfinite(m.values).sum(axis=1).max(initial=0)) for m in (*losses, *properties)]
    most = max(counts, default=0)
    if not counts or most >= MIN_CONDITIONS:
        return []
    return [
        f"No scene has more than {most} measured condition{'' if most == 1 else 's'}, and fewer than {MIN_CONDITIONS} "
        "have no correlation worth the name: whether a loss goes with what the pictures look like cannot be judged. "
        f"A grid of {MIN_CONDITIONS} conditions or more can."
    ]
