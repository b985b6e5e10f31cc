"""The methods ``feedforward`` and ``arbitrary`` of style transfer: parameters and training. Torch-free.

Content, style and losses are those of the task: a picture of a trained network is measured like one whose pixels were
optimised, and both can be asked about in one study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generation.core import optimizer_table, style_objective
from generation.core.feedforward.presets import ARBITRARY_PRESETS, FEEDFORWARD_PRESETS
from generation.core.photo import SIZE
from generation.core.redundancy import redundant
from generation.core.spec import Params, Scalar
from generation.core.style_objective import RESIZE, derived, networks
from generation.core.tasks import ONE_SEED, Method, Param, ParameterError, Preset, Trainer, resolve_epoch

#: What both methods know of their networks and their training.
_TRAINED: Mapping[str, Param] = {
    **style_objective.PARAMS,
    "width": Param("int", 32, "Channels at full resolution", "width", minimum=4, maximum=128),
    "blocks": Param("int", 5, "Residual blocks", "blocks", minimum=1, maximum=16),
    "output": Param("choice", "sigmoid", "Last layer", "output", choices=("sigmoid", "linear")),
    "train_size": Param("int", 256, "Square of the photographs in training (pixels)", "px", minimum=32, maximum=512),
    "optimizer": Param("choice", "adam", "Optimiser", "optimiser", choices=tuple(optimizer_table.OPTIMIZERS)),
    "learning_rate": Param("float", 1e-3, "Learning rate", "lr", minimum=1e-15, maximum=1e12, scale="log"),
    "optimizer_options": Param("text", "", "Options of the optimiser", "options"),
    "batch": Param("int", 4, "Batch size", "batch", minimum=1, maximum=1024, scale="log"),
    "epochs": Param("int", 2, "Epochs", "epochs", minimum=1, maximum=10_000),
    "decay": Param("choice", "none", "Learning rate over the epochs", "decay", choices=("none", "linear")),
    "shuffle": Param("bool", True, "Photographs in a new order each epoch", "shuffle"),
    "flip": Param("bool", True, "Every second photograph mirrored", "flip"),
}
_AT_EPOCH = Param("int", 0, "Epoch the network is taken at (0: the last)", "epoch", minimum=0, maximum=10_000)

FEEDFORWARD_PARAMS: Mapping[str, Param] = {
    **_TRAINED,
    "style_size": Param(
        "int", 0, "Longest side of the style picture in training (pixels; 0: as the photographs)", "style px",
        minimum=0, maximum=2048,
    ),
    "at_epoch": _AT_EPOCH,
    "size": SIZE,
    "resize": RESIZE,
}  # fmt: skip

ARBITRARY_PARAMS: Mapping[str, Param] = {
    **_TRAINED,
    "bottleneck": Param("int", 100, "Numbers that a style is said in", "bottleneck", minimum=1, maximum=1024),
    "predictor_width": Param(
        "int", 32, "Channels of the first level of the style-prediction network", "predictor", minimum=4, maximum=128
    ),
    "at_epoch": _AT_EPOCH,
    "strength": Param("float", 1.0, "Strength of the style (0: the photograph's own)", "strength", 0.0, 1.0),
    "size": SIZE,
    "resize": RESIZE,
}

#: 2: random-shallow is normalised on pictures from the whole pack.
VERSION = "2"
#: What is done with a trained network; everything else decides the training.
_RENDERING = ("at_epoch", "strength", "size")


def resolve(params: dict[str, Scalar]) -> dict[str, Scalar]:
    """Aliases of layers, statistic and options become what they stand for; raises ``ParameterError``."""
    style_objective.resolve(params)
    if not any(float(params[name]) for name in style_objective.WEIGHTS):
        raise ParameterError(
            f"{', '.join(style_objective.WEIGHTS)} are all 0, so that a network has nothing to learn. Give one of them "
            "a weight."
        )
    params["optimizer_options"] = optimizer_table.resolved_options(params)
    if params.get("style_size", 0) == params["train_size"]:
        params["style_size"] = 0  # one way to say it
    if params["epochs"] == 1:  # too few for it to matter
        params["decay"] = "none"
    resolve_epoch(params)
    return params


def training(params: Params) -> Params:
    """The part of the parameters that decides the training; what makes no difference to it is at one value."""
    deciding = {name: value for name, value in params.items() if name not in _RENDERING}
    if not float(params["tv_weight"]):
        # Its number is written down all the same: in the form that no flat photograph makes infinite.
        deciding["tv_form"] = "l2"
    if "bottleneck" in params:
        # Only pictures that are made are scaled: photographs and styles come at their size, from packs.
        deciding["resize"] = RESIZE.default
    return deciding


def notes(conditions: Sequence[tuple[str, Params]], seeds: Sequence[int]) -> list[str]:
    """What is to be said of the grid before it is trained."""
    said = []
    if len({tuple(sorted(training(params).items())) for _, params in conditions}) > 1 and len(seeds) == 1:
        said.append(ONE_SEED)
    # The loss is minimised as it stands, so no epsilon is small by itself.
    same = {"loss_scale": "none"}
    return said + redundant(
        [(label, {**params, **same, "tv_form": training(params)["tv_form"]}) for label, params in conditions]
    )


def _method(name: str, label: str, style: str, params: Mapping[str, Param], presets: Mapping[str, Preset]) -> Method:
    """A method whose networks are trained for the ``style`` of a scene or for those of a folder."""
    return Method(
        name,
        label,
        "generation.core.feedforward.renderer:render",
        params,
        networks,
        presets,
        resolve,
        derived=derived,
        notes=notes,
        trainer=Trainer(
            train="generation.core.feedforward.training:train",
            params=training,
            side=lambda params: int(params["train_size"]),
            epoch=lambda params: int(params["at_epoch"]),
            seconds="generation.core.feedforward.foretell:seconds",
            style=lambda params: style,
            networks=networks,
            grey=True,
            loss="total",
            version=VERSION,
        ),
    )


FEEDFORWARD = _method(
    "feedforward",
    "A network trained for one style (Johnson et al. 2016)",
    "scene",
    FEEDFORWARD_PARAMS,
    FEEDFORWARD_PRESETS,
)

ARBITRARY = _method(
    "arbitrary",
    "A network trained for any style (Ghiasi et al. 2017)",
    "folder",
    ARBITRARY_PARAMS,
    ARBITRARY_PRESETS,
)
