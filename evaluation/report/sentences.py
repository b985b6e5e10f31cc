"""The sentences of a part of an analysis, so few that somebody reads them."""

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

#: Where a summary tells the same of every scene; the figures and tables do that better.
PER_SCENE = ("scenes", "by_scene")
REHEARSAL = "In this SIMULATED rehearsal, "
MOST = 8


def sentences_of(summary: Any, results: Json, *, tabled: bool) -> list[str]:
    """What ``summary`` says, in its order: all about the primary metric and, unless ``tabled``, one sentence about
    each other (where a table tells the same of each, words would only hide it)."""
    if not isinstance(summary, Mapping):
        return []
    metrics = [m["id"] for m in results["metrics"]]
    inner = summary.get("metrics")
    by_metric: Json = inner if isinstance(inner, Mapping) else summary
    if not set(metrics) & set(by_metric):
        return [plainly(said) for said in _said(summary)][: 3 if tabled else MOST]
    first = [m for m in metrics if m == results["primary"]]
    others = [m for m in metrics if m not in first]
    own = [said for metric in first for said in _said(by_metric.get(metric))]
    rest = [] if tabled else [said for metric in others for said in _said(by_metric.get(metric))[:1]]
    general = [] if by_metric is summary else _said({k: v for k, v in summary.items() if k != "metrics"})
    return [plainly(said) for said in dict.fromkeys([*general, *([" ".join(map(plainly, own))] if own else []), *rest])]


def plainly(sentence: str) -> str:
    """A text without the words that say 'rehearsal', where a mark beside it says so for all of them."""
    return re.sub(f"{REHEARSAL}(.)", lambda found: found[1].upper(), sentence)


def _said(value: Any) -> list[str]:
    """The sentences of a JSON value in their order, each once; a reason's own only where nothing else says it."""
    found: dict[str, None] = {}
    if isinstance(value, Mapping):
        sentence = value.get("sentence")
        if isinstance(sentence, str) and sentence:
            found[sentence] = None
        for key, inner in value.items():
            if key not in PER_SCENE:
                found |= dict.fromkeys(_said(inner))
    elif isinstance(value, list):
        for inner in value:
            found |= dict.fromkeys(_said(inner))
    return list(found)
