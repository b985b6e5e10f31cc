"""What is known of each optimiser: its options, their defaults and ranges, its published rate. Torch-free.

A default is the number that the optimiser's own paper names; where it names none, that of ``torch.optim`` (the same
from torch 2.11 to 2.14). Which is which stands in ``OptimizerKind.source``. ``core.optimizers`` does the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from generation.core.spec import Params
from generation.core.tasks import ParameterError


@dataclass(frozen=True)
class OptimizerKind:
    """One optimiser. Options carry the field's names; a default that is an ``int`` takes whole numbers only.

    ``published_rate``: the default learning rate; ``source``: the paper, and where rate and options stand.
    ``scale_free``: a loss multiplied by a constant gives the same steps but for epsilon.
    ``per_image``: needs a state of its own for each image (its rate or its dot products do not batch).
    """

    name: str
    label: str
    published_rate: float
    source: str
    options: Mapping[str, float] = field(default_factory=dict)
    scale_free: bool = False
    per_image: bool = False


_ADAM: Mapping[str, float] = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}

_KINDS = (
    OptimizerKind("sgd", "SGD", 0.001, "Robbins and Monro 1951 name no rate: torch.optim.SGD"),
    OptimizerKind(
        "momentum",
        "SGD with momentum",
        0.001,
        "Polyak 1964 names no numbers: rate of torch.optim.SGD, momentum of Krizhevsky et al. 2012, section 5",
        {"momentum": 0.9},
    ),
    OptimizerKind(
        "nesterov",
        "Nesterov momentum",
        0.001,
        "Nesterov 1983 names no numbers: rate of torch.optim.SGD, momentum of Krizhevsky et al. 2012, section 5",
        {"momentum": 0.9},
    ),
    OptimizerKind(
        "adagrad",
        "AdaGrad",
        0.01,
        "Duchi et al. 2011 name no numbers: torch.optim.Adagrad",
        {"epsilon": 1e-10},
        scale_free=True,
    ),
    OptimizerKind(
        "adadelta",
        "AdaDelta",
        1.0,
        "Zeiler 2012, Algorithm 1 (no rate, which is a rate of 1) and section 4.1 (rho, epsilon)",
        {"rho": 0.95, "epsilon": 1e-6},
        scale_free=True,
    ),
    OptimizerKind(
        "rprop",
        "Rprop",
        0.1,
        "Riedmiller and Braun 1993, section on parameters (initial step, bounds, etas); no weight backtracking, as in "
        "torch.optim.Rprop (iRprop- of Igel and Huesken 2000). The rate is the initial step",
        {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0},
        scale_free=True,
        per_image=True,
    ),
    OptimizerKind(
        "rmsprop",
        "RMSprop",
        0.01,
        "Tieleman and Hinton 2012, lecture 6e (alpha); rate and epsilon of torch.optim.RMSprop",
        {"alpha": 0.9, "epsilon": 1e-8, "momentum": 0.0},
        scale_free=True,
    ),
    OptimizerKind("adam", "Adam", 0.001, "Kingma and Ba 2015, Algorithm 1", _ADAM, scale_free=True),
    OptimizerKind(
        "amsgrad",
        "AMSGrad",
        0.001,
        "Reddi et al. 2018 name no rate: torch.optim.Adam(amsgrad=True)",
        _ADAM,
        scale_free=True,
    ),
    OptimizerKind(
        "nadam",
        "NAdam",
        0.002,
        "Dozat 2016; numbers of torch.optim.NAdam",
        {**_ADAM, "momentum_decay": 0.004},
        scale_free=True,
    ),
    OptimizerKind(
        "adamax",
        "AdaMax",
        0.002,
        "Kingma and Ba 2015, Algorithm 2; epsilon of torch.optim.Adamax",
        _ADAM,
        scale_free=True,
    ),
    # Not scale free: before its variance is tractable (five steps at beta2 = 0.999) it moves by plain momentum.
    OptimizerKind("radam", "RAdam", 0.001, "Liu et al. 2020 name no rate: torch.optim.RAdam", _ADAM),
    # Scale free if the first absolute gradients sum to more than 1: torch shortens the first step by that sum.
    OptimizerKind(
        "lbfgs",
        "L-BFGS",
        1.0,
        "Liu and Nocedal 1989; rate and history of torch.optim.LBFGS, without line search",
        {"history": 100},
        scale_free=True,
        per_image=True,
    ),
    OptimizerKind(
        "keras_adam",
        "Adam (Keras)",
        0.001,
        'tf.keras.optimizers.Adam; its epsilon is the "epsilon hat" before section 2.1 of Kingma and Ba 2015',
        {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
        scale_free=True,
    ),
)

#: name -> what is known of it, in the order of the pages.
OPTIMIZERS: Mapping[str, OptimizerKind] = {kind.name: kind for kind in _KINDS}

_BELOW_ONE = (lambda value: 0.0 <= value < 1.0, "at least 0 and below 1")
_NOT_NEGATIVE = (lambda value: 0.0 <= value < math.inf, "a finite number, 0 or more")
_POSITIVE = (lambda value: 0.0 < value < math.inf, "a finite number above 0")

#: option -> (is the value allowed, the range in words)
_RANGES: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "alpha": _BELOW_ONE,
    "beta1": _BELOW_ONE,
    "beta2": _BELOW_ONE,
    "epsilon": _NOT_NEGATIVE,
    "eta_minus": (lambda value: 0.0 < value < 1.0, "above 0 and below 1"),
    "eta_plus": (lambda value: 1.0 < value <= 1000.0, "a number above 1 and at most 1000"),
    "history": (lambda value: 1.0 <= value <= 1000.0, "from 1 to 1000"),
    "momentum": _BELOW_ONE,
    "momentum_decay": _NOT_NEGATIVE,
    "rho": _BELOW_ONE,
    "step_max": _POSITIVE,
    "step_min": _POSITIVE,
}


def read_options(text: str) -> dict[str, float]:
    """``"beta1=0.99, epsilon=0.1"`` as numbers by name. Raises ``ValueError`` with a sentence for any other form."""
    options: dict[str, float] = {}
    for part in text.split(",") if text.strip() else ():
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not name or not equals:
            raise ValueError(f'"{_short(part)}" is no optimiser option: write name=number, with commas in between.')
        if name in options:
            raise ValueError(f'The optimiser option "{_short(name)}" is given twice: keep one.')
        try:
            options[name] = float(number) + 0.0  # makes -0 a 0
        except ValueError:
            raise ValueError(f'The optimiser option {_short(name)} = "{_short(number)}" is not a number.') from None
    return options


def complete_options(name: str, text: str) -> str:
    """The canonical text of the options of optimiser ``name``: defaults filled in, sorted, shortest floats.

    Two texts with one meaning give one result; "" for an optimiser without options. Raises ``ValueError`` with a
    sentence for an unknown optimiser or option and for a value out of its range.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f'There is no optimiser "{_short(name)}": choose one of {", ".join(OPTIMIZERS)}.')
    kind = OPTIMIZERS[name]
    try:
        given = read_options(text)
    except ValueError as error:
        raise ValueError(f"{kind.label}: {error}") from None
    for option, value in given.items():
        _check(kind, option, value)
    complete = {**kind.options, **given}
    if name == "nesterov" and complete["momentum"] == 0.0:
        raise ValueError("Nesterov momentum with momentum = 0 is plain SGD: choose sgd, or a momentum above 0.")
    if name == "rprop" and complete["step_min"] > complete["step_max"]:
        raise ValueError("The options of Rprop have step_min above step_max: exchange them.")
    return ",".join(
        f"{option}={int(value) if isinstance(kind.options[option], int) else float(value)!r}"
        for option, value in sorted(complete.items())
    )


def resolved_options(params: Params) -> str:
    """What the parameter ``optimizer_options`` of a method stands for, in full; raises ``ParameterError``."""
    given = str(params["optimizer_options"])
    try:
        return complete_options(str(params["optimizer"]), given)
    except ValueError as error:
        mend = ' An option of a preset is taken out by optimizer_options = "".' if given else ""
        raise ParameterError(f"optimizer_options: {error}{mend}") from None


def _check(kind: OptimizerKind, option: str, value: float) -> None:
    """Raise ``ValueError`` with a sentence unless ``kind`` has the option and the value is in its range."""
    if option not in kind.options:
        known = f"it knows {', '.join(sorted(kind.options))}" if kind.options else "it has none"
        raise ValueError(f'{kind.label} has no option "{_short(option)}": {known}.')
    allowed, words = _RANGES[option]
    if not allowed(value):
        raise ValueError(f"The option {option} of {kind.label} is {value!r}; it must be {words}.")
    if isinstance(kind.options[option], int) and not value.is_integer():
        raise ValueError(f"The option {option} of {kind.label} is {value!r}; it must be a whole number.")


def _short(text: str) -> str:
    """What somebody wrote, short enough for a sentence."""
    text = text.strip()
    return text if len(text) <= 40 else text[:39] + "…"
