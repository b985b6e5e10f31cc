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

    ``kind``: ``float``, ``int``, ``bool``, ``choice`` or ``text`` (which a list or a table of a grid file becomes:
    ``["a", "b"]`` is ``a,b`` and ``{ x = 1 }`` is ``x=1``; the method's ``resolve`` knows what it may say).
    ``short`` is the word used in condition labels ("lr"). ``scale`` (``log`` or ``linear``) says how an axis of it is
    drawn and transformed.
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
        if self.kind == "text":
            return _text(name, value)
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


def _text(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={_text(name, entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return ",".join(_text(name, entry) for entry in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ParameterError(f"{name} = {value!r}: write text, or a list of texts or numbers.")
    return value.strip() if isinstance(value, str) else repr(value)


@dataclass(frozen=True)
class Preset:
    """Parameters that somebody published, by one name. ``source``: where they stand written.

    ``departure``: how the preset differs from what it is named after; pages show it wherever its pictures are.
    """

    label: str
    values: Mapping[str, Scalar]
    source: str
    departure: str = ""


@dataclass(frozen=True)
class Trainer:
    """How the network of a method is trained before it makes pictures.

    ``train``: ``"module:function"`` with the signature of ``core.protocols.Train``. ``params(params)``: the part of the
    parameters that decides the training. ``side(params)``: the square of the photographs, in px. ``epoch(params)``: the
    epoch whose network makes the picture, 0 for the last. ``seconds``: ``"module:function"`` that foretells how long
    trainings take here, see ``core.train.Foretell``. ``version``: raised when the same settings give another network.
    ``style(params)``: the style that decides the training: ``""`` for none, ``"scene"`` for that of the scene (one
    network for each style), ``"folder"`` for the folder of ``[styles]``. ``networks(params)``: pretrained networks that
    the loss looks through, with the layers of each, as for ``Method.networks``. ``masks``: every photograph comes with
    a mask. ``grey``: photographs without colours are trained on too. ``loss``: what is
    minimised, among the numbers of an epoch; ``val_`` before it is the same on what was kept apart.
    """

    train: str
    params: Callable[[Params], Params]
    side: Callable[[Params], int]
    epoch: Callable[[Params], int]
    seconds: str
    version: str = "1"
    style: Callable[[Params], str] = lambda params: ""
    networks: Callable[[Params], Mapping[str, tuple[str, ...]]] = lambda params: {}
    masks: bool = False
    grey: bool = False
    loss: str = "loss"


def resolve_epoch(params: dict[str, Scalar]) -> None:
    """Put ``at_epoch`` 0 at the last of the ``epochs``, its place on an axis; :class:`ParameterError` behind it."""
    if int(params["at_epoch"]) > int(params["epochs"]):
        raise ParameterError(f"at_epoch = {params['at_epoch']} lies behind the last of {params['epochs']} epochs.")
    params["at_epoch"] = params["at_epoch"] or params["epochs"]


#: Said of a grid whose networks were trained from one seed each.
ONE_SEED = (
    "One seed per condition: what a parameter does cannot be told from the luck of the seed. Three or more under "
    "[replicates] seeds show the spread."
)


@dataclass(frozen=True)
class Method:
    """A way to make an image: ``render`` is ``"module:function"`` with the signature of ``core.render.Renderer``.

    ``networks(params)``: network -> layers that are needed of it (``core.weights`` finds a file that has them).
    ``resolve(params)`` applies the rules between parameters to a checked, full set (aliases become what they stand
    for); it raises :class:`ParameterError`. ``run(params)``: the parameters of the run that the picture is taken from;
    pictures of one run are planned together. ``derived(params)``: columns that follow from the parameters.
    ``notes(conditions, seeds)``: sentences about a whole grid, said before anything is rendered; each condition is its
    label and its parameters. It raises :class:`ParameterError` for conditions that cannot stand side by side.
    ``trainer``: how the network is trained that makes the pictures, where one is.
    """

    name: str
    label: str
    render: str
    params: Mapping[str, Param]
    networks: Callable[[Params], Mapping[str, tuple[str, ...]]] = lambda params: {}
    presets: Mapping[str, Preset] = field(default_factory=dict)
    resolve: Callable[[dict[str, Scalar]], dict[str, Scalar]] = lambda params: params
    run: Callable[[Params], Params] = lambda params: params
    derived: Callable[[Params], Mapping[str, float]] = lambda params: {}
    notes: Callable[[Sequence[tuple[str, Params]], Sequence[int]], list[str]] = lambda conditions, seeds: []
    trainer: Trainer | None = None

    def complete(self, given: Mapping[str, object]) -> dict[str, Scalar]:
        """All parameters of the method: ``given`` checked, defaults filled in. Raises :class:`ParameterError`."""
        unknown = sorted(set(given) - set(self.params))
        if unknown:
            raise ParameterError(
                f"{unknown[0]} is not a parameter of {self.label}. It knows: {', '.join(sorted(self.params))}."
            )
        checked = {name: param.check(name, given.get(name, param.default)) for name, param in self.params.items()}
        return self.resolve(checked)


@dataclass(frozen=True)
class Task:
    """Something the platform can render and ask people about.

    ``methods``: name -> method, the first is the default. ``sources``: roles a scene has (``content``, ``style``,
    ``mask``). ``metrics(params, weights)``: the numbers about each image under the reference parameters, given the
    weights found (network -> SHA-256). ``measure``: ``"module:function"`` with the signature of
    ``core.render.Measure``. ``primary_metric``: key of the metric whose minimiser is put to the test. ``question``:
    preset asked by default. ``baseline``: method of the control stimulus. ``networks(params)``: what measuring needs
    under the reference parameters; where one cannot be had, the metrics that need it say so instead of a number.
    ``objective(params)``: the part of the parameters that fixes the loss. ``controls``: pictures beside those that
    every task offers, for ``[controls]`` of a grid file: name -> label and the method that makes it (the true marking,
    where a mask tells it).
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
    networks: Callable[[Params], Mapping[str, tuple[str, ...]]] = lambda params: {}
    objective: Callable[[Params], Mapping[str, Scalar]] = field(default=lambda params: dict(params))
    controls: Mapping[str, tuple[str, Method]] = field(default_factory=dict)

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


def derived(method: str, params: Params) -> dict[str, float]:
    """The derived columns of a condition of any registered task; none for a method or parameters nobody here knows."""
    known = next((task.methods[method] for task in _TASKS.values() if method in task.methods), None)
    try:
        return dict(known.derived(params)) if known else {}
    except (KeyError, TypeError, ValueError):  # rows that came from elsewhere
        return {}


def names() -> list[str]:
    """Names of the registered tasks, sorted."""
    return sorted(_TASKS)


def controls() -> list[Method]:
    """The methods of the controls that registered tasks have of their own."""
    return [method for task in _TASKS.values() for _, method in task.controls.values()]
