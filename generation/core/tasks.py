"""The registry of tasks: what can be rendered, with which parameters, and what is measured about it.

A task joins a grid file to the code that renders and measures. Voting and evaluation know nothing of tasks: to them a
stimulus is a picture and a metric is a number with a direction and a scope. So a new task is one :func:`register` call.

Renderers and measures are named by ``"module:function"`` and imported only where the work is done, which keeps torch
out of the web process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from generation.core.spec import MetricSpec, Params, Scalar


class ParameterError(ValueError):
    """A parameter of a grid that is unknown, of the wrong kind or out of range; the text names it and the mend."""


@dataclass(frozen=True)
class Param:
    """A parameter of a method: its kind, default and limits, and how people read it.

    ``kind``: ``float``, ``int``, ``bool`` or ``choice``. ``short`` is the word used in condition labels ("lr").
    ``scale`` (``log`` or ``linear``) says how an axis of it is drawn and transformed.
    """

    kind: str
    default: Scalar
    label: str
    short: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    scale: str = "linear"

    def check(self, name: str, value: object) -> Scalar:
        """Return ``value`` in the parameter's own type, or raise :class:`ParameterError`."""
        if self.kind == "choice":
            if not isinstance(value, str) or value not in self.choices:
                raise ParameterError(f"{name} = {value!r}: choose one of {', '.join(self.choices)}.")
            return str(value)
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise ParameterError(f"{name} = {value!r}: write true or false.")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(f"{name} = {value!r}: write a number.")
        if not (float("-inf") < value < float("inf")):
            raise ParameterError(f"{name} = {value!r}: write a finite number.")
        if self.kind == "int" and int(value) != value:
            raise ParameterError(f"{name} = {value!r}: write a whole number.")
        if self.minimum is not None and value < self.minimum:
            raise ParameterError(f"{name} = {value!r} is below the smallest value {self.minimum:g}.")
        if self.maximum is not None and value > self.maximum:
            raise ParameterError(f"{name} = {value!r} is above the largest value {self.maximum:g}.")
        return int(value) if self.kind == "int" else float(value)


@dataclass(frozen=True)
class Method:
    """A way to make an image: ``render`` is ``"module:function"`` with the signature of ``core.render.Renderer``.

    ``networks(params)`` names the weights files the method needs (the registry of ``core.weights`` finds them).
    """

    name: str
    label: str
    render: str
    params: Mapping[str, Param]
    networks: Callable[[Params], tuple[str, ...]] = lambda params: ()

    def complete(self, given: Mapping[str, object]) -> dict[str, Scalar]:
        """All parameters of the method: ``given`` checked, defaults filled in. Raises :class:`ParameterError`."""
        unknown = sorted(set(given) - set(self.params))
        if unknown:
            raise ParameterError(
                f"{unknown[0]} is not a parameter of {self.label}. It knows: {', '.join(sorted(self.params))}."
            )
        return {name: param.check(name, given.get(name, param.default)) for name, param in self.params.items()}


@dataclass(frozen=True)
class Task:
    """Something the platform can render and ask people about.

    ``methods``: name -> method, the first is the default. ``sources``: roles a scene has (``content``, ``style``).
    ``metrics(params, weights)``: the numbers about each image under the reference parameters, given the weights found
    (network -> SHA-256). ``measure``: ``"module:function"`` with the signature of ``core.render.Measure``.
    ``primary_metric``: key of the metric whose minimiser is put to the test. ``question``: preset asked by default.
    ``baseline``: method of the control stimulus. ``networks(params)``: what measuring needs under the reference
    parameters; where one cannot be had, the metrics that need it say so instead of a number. ``objective(params)``:
    the part of the parameters that fixes the loss.
    """

    name: str
    label: str
    methods: Mapping[str, Method]
    sources: tuple[str, ...]
    metrics: Callable[[Params, Mapping[str, str]], Sequence[MetricSpec]]
    measure: str
    primary_metric: str
    question: str
    baseline: str = "identity"
    networks: Callable[[Params], tuple[str, ...]] = lambda params: ()
    objective: Callable[[Params], Mapping[str, Scalar]] = field(default=lambda params: dict(params))

    @property
    def default_method(self) -> Method:
        """The method of a grid that names none."""
        return next(iter(self.methods.values()))


_TASKS: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Add ``task`` to the registry; a name is registered once."""
    if task.name in _TASKS:
        raise ValueError(f"The task {task.name!r} is registered already.")
    _TASKS[task.name] = task
    return task


def unregister(name: str) -> None:
    """Take a task out of the registry (for tests that bring their own)."""
    del _TASKS[name]


def get(name: str) -> Task:
    """The task called ``name``; ``KeyError`` with a sentence that lists the known ones."""
    try:
        return _TASKS[name]
    except KeyError:
        raise KeyError(f"There is no task {name!r}. Registered: {', '.join(sorted(_TASKS))}.") from None


def names() -> list[str]:
    """Names of the registered tasks, sorted."""
    return sorted(_TASKS)
