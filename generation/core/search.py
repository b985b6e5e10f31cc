"""Which learning rate is the best of a search, per optimiser, and the grid file that follows from it. Torch-free.

A search is a finished grid of optimisers x learning rates with everything else equal. Per optimiser the winner is the
rate with the lowest geometric mean of the loss over the scenes, the mean of its logarithm. Raw losses of two scenes
differ by orders of magnitude, so their plain mean would be the verdict of one scene; ranks would forget by how much a
rate lost. In the logarithm a factor of two counts the same in every scene, and no picture has to serve as the measure.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.core.optimizer_table import OPTIMIZERS, complete_options
from generation.core.spec import Params, Scalar

#: What a search varies; the options are completed per optimiser and so differ between, never within them.
AXES = ("optimizer", "optimizer_options", "learning_rate")


class SearchError(ValueError):
    """A grid that is no search, or not finished; the text names what is wrong and the mend."""


@dataclass(frozen=True)
class Run:
    """One picture of a search. ``place``: scene and seed. ``loss``: the primary metric of the stored picture."""

    params: Params
    place: str
    loss: float | None
    diverged: bool = False


@dataclass(frozen=True)
class Tried:
    """One rate of one optimiser. ``value``: geometric mean over the places of the loss divided by the lowest of its
    place; 1 is the best picture everywhere. None where a run diverged: ``diverged`` of ``runs``."""

    optimizer: str
    options: str
    rate: float
    value: float | None
    diverged: int
    runs: int


@dataclass(frozen=True)
class Found:
    """What the search says about one optimiser. ``best`` is None where every rate diverged somewhere."""

    tried: tuple[Tried, ...]

    @property
    def best(self) -> Tried | None:
        """The rate with the lowest value; of equals the smaller rate, which moves the picture less."""
        finite = [(t.value, t.rate, t) for t in self.tried if t.value is not None]
        return min(finite, key=lambda entry: entry[:2])[2] if finite else None

    @property
    def optimizer(self) -> str:
        """Name in the table of optimisers."""
        return self.tried[0].optimizer

    @property
    def label(self) -> str:
        """The optimiser as people read it."""
        return OPTIMIZERS[self.optimizer].label

    @property
    def warning(self) -> str:
        """A sentence where the search was too narrow or found nothing; empty where all is well."""
        if self.best is None:
            return f"{self.label}: every learning rate diverged in some scene. Search smaller ones."
        rates = [t.rate for t in self.tried]
        for edge, words in ((min(rates), "smallest"), (max(rates), "largest")):
            if self.best.rate == edge:
                return (
                    f"{self.label}: the best learning rate, {edge:g}, is the {words} that was tried. A better one may "
                    f"lie beyond it; widen the search."
                )
        return ""


def search(runs: Iterable[Run]) -> list[Found]:
    """The rates of every optimiser, in the order in which they first appear. Raises :class:`SearchError`.

    Every optimiser must have been tried at equally many rates, everything else equal.
    """
    runs = list(runs)
    _check_axes(runs)
    lowest: dict[str, float] = {}
    groups: dict[tuple[str, float], list[Run]] = {}
    for run in runs:
        groups.setdefault((str(run.params["optimizer"]), float(run.params["learning_rate"])), []).append(run)
        if not run.diverged:
            lowest[run.place] = min(_positive(run), lowest.get(run.place, math.inf))
    tried: dict[str, list[Tried]] = {}
    for (optimizer, rate), group in sorted(groups.items(), key=lambda item: item[0][1]):
        diverged = sum(run.diverged for run in group)
        logs = [math.log(_positive(run) / lowest[run.place]) for run in group if not run.diverged]
        value = None if diverged else math.exp(math.fsum(logs) / len(logs))
        options = str(group[0].params.get("optimizer_options", ""))
        tried.setdefault(optimizer, []).append(Tried(optimizer, options, rate, value, diverged, len(group)))
    counts = {name: len(rows) for name, rows in tried.items()}
    if len(set(counts.values())) > 1:
        words = ", ".join(f"{OPTIMIZERS[name].label} {count}" for name, count in counts.items())
        raise SearchError(f"The search is not fair: the optimisers had different numbers of rates ({words}).")
    order = dict.fromkeys(str(run.params["optimizer"]) for run in runs)
    return [Found(tuple(tried[name])) for name in order]


def _check_axes(runs: Sequence[Run]) -> None:
    if not runs or "optimizer" not in runs[0].params or "learning_rate" not in runs[0].params:
        raise SearchError("The grid has no conditions with an optimiser and a learning rate, so it is no search.")
    options: dict[str, Scalar] = {}
    for run in runs:
        name = str(run.params["optimizer"])
        if name not in OPTIMIZERS:
            raise SearchError(f"There is no optimiser {name!r}: choose among {', '.join(OPTIMIZERS)}.")
        mine = run.params.get("optimizer_options", "")
        if options.setdefault(name, mine) != mine:
            raise SearchError(
                f"{OPTIMIZERS[name].label} has two sets of options ({options[name]}; {mine}); "
                "a search varies only the rate."
            )
        for key, value in run.params.items():
            if key not in AXES and value != runs[0].params.get(key):
                raise SearchError(
                    f"{key} varies over the grid ({runs[0].params.get(key)}, {value}); a search varies only the "
                    f"optimiser and its learning rate."
                )


def _positive(run: Run) -> float:
    if run.loss is None or not 0 < run.loss < math.inf:
        raise SearchError(f"A picture of {run.place} has the loss {run.loss}; a search compares losses above zero.")
    return run.loss


# --- the grid file ------------------------------------------------------------------------------------------------


def grid_text(
    search_file: Mapping[str, Any], params: Params, reference: Params, found: Sequence[Found], *, slug: str, digest: str
) -> str:
    """The grid file that shows each optimiser at its published default and at the best of the search.

    ``search_file``: the search grid's TOML, parsed; ``params``: any of its conditions, complete; ``reference``: the
    complete parameters of its reference objective; ``digest``: of the search grid. Scenes, seeds and parameters are
    those of the search, all written out, so that a searched condition is one that has been rendered.
    """
    head = dict(search_file["grid"])
    lines = [
        *_comments(found, str(head["slug"]), digest),
        "",
        *_section("grid", {**head, "title": f"{head['title']}: default and best", "slug": slug}),
    ]
    for name, source in search_file["sources"].items():
        lines += _section(f"sources.{_key(name)}", source)
    for table in ("scenes", "data", "styles"):
        if table in search_file:
            lines += _section(table, search_file[table])
    lines += _section("parameters", {k: v for k, v in params.items() if k not in AXES})
    rows = [row for entry in found for row in _rows(entry)]
    lines += ["[[conditions]]", 'design = "list"', f"rows = {_value(rows)}", ""]
    # An objective has no optimiser; what else the reference shares with the parameters stands there.
    if differs := {k: v for k, v in reference.items() if k not in AXES and v != params.get(k)}:
        lines += _section("reference", differs)
    for table in ("replicates", "controls"):
        if table in search_file:
            lines += _section(table, search_file[table])
    return "\n".join(lines)


def _comments(found: Sequence[Found], slug: str, digest: str) -> list[str]:
    lines = [
        "# Every optimiser at its published default and at the best rate of a search of equal budget, written by",
        f"# manage.py best_rates {slug}. The search is the grid {slug}, digest",
        f"# {digest}.",
        "#",
        "# loss: geometric mean over the scenes of the primary metric divided by the lowest of its scene; lower is",
        "# better, 1 is the best picture everywhere. A rate that diverged in any scene cannot win.",
        "#",
        f"# {'optimiser':<20} {'rate':>10} {'loss':>10}  diverged",
    ]
    for entry in found:
        for t in entry.tried:
            value = "-" if t.value is None else f"{t.value:.4f}"
            mark = "  <- best" if t is entry.best else ""
            lines.append(f"# {entry.label:<20} {t.rate:>10g} {value:>10}  {t.diverged} of {t.runs}{mark}")
    warnings = [f"# WARNING: {entry.warning}" for entry in found if entry.warning]
    return [*lines, *(["#", *warnings] if warnings else [])]


def _rows(found: Found) -> list[dict[str, Scalar]]:
    """The condition at the published rate and options, and the best of the search; one where they are the same."""
    published = OPTIMIZERS[found.optimizer].published_rate
    label = f"{found.label}, default {published:g}"
    base: dict[str, Scalar] = {"optimizer": found.optimizer, "learning_rate": published, "label": label}
    best = found.best
    if best is None:
        return [base]
    default_options = complete_options(found.optimizer, "")
    options: dict[str, Scalar] = {} if best.options == default_options else {"optimizer_options": best.options}
    if best.rate == published and not options:
        return [{**base, "label": f"{found.label}, default and searched {best.rate:g}"}]
    label = f"{found.label}, searched {best.rate:g}"
    return [base, {"optimizer": found.optimizer, **options, "learning_rate": best.rate, "label": label}]


def _section(name: str, table: Mapping[str, Any]) -> list[str]:
    return [f"[{name}]", *(f"{_key(k)} = {_value(v)}" for k, v in table.items()), ""]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value: Any) -> str:
    """A TOML value; what JSON writes of texts, booleans and numbers is TOML too."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "[\n" + "".join(f"    {_value(v)},\n" for v in value) + "]"
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
