"""The trainings as a table in the shape of Lee, Liu and Trukhin's tables 1 and 2, with what a grey picture scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generation.core.drawing.numbers import short
from generation.core.report.data import Report, Training, Value
from generation.core.report.training.networks import (
    APART,
    ERROR,
    KEPT_APART,
    Estimate,
    Network,
    baseline,
    colours,
    estimate,
    families,
    label,
    minimised,
    networks,
    ranked,
    several_seeds,
    styles,
)
from generation.core.spec import Scalar

#: Columns of colorization: key of the loss -> head. The first three are the paper's.
COLOURS: Mapping[str, str] = {
    "g_gan": "loss_G_GAN",
    "g_l1": "loss_G_L1",
    "g": "loss_G",
    ERROR: "Colour error, training",
    KEPT_APART: "Colour error, kept apart",
}

#: Heads of the other tasks' numbers where the key is no word.
WORDS = {"tv": "total variation", "dice": "Dice", "iou": "IoU"}

#: What doing next to nothing would score: row -> its key in training (None where it is not taken) and kept apart.
BASELINES: Mapping[str, tuple[str | None, str]] = {
    "Grey picture": ("grey_ab_error", "grey_val_ab_error"),
    "Median colour of the training": (None, "median_val_ab_error"),
    "Own median colour (oracle)": (None, "own_median_val_ab_error"),
}

NO_NETWORK, NOT_TAKEN = "no network", "not taken"
PLAIN = (
    "Numbers of the last epoch, in training and on what was kept apart. Bold is the lowest loss of those in the same "
    "units."
)


@dataclass(frozen=True)
class Row:
    """A network or a baseline with its losses by key. ``lowest``: keys in which it is the lowest of its kind;
    ``seeds``: '2 of 3'; ``epochs`` and ``status`` in words."""

    label: str
    losses: Mapping[str, Estimate]
    seeds: str
    epochs: str
    status: str
    is_baseline: bool = False
    lowest: frozenset[str] = frozenset()


def table(report: Report) -> list[tuple[str, list[Row]]]:
    """The rows under the heads of their families, networks in grid order, then the baselines of their photographs."""
    best = _lowest(report)
    return [
        (head, [*(_row(report, n, best) for n in members), *_baselines(members)]) for head, members in families(report)
    ]


def columns(report: Report) -> Mapping[str, str]:
    """Columns with a number: key of the loss -> head. What is minimised stands first, then what it is made of; the
    parts of a part (style by layer) stand in training.csv alone."""
    if colours(report):
        return COLOURS
    known = {key for training in report.trainings for key in training.losses}
    told = [key for key in known if APART + key in known and not any(key.startswith(f"{other}_") for other in known)]
    found: dict[str, str] = {}
    for key in sorted(told, key=lambda key: (key != minimised(report), key)):
        word = WORDS.get(key, key.replace("_", " "))
        found |= {key: word, APART + key: f"{word}, kept apart"}
    return found


def notes(report: Report) -> list[str]:
    """How the table is read: units, what the means are over, and what one seed cannot say."""
    return [*(_colour_notes(report) if colours(report) else [PLAIN]), *_seed_notes(report)]


def _colour_notes(report: Report) -> list[str]:
    scales = dict.fromkeys(s for n in networks(report) if (s := _scale(n)) is not None)
    words = [f"{short(weight)} · mean |Δab| / {short(unit)}" for weight, unit in scales]
    units = f"loss_G_L1 is {' or '.join(words)}, as the run minimised it; " if words else ""
    said = [
        f"Losses of the last epoch in training mode, as the paper prints them: {units}colour errors are mean |Δa|, "
        "|Δb| in Lab units and can be compared everywhere. Bold is the lowest of those in the same units."
    ]
    said.append(
        "The rows without a network are what doing next to nothing scores: no colour; one colour for all pictures, the "
        "median of those trained on; and for each picture its own median, which only an oracle knows."
    )
    return said


def _seed_notes(report: Report) -> list[str]:
    said = []
    if several_seeds(report):
        said.append("Mean over the seeds ± their standard deviation.")
    else:
        said.append(
            "One seed per condition, so there is no standard deviation: a difference between two rows may be the "
            "luck of the seed."
        )
    for network in networks(report):
        if network.others:
            others = ", ".join(report.conditions[c].label for c in network.others)
            said.append(f"The network of {label(report, network)} also makes the pictures of {others}.")
    if len(styles(report)) > 1:
        said.append(
            "A network is for one style, and each style has its own rows: how near pictures come to one style cannot "
            "be held against how near others come to another."
        )
    return list(dict.fromkeys(said))  # one network of a condition for each style, one sentence


def shown(estimate: Estimate) -> str:
    """'8.937 ± 0.21', or the reason. Zeros at the end stay: in a column 11.50 and 12.05 stand in line."""
    if isinstance(estimate.value, str):
        return estimate.value
    spread = f" ± {_digits(estimate.sd, 2)}" if estimate.sd is not None else ""
    return _digits(estimate.value, 4) + spread


def _digits(value: float, digits: int) -> str:
    text = f"{value:#.{digits}g}".rstrip(".")
    return short(value, digits) if "e" in text else text


def _lowest(report: Report) -> dict[tuple[int, str], set[str]]:
    """Condition and style of a network -> keys in which none of those in the same units is lower."""
    found: dict[tuple[int, str], set[str]] = {}
    everywhere = networks(report)
    loss = minimised(report)
    for network in everywhere:
        for key in COLOURS if colours(report) else (loss, APART + loss):
            same = [n for n in everywhere if key in (ERROR, KEPT_APART) or n.objective == network.objective]
            there = ranked(same, key)
            if len(there) > 1 and estimate(network, key).value == there[0][0]:
                found.setdefault((network.condition, network.style), set()).add(key)
    return found


def _row(report: Report, network: Network, best: Mapping[tuple[int, str], set[str]]) -> Row:
    done, wanted = len(network.finished), len(network.trainings)
    reached = sorted({t.epochs for t in network.trainings})
    span = f"{reached[0]} to {reached[-1]}" if len(reached) > 1 else f"{reached[0]}"
    return Row(
        label(report, network),
        {key: estimate(network, key) for key in columns(report)},
        f"{done}" if done == wanted else f"{done} of {wanted}",
        _epochs(span, network.params.get("epochs")),
        _status(network),
        lowest=frozenset(best.get((network.condition, network.style), ())),
    )


def _epochs(reached: str, wanted: Scalar | None) -> str:
    """'12', or '7 of 12' where a training ended before."""
    return reached if wanted is None or reached == str(wanted) else f"{reached} of {wanted}"


def _status(network: Network) -> str:
    several = len(network.trainings) > 1
    words = [f"{f'seed {t.seed} ' if several else ''}{said(t)}" for t in network.broken]
    planned = sum(t.status == "planned" for t in network.trainings)
    if planned:
        words.append(f"{planned} not trained yet" if several else "not trained yet")
    return "; ".join(words) or "trained"


def said(training: Training) -> str:
    """How a training ended, with its reason."""
    words = training.trouble or {"ok": "trained"}.get(training.status, "not trained yet")
    return f"{words}: {training.reason}" if training.trouble and training.reason else words


def _baselines(members: Sequence[Network]) -> list[Row]:
    """The baselines of each set of photographs that the networks were trained on."""
    packs: dict[str, list[Network]] = {}
    for network in members:
        if baseline(network, "grey_ab_error") is not None:
            packs.setdefault(network.trainings[0].data, []).append(network)
    return [
        _baseline(name, trained, kept, group, len(packs) > 1)
        for group in packs.values()
        for name, (trained, kept) in BASELINES.items()
        if baseline(group[0], kept) is not None
    ]


def _baseline(name: str, trained: str | None, kept: str, group: Sequence[Network], several: bool) -> Row:
    error: Value = NOT_TAKEN if trained is None else _or(baseline(group[0], trained), NOT_TAKEN)
    losses = dict.fromkeys(COLOURS, Estimate(NO_NETWORK))
    losses["g_l1"] = Estimate(_l1(error, group))
    losses[ERROR] = Estimate(error)
    losses[KEPT_APART] = Estimate(_or(baseline(group[0], kept), NOT_TAKEN))
    side = f", {group[0].params.get('train_size')} px" if several else ""
    return Row(name + side, losses, "none", "none", "for comparison", is_baseline=True)


def _l1(error: Value, group: Sequence[Network]) -> Value:
    """The error as the runs' own L1 loss: weight · error / unit, where all of them have the same."""
    scales = {_scale(n) for n in group}
    scale = scales.pop()
    if isinstance(error, str):
        return error
    if scale is None:
        return "not part of the loss"
    return "units differ between the rows" if scales else scale[0] * error / scale[1]


def _scale(network: Network) -> tuple[float, float] | None:
    """Weight of the L1 loss and what a* and b* are divided by; None for a loss without an L1 part."""
    objective = network.trainings[0].objective
    if "l1_weight" not in objective or "ab_scale" not in objective:
        return None
    return float(objective["l1_weight"]), float(objective["ab_scale"])


def _or(value: float | None, reason: str) -> Value:
    return reason if value is None else value
