"""Which conditions give the same image: axes of a grid that change numbers and not pictures. Pure.

Two rules, both about a loss multiplied by a constant c > 0, which multiplies every gradient by c:

* An optimiser that divides the gradient by its own size (``OptimizerKind.scale_free``) makes the same steps but for
  epsilon, so style, content and tv weights in equal ratio are one condition.
* Plain SGD, with or without momentum, makes steps c times as long, so the learning rate times the weights counts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from generation.core.optimizer_table import OPTIMIZERS, complete_options, read_options
from generation.core.spec import Params, Scalar

WEIGHTS = ("style_weight", "content_weight", "tv_weight")

#: Optimisers whose steps are linear in the gradient.
LINEAR = ("sgd", "momentum", "nesterov")

#: Ratios that differ by less, relatively, are equal: weights are written in decimals and multiplied in binary.
TOLERANCE = 1e-9

#: An epsilon above this is no longer small beside the gradients of every objective.
LARGE_EPSILON = 1e-4

#: Labels that a sentence names.
NAMED = 6

#: Optimiser, options and all other parameters that have to be equal.
_Rest = tuple[str, str, tuple[tuple[str, Scalar], ...]]
_Member = tuple[str, tuple[float, ...]]


def redundant(conditions: Sequence[tuple[str, Params]]) -> list[str]:
    """One sentence for each group of two or more conditions that give the same image but for rounding.

    ``conditions``: label and complete parameters. Conditions without an optimiser (photographs, controls) are passed
    over. Raises ``ValueError`` as ``complete_options`` does.
    """
    alike: dict[_Rest, list[_Member]] = defaultdict(list)
    for label, params in conditions:
        name = str(params.get("optimizer", ""))
        if name not in OPTIMIZERS or not (OPTIMIZERS[name].scale_free or name in LINEAR):
            continue
        options = complete_options(name, str(params.get("optimizer_options", "")))
        weights = [float(params.get(weight, 0.0)) for weight in WEIGHTS]
        passed = {*WEIGHTS, "optimizer", "optimizer_options"}
        if name in LINEAR:
            passed.add("learning_rate")
            pressure = tuple(float(params["learning_rate"]) * weight for weight in weights)
        else:
            pressure = _ratio(weights)
        rest = tuple(sorted((key, value) for key, value in params.items() if key not in passed))
        alike[name, options, rest].append((label, pressure))
    return [
        _sentence(name, options, group)
        for (name, options, _), members in alike.items()
        for group in _equal(members)
        if len(group) > 1
    ]


def _ratio(weights: Sequence[float]) -> tuple[float, ...]:
    """The weights over the content weight, or over the first that is not 0 where there is none: 0:0:0 stays."""
    unit = weights[1] or next((weight for weight in weights if weight), 1.0)
    return tuple(weight / unit for weight in weights)


def _equal(members: list[_Member]) -> list[list[_Member]]:
    """The members in groups of equal numbers to :data:`TOLERANCE`; groups and members in the order given."""
    place = {id(member): number for number, member in enumerate(members)}
    groups = [members]
    for component in range(len(WEIGHTS)):
        finer: list[list[_Member]] = []
        for group in groups:
            previous = math.nan
            for member in sorted(group, key=lambda m: m[1][component]):
                value = member[1][component]
                if math.isclose(value, previous, rel_tol=TOLERANCE):
                    finer[-1].append(member)
                else:
                    finer.append([member])
                previous = value
        groups = finer
    ordered = [sorted(group, key=lambda m: place[id(m)]) for group in groups]
    return sorted(ordered, key=lambda group: place[id(group[0])])


def _sentence(name: str, options: str, group: Sequence[_Member]) -> str:
    kind = OPTIMIZERS[name]
    style, content, tv = group[0][1]
    if name in LINEAR:
        why = (
            f"{kind.label} moves by the learning rate times the weights, and theirs are equal "
            f"(style {style:.6g}, content {content:.6g}, tv {tv:.6g})"
        )
        mend = "or change the product of learning rate and weights"
    else:
        why = (
            f"{kind.label} takes only the ratio of the weights into account, and theirs is equal "
            f"(style : content : tv = {style:.6g} : {content:.6g} : {tv:.6g})"
        )
        mend = "or change the ratio or the learning rate"
    return (
        f"{_labels([label for label, _ in group])} give the same image{_but(name, options)}: {why}. Keep one, {mend}."
    )


def _but(name: str, options: str) -> str:
    """What may still tell the images apart."""
    epsilon = read_options(options).get("epsilon", 0.0)
    but = f" but for epsilon = {epsilon:g} and rounding" if epsilon else " but for rounding"
    if epsilon > LARGE_EPSILON:
        return f"{but} (nearly, as long as gradients are much larger than epsilon)"
    if name == "lbfgs":
        return f"{but} (as long as the absolute gradients of the first step sum to more than 1)"
    return but


def _labels(labels: Sequence[str]) -> str:
    """``"a", "b" and "c"``; of more than :data:`NAMED` the first ones and how many more."""
    quoted = [f'"{label}"' for label in labels[:NAMED]]
    if len(labels) > NAMED:
        return f"{', '.join(quoted)} and {len(labels) - NAMED} more"
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"
