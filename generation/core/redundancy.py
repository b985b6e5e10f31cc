"""Which conditions give the same image: axes of a grid that change numbers and not pictures. Pure.

At one scale and one learning rate the first k steps of a run do not know how many follow: a run of k steps and the
picture taken at step k of a longer run are one picture.

Two rules more, both about a loss multiplied by a constant c > 0, which multiplies every gradient by c:

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

#: An epsilon above this is no longer small beside the gradients of every objective under ``loss_scale`` pixels. Where
#: the loss is minimised as it stands (none), gradients may be of any size and no epsilon is small.
LARGE_EPSILON = 1e-4

#: Labels that a sentence names.
NAMED = 6

#: Optimiser, options and all other parameters that have to be equal.
_Rest = tuple[str, str, tuple[tuple[str, Scalar], ...]]
_Member = tuple[str, tuple[float, ...]]
#: Labels of one picture; their parameters with complete options and the step that the picture is taken at.
_Picture = tuple[list[str], Params]


def redundant(conditions: Sequence[tuple[str, Params]]) -> list[str]:
    """One sentence for each group of two or more conditions that give one picture, or the same but for rounding.

    ``conditions``: label and complete parameters. First the groups of :func:`one_picture`; then those of weights, where
    the first condition of such a group stands for all of it. Conditions without an optimiser (photographs, controls)
    are passed over. Raises ``ValueError`` as ``complete_options`` does.
    """
    pictures = _pictures(conditions)
    alike: dict[_Rest, list[_Member]] = defaultdict(list)
    for (label, *_), params in pictures:
        name, options = str(params["optimizer"]), str(params["optimizer_options"])
        if not (OPTIMIZERS[name].scale_free or name in LINEAR):
            continue
        weights = [float(params.get(weight, 0.0)) for weight in WEIGHTS]
        passed = {*WEIGHTS, "optimizer", "optimizer_options"}
        if name in LINEAR:
            passed.add("learning_rate")
            pressure = tuple(float(params["learning_rate"]) * weight for weight in weights)
        else:
            pressure = _ratio(weights)
        rest = tuple(sorted((key, value) for key, value in params.items() if key not in passed))
        alike[name, options, rest].append((label, pressure))
    return _picture_sentences(pictures) + [
        _sentence(name, options, ("loss_scale", "none") in rest, group)
        for (name, options, rest), members in alike.items()
        for group in _equal(members)
        if len(group) > 1
    ]


def one_picture(conditions: Sequence[tuple[str, Params]]) -> list[str]:
    """One sentence for each group of two or more conditions whose picture is one step of one run.

    Arguments and errors as in :func:`redundant`.
    """
    return _picture_sentences(_pictures(conditions))


def _pictures(conditions: Sequence[tuple[str, Params]]) -> list[_Picture]:
    """The conditions with an optimiser, those of one picture together, in the order of their first ones."""
    found: dict[object, _Picture] = {}
    for place, (label, params) in enumerate(conditions):
        name = str(params.get("optimizer", ""))
        if name not in OPTIMIZERS:
            continue
        options = complete_options(name, str(params.get("optimizer_options", "")))
        plain: dict[str, Scalar] = {**params, "optimizer_options": options}
        taken = int(params.get("at_step", 0)) or int(params.get("steps", 0))
        if taken:
            plain["at_step"] = taken
            if params.get("scales") == 1 and params.get("decay") == "none":
                plain["steps"] = taken
        # Without a step nothing says where in a run the picture stands.
        key: object = tuple(sorted(plain.items())) if taken else place
        found.setdefault(key, ([], plain))[0].append(label)
    return list(found.values())


def _picture_sentences(pictures: Sequence[_Picture]) -> list[str]:
    return [
        f"{_labels(labels)} are one picture: the one after {params['at_step']} step"
        f"{'' if params['at_step'] == 1 else 's'} of the same run. Keep one."
        for labels, params in pictures
        if len(labels) > 1
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


def _sentence(name: str, options: str, unscaled: bool, group: Sequence[_Member]) -> str:
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
    labels = _labels([label for label, _ in group])
    return f"{labels} give the same image{_but(name, options, unscaled)}: {why}. Keep one, {mend}."


def _but(name: str, options: str, unscaled: bool) -> str:
    """What may still tell the images apart. ``unscaled``: the loss is minimised as it stands."""
    epsilon = read_options(options).get("epsilon", 0.0)
    term = "epsilon"
    beside = epsilon  # what stands beside the size of a gradient
    if name == "adadelta":  # Zeiler 2012, equation 9: RMS[g] = sqrt(E[g^2] + epsilon)
        term, beside = "sqrt(epsilon)", math.sqrt(epsilon)
    if beside > LARGE_EPSILON or (beside and unscaled):
        return f" (nearly, as long as gradients are much larger than {term} = {beside:g})"
    but = f" but for epsilon = {epsilon:g} and rounding" if epsilon else " but for rounding"
    if name == "lbfgs":
        return f"{but} (as long as the absolute gradients of the first step sum to more than 1)"
    return but


def _labels(labels: Sequence[str]) -> str:
    """``"a", "b" and "c"``; of more than :data:`NAMED` the first ones and how many more."""
    quoted = [f'"{label}"' for label in labels[:NAMED]]
    if len(labels) > NAMED:
        return f"{', '.join(quoted)} and {len(labels) - NAMED} more"
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"
