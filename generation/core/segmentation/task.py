"""The task ``defects``: marking what is wrong on a texture. Torch-free; importing it registers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generation.core import optimizer_table
from generation.core.colorization import layers
from generation.core.photo import SIZE
from generation.core.segmentation.presets import PRESETS
from generation.core.spec import MetricSpec, Params, Scalar
from generation.core.tasks import ONE_SEED, Method, Param, ParameterError, Task, Trainer, register, resolve_epoch

#: Id of the losses, of the other numbers and of the marking's style; a change of any is a new id.
DEFINITION = "defects-2"
#: How far two contours may be apart and still agree, in pixels of the stored picture.
TOLERANCE = 2

#: Optimisers whose step is meant for one function and not for a new batch each time: they see all pictures at once.
FULL_BATCH = ("rprop", "lbfgs")

FEWEST_LEVELS, MOST_LEVELS = 2, 8

PARAMS: Mapping[str, Param] = {
    "levels": Param("int", 5, "Levels of the U-Net", "levels", minimum=FEWEST_LEVELS, maximum=MOST_LEVELS),
    "width": Param("int", 16, "Channels of the first level", "width", minimum=2, maximum=128),
    "train_size": Param("int", 128, "Square the network sees (pixels)", "px", minimum=32, maximum=512),
    "init": Param("choice", "he", "Initialisation", "init", choices=("normal", "glorot", "he")),
    "init_gain": Param("float", 0.02, "Gain of the initialisation", "gain", minimum=1e-6, maximum=10.0, scale="log"),
    "dice_weight": Param("float", 1.0, "Weight of the Dice loss", "dice", minimum=0.0, maximum=1e6),
    "focal_weight": Param("float", 1.0, "Weight of the focal loss", "focal", minimum=0.0, maximum=1e6),
    "dice_smooth": Param("float", 1.0, "Smoothing of the Dice loss", "smooth", minimum=1e-6, maximum=1e6, scale="log"),
    "focal_gamma": Param("float", 2.0, "Gamma of the focal loss", "gamma", minimum=0.0, maximum=10.0),
    "focal_alpha": Param("float", 0.25, "Alpha of the focal loss", "alpha", minimum=0.0, maximum=1.0),
    "optimizer": Param("choice", "adam", "Optimiser", "optimiser", choices=tuple(optimizer_table.OPTIMIZERS)),
    "learning_rate": Param("float", 1e-3, "Learning rate", "lr", minimum=1e-9, maximum=1e6, scale="log"),
    "optimizer_options": Param("text", "", "Options of the optimiser", "options"),
    "batch": Param("int", 4, "Batch size", "batch", minimum=1, maximum=1024, scale="log"),
    "full_batch_steps": Param(
        "int", 1, "Steps of an epoch of full batches (Rprop, L-BFGS)", "full-batch steps", minimum=1, maximum=1000
    ),
    "epochs": Param("int", 30, "Epochs", "epochs", minimum=1, maximum=10_000),
    "decay": Param("choice", "none", "Learning rate over the epochs", "decay", choices=("none", "linear")),
    "shuffle": Param("bool", True, "Pictures in a new order each epoch", "shuffle"),
    "flip": Param("bool", True, "Every second picture mirrored", "flip"),
    "at_epoch": Param("int", 0, "Epoch the network is taken at (0: the last)", "epoch", minimum=0, maximum=10_000),
    "threshold": Param("float", 0.5, "Probability from which a pixel is marked", "from", minimum=0.01, maximum=0.99),
    "size": SIZE,
}  # fmt: skip

#: What is done with a trained network; everything else decides the training.
_RENDERING = ("at_epoch", "threshold", "size")
#: What full batches have no use for.
_ORDER = ("shuffle", "flip")
#: What fixes the loss of a training: its form, and the side of the pictures that it is taken on.
_OBJECTIVE = ("dice_weight", "focal_weight", "dice_smooth", "focal_gamma", "focal_alpha", "train_size")


def resolve(params: dict[str, Scalar]) -> dict[str, Scalar]:
    """Options are complete, the gain that He's initialisation has none of is at its default; raises ``ParameterError``.

    What only some optimisers use stays as it is written, so that a search varies the optimiser and its rate alone.
    """
    name = str(params["optimizer"])
    try:
        params["optimizer_options"] = optimizer_table.complete_options(name, str(params["optimizer_options"]))
    except ValueError as error:
        raise ParameterError(f"optimizer_options: {error}") from None
    levels, side = int(params["levels"]), int(params["train_size"])
    try:
        strided = layers.strided_levels(levels, side)
    except ValueError:
        near = sorted({side // 2**levels * 2**levels, (side // 2**levels + 1) * 2**levels} - {0})
        raise ParameterError(
            f"train_size = {side}: a U-Net of {levels} levels halves it until it is odd. Take a multiple of "
            f"{2**levels}, such as {' or '.join(str(n) for n in near)}."
        ) from None
    if strided < levels:
        raise ParameterError(f"levels = {levels}: a picture of {side} px is 1 x 1 after {strided}. Take at most those.")
    if not float(params["dice_weight"]) and not float(params["focal_weight"]):
        raise ParameterError("dice_weight and focal_weight are both 0: there is no loss. Give one of them a weight.")
    if params["init"] == "he":
        params["init_gain"] = PARAMS["init_gain"].default
    resolve_epoch(params)
    return params


def training(params: Params) -> Params:
    """The part of the parameters that decides the training; what it does not use is at its default."""
    deciding = {name: value for name, value in params.items() if name not in _RENDERING}
    unused = [*_ORDER] if deciding["optimizer"] in FULL_BATCH else ["full_batch_steps"]
    if int(deciding["epochs"]) == 1:
        unused.append("decay")
    return deciding | {name: PARAMS[name].default for name in unused}


def objective(params: Params) -> Mapping[str, Scalar]:
    """What fixes the loss."""
    return {name: params[name] for name in _OBJECTIVE if name in params}


#: Numbers of the training, read from the trained network: key -> label.
OF_RUN: Mapping[str, str] = {
    "train_loss": "Loss, last epoch of the training",
    "train_dice": "Dice loss, last epoch of the training",
    "train_focal": "Focal loss, last epoch of the training",
    "val_loss": "Loss on the pictures kept apart",
    "val_dice": "Dice loss on the pictures kept apart",
    "val_focal": "Focal loss on the pictures kept apart",
}


def metrics(params: Params, _weights: Mapping[str, str]) -> list[MetricSpec]:
    """The numbers about each picture. Those of the run are the same for all pictures of a trained network."""
    config = {"definition": DEFINITION}
    form = {name: params[name] for name in _OBJECTIVE if name != "train_size"}

    def own(key: str, label: str) -> MetricSpec:
        return MetricSpec(key, label, role="objective", comparable_within="objective", config=config)

    return [
        MetricSpec(
            "defect_loss", "Loss of the marking (Dice + focal)", role="reference_objective", reference="ground_truth",
            config={**config, **form},
        ),
        MetricSpec(
            "dice_loss", "Dice loss of the marking", role="objective_part", reference="ground_truth",
            config={**config, "dice_smooth": params["dice_smooth"]},
        ),
        MetricSpec(
            "focal_loss", "Focal loss of the marking", role="objective_part", reference="ground_truth",
            config={**config, "focal_gamma": params["focal_gamma"], "focal_alpha": params["focal_alpha"]},
        ),
        own("own_loss", "Loss of the marking as its own network weighs it"),
        MetricSpec(
            "iou", "Intersection over union of the marking", direction="higher_better", reference="ground_truth",
            config=config,
        ),
        MetricSpec(
            "boundary_f", f"Boundary F within {TOLERANCE} pixels", direction="higher_better",
            reference="ground_truth", config={**config, "tolerance": TOLERANCE},
        ),
        *(own(key, label) for key, label in OF_RUN.items()),
        MetricSpec("marked_share", "Share of the picture that is marked", role="descriptor", config=config),
    ]  # fmt: skip


def notes(conditions: Sequence[tuple[str, Params]], seeds: Sequence[int]) -> list[str]:
    """What is to be said of the grid before it is trained."""
    every = [params for _, params in conditions]
    said = []
    if len(seeds) == 1:
        said.append(ONE_SEED)
    full = [optimizer_table.OPTIMIZERS[name].label for name in FULL_BATCH if any(p["optimizer"] == name for p in every)]
    if full:
        steps = sorted({int(p["full_batch_steps"]) for p in every if p["optimizer"] in FULL_BATCH})
        counted = " or ".join(str(n) for n in steps)
        said.append(
            f"{' and '.join(full)} take full batches: {counted} {'step' if steps == [1] else 'steps'} an epoch, each "
            "of all pictures, in one order and never mirrored; the others take one step for each batch. At equal "
            "epochs they have seen the pictures equally often only with full_batch_steps = 1."
        )
    if len({p["threshold"] for p in every}) > 1:
        said.append(
            "threshold varies, and no loss knows it: conditions that differ in nothing else have the same defect_loss, "
            "so that its minimum says nothing of them. Ask iou or boundary_f, which are of the marking itself."
        )
    if len({tuple(objective(p).items()) for p in every}) > 1:
        said.append("The loss differs between conditions: own losses and losses of the training are not compared.")
    return said


SEGMENTER = Method(
    "segmenter",
    "A trained segmenter",
    "generation.core.segmentation.renderer:render",
    PARAMS,
    presets=PRESETS,
    resolve=resolve,
    notes=notes,
    trainer=Trainer(
        train="generation.core.segmentation.training:train",
        params=training,
        side=lambda params: int(params["train_size"]),
        epoch=lambda params: int(params["at_epoch"]),
        seconds="generation.core.segmentation.foretell:seconds",
        version="2",
        masks=True,
        grey=True,
    ),
)

TRUE_MARKING = Method("true_marking", "The true marking", "generation.core.segmentation.marking:truth", {"size": SIZE})

DEFECTS = register(
    Task(
        name="defects",
        label="Defect detection",
        methods={SEGMENTER.name: SEGMENTER},
        sources=("content", "mask"),
        metrics=metrics,
        measure="generation.core.metrics.segmentation:measure",
        primary_metric="defect_loss",
        question="marking",
        objective=objective,
        controls={"marking": ("true marking", TRUE_MARKING)},
    )
)
