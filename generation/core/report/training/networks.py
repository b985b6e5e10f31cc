"""The trainings of a report by network: one for all seeds of the conditions whose pictures it makes, and for each style
where a network is for one style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from generation.core.report.axes import levels, text
from generation.core.report.data import GENERATOR, Axis, Report, Training, Value
from generation.core.spec import Scalar, canonical_json

#: The parameter that sets families apart: each model has a table of its own.
FAMILY = "model"

#: What is put before the name of a number that is taken on what was kept apart.
APART = "val_"

#: Mean |Δa|, |Δb| in Lab units, in training and on the photographs kept apart.
ERROR, KEPT_APART = "ab_error", "val_ab_error"


@dataclass(frozen=True)
class Network:
    """What one choice of training parameters gives, for one style where it is for one. ``condition``: the one it is
    called by; ``others``: those whose pictures it makes as well (at another epoch, say); ``trainings``: one per seed.
    """

    condition: int
    others: tuple[int, ...]
    trainings: tuple[Training, ...]
    params: Mapping[str, Scalar]

    @property
    def finished(self) -> list[Training]:
        """The seeds that were trained to the end."""
        return [t for t in self.trainings if t.finished]

    @property
    def broken(self) -> list[Training]:
        """The seeds that diverged, failed or were given up."""
        return [t for t in self.trainings if t.trouble]

    @property
    def style(self) -> str:
        """The style picture it is for; empty where it is for none or for many."""
        return self.trainings[0].style

    @property
    def units(self) -> Mapping[str, Scalar]:
        """What fixes the units of its losses. A style is part of it: how near a picture comes to one style says
        nothing of how near another comes to another."""
        objective = self.trainings[0].objective
        return {**objective, "style": self.style} if self.style else objective

    @property
    def objective(self) -> str:
        """Losses of one objective are in the same units."""
        return canonical_json(dict(self.units))


@dataclass(frozen=True)
class Estimate:
    """A loss of a network: the mean over its finished seeds and their standard deviation (None for one seed), or why
    there is none. ``seeds``: how many are in the mean."""

    value: Value
    sd: float | None = None
    seeds: int = 0


def networks(report: Report) -> list[Network]:
    """All networks of a report, in grid order of the conditions they are called by."""
    groups: dict[tuple[tuple[int, ...], str], list[Training]] = {}
    for training in report.trainings:
        groups.setdefault((training.conditions, training.style), []).append(training)
    found = []
    for (places, _), trainings in groups.items():
        name = next((c for c in places if report.conditions[c].is_default), places[0])
        others = tuple(c for c in places if c != name)
        by_seed = tuple(sorted(trainings, key=lambda t: t.seed))
        found.append(Network(name, others, by_seed, report.conditions[name].params))
    return sorted(found, key=lambda n: n.condition)


def minimised(report: Report) -> str:
    """The number that the trainings of a report minimise."""
    return next((t.loss for t in report.trainings), GENERATOR)


def colours(report: Report) -> bool:
    """Whether they are those of colorization, whose numbers stand as in Lee, Liu and Trukhin's tables."""
    return minimised(report) == GENERATOR


def loss_word(report: Report) -> str:
    """What people call the number that is minimised."""
    return "G" if colours(report) else "The loss"


def label(report: Report, network: Network) -> str:
    """What the grid calls it."""
    return report.conditions[network.condition].label


def styles(report: Report) -> list[str]:
    """The styles that networks of their own are for, in the order of the trainings."""
    return list(dict.fromkeys(t.style for t in report.trainings if t.style))


def families(report: Report) -> list[tuple[str, list[Network]]]:
    """The networks under the head of their model and of their style; what they have in common is in no head."""
    axis = next((a for a in report.axes if a.name == FAMILY), Axis(FAMILY, "Model", FAMILY))
    all_of_them = networks(report)
    by_model = len(levels(report, axis, [n.condition for n in all_of_them])) > 1
    by_style = len(styles(report)) > 1
    found: dict[str, list[Network]] = {}
    for network in all_of_them:
        head = [f"{axis.label}: {text(network.params.get(FAMILY))}"] if by_model else []
        head += [f"Style: {network.style}"] if by_style and network.style else []
        found.setdefault(", ".join(head), []).append(network)
    return list(found.items())


def objectives(report: Report) -> list[list[Network]]:
    """The networks whose losses are in the same units, together."""
    found: dict[str, list[Network]] = {}
    for network in networks(report):
        found.setdefault(network.objective, []).append(network)
    return list(found.values())


def estimate(network: Network, key: str) -> Estimate:
    """A loss of ``network`` over its seeds. With a seed that went wrong there is none: the mean of the others would
    make the condition look better than it is. Seeds that are still to be trained are not in the mean."""
    if network.broken:
        several = len(network.trainings) > 1
        return Estimate("; ".join(f"seed {t.seed} {t.trouble}" if several else t.trouble for t in network.broken))
    values = [t.losses[key] for t in network.finished if key in t.losses]
    if not values:
        return Estimate("not part of its loss" if network.finished else "not trained yet")
    return Estimate(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def ranked(chosen: Sequence[Network], key: str) -> list[tuple[float, Network]]:
    """Those with a value, the lowest first; of equal ones the first in grid order."""
    found = [(e.value, n) for n in chosen if isinstance((e := estimate(n, key)).value, float)]
    return sorted(found, key=lambda item: item[0])


def baseline(network: Network, key: str) -> float | None:
    """What doing next to nothing would score on the photographs of ``network``; None before it was trained."""
    return next((t.losses[key] for t in network.trainings if key in t.losses), None)


def several_seeds(report: Report) -> bool:
    """Whether some network is trained from more than one seed."""
    return any(len(n.trainings) > 1 for n in networks(report))
