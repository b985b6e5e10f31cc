"""The task ``colorization``: its method, parameters and metrics. Torch-free; importing it registers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generation.core import catalogue
from generation.core.colorization import layers
from generation.core.colorization.presets import PRESETS
from generation.core.photo import SIZE
from generation.core.spec import MetricSpec, Params, Scalar
from generation.core.tasks import ONE_SEED, Method, Param, ParameterError, Task, Trainer, register, resolve_epoch

#: Id of the colour arithmetic and of the losses in ``core.metrics.colorization``; a change of any is a new id.
DEFINITION = "lab-1"

#: The layers of each model where a grid file says "standard": the defaults of Lee, Liu and Trukhin.
STANDARD_LAYERS: Mapping[str, str] = {"isola": "8", "zhang": "skip567", "zhang_class": "full"}

PARAMS: Mapping[str, Param] = {
    "model": Param("choice", "isola", "Generator", "model", choices=layers.MODELS),
    "layers": Param("text", "standard", "Layers (levels of the U-Net; blocks of Zhang's network)", "layers"),
    "width": Param("int", 64, "Channels of the first level", "width", minimum=4, maximum=128),
    "train_size": Param("int", 256, "Square the network sees (pixels)", "px", minimum=32, maximum=512),
    "init": Param("choice", "normal", "Initialisation", "init", choices=("normal", "glorot", "he")),
    "init_gain": Param("float", 0.02, "Gain of the initialisation", "gain", minimum=1e-6, maximum=10.0, scale="log"),
    "gan": Param("choice", "vanilla", "Adversarial loss", "gan", choices=("vanilla", "lsgan")),
    "l1_weight": Param("float", 100.0, "Weight of the L1 loss (lambda)", "lambda", minimum=0.0, maximum=1e6),
    "ab_scale": Param("float", 110.0, "What a* and b* are divided by in the losses", "ab", minimum=1.0, maximum=128.0),
    "learning_rate": Param("float", 5e-4, "Learning rate", "lr", minimum=1e-9, maximum=1e6, scale="log"),
    "beta1": Param("float", 0.5, "Adam's beta 1", "beta1", minimum=0.0, maximum=0.999),
    "beta2": Param("float", 0.999, "Adam's beta 2", "beta2", minimum=0.0, maximum=0.99999),
    "batch": Param("int", 16, "Batch size", "batch", minimum=1, maximum=1024, scale="log"),
    "epochs": Param("int", 100, "Epochs", "epochs", minimum=1, maximum=10_000),
    "decay": Param("choice", "none", "Learning rate over the epochs", "decay", choices=("none", "linear")),
    "shuffle": Param("bool", True, "Photographs in a new order each epoch", "shuffle"),
    "flip": Param("bool", True, "Every second photograph mirrored", "flip"),
    "give_up": Param(
        "float", 0.0, "Give up when the error exceeds this many times the grey picture's (0: never)", "give up",
        minimum=0.0, maximum=100.0,
    ),
    "at_epoch": Param("int", 0, "Epoch the network is taken at (0: the last)", "epoch", minimum=0, maximum=10_000),
    "temperature": Param(
        "float", 0.38, "Temperature of the annealed mean", "T", minimum=0.01, maximum=1.0, scale="log"
    ),
    "chroma_gain": Param("float", 1.0, "Gain of the colours", "gain of colours", minimum=0.0, maximum=4.0),
    "size": SIZE,
}  # fmt: skip

#: What is done with a trained network; everything else decides the training.
_RENDERING = ("at_epoch", "temperature", "chroma_gain", "size")

#: Parameters that zhang_class, which is trained by classification without a discriminator, does not have.
_ADVERSARIAL = ("gan", "l1_weight", "ab_scale")


def resolve(params: dict[str, Scalar]) -> dict[str, Scalar]:
    """What a model does not use is at its default, layers are in their canonical form; raises ``ParameterError``."""
    model = str(params["model"])
    given = str(params["layers"])
    try:
        params["layers"] = layers.parse_layers(model, STANDARD_LAYERS[model] if given == "standard" else given)
        layers.check_side(model, str(params["layers"]), int(params["train_size"]))
    except ValueError as error:
        raise ParameterError(str(error)) from None
    unused = ["init_gain"] if params["init"] == "he" else []
    unused += _ADVERSARIAL if model == "zhang_class" else ["temperature"]
    for name in unused:
        params[name] = PARAMS[name].default
    if int(params["batch"]) < (least := layers.smallest_batch(model, str(params["layers"]), int(params["train_size"]))):
        raise ParameterError(
            f"batch = {params['batch']}: with {params['layers']} levels at {params['train_size']} px a batch "
            f"normalisation sees a single value of each picture. Take a batch of at least {least}."
        )
    resolve_epoch(params)
    if params["epochs"] == 1:  # too few for either to matter
        params["decay"], params["give_up"] = PARAMS["decay"].default, PARAMS["give_up"].default
    return params


def training(params: Params) -> Params:
    """The part of the parameters that decides the training."""
    return {name: value for name, value in params.items() if name not in _RENDERING}


def objective(params: Params) -> Mapping[str, Scalar]:
    """What fixes the loss: its form, its weights and its units. Every run has a discriminator of its own."""
    if params.get("model") == "zhang_class":
        return {"model": "zhang_class", "train_size": params.get("train_size", 0)}
    # Pictures of another side are other pictures: a smaller one is easier to colour.
    return {name: params[name] for name in (*_ADVERSARIAL, "train_size") if name in params}


def metrics(_params: Params, weights: Mapping[str, str]) -> list[MetricSpec]:
    """The numbers about each image. Those of the run are the same for all pictures of a trained network."""
    config = {"definition": DEFINITION}

    def own(key: str, label: str) -> MetricSpec:
        return MetricSpec(key, label, role="objective", comparable_within="objective", config=config)

    return [
        MetricSpec(
            "ab_error", "Colour error (mean |Δa|, |Δb|)", role="reference_objective", reference="content",
            unit="Lab units", config=config,
        ),
        own("generator_loss", "Generator loss of the picture (its own discriminator)"),
        MetricSpec(
            "g_gan", "Adversarial loss of the picture (its own discriminator)", role="objective_part",
            comparable_within="run", config=config,
        ),
        *(own(key, label) for key, label in OF_RUN.items()),
        *catalogue.specs(weights, catalogue.COLORIZATION),
        MetricSpec("out_of_gamut", "Share of pixels outside sRGB before clipping", role="descriptor", config=config),
    ]  # fmt: skip


#: Numbers of the training, read from the trained network: key -> label.
OF_RUN: Mapping[str, str] = {
    "train_g": "G, last epoch of the training",
    "train_g_gan": "G_GAN, last epoch of the training",
    "train_g_l1": "G_L1 (weighted), last epoch of the training",
    "val_g": "G on the photographs kept apart",
    "val_ab_error": "Colour error on the photographs kept apart",
}


def notes(conditions: Sequence[tuple[str, Params]], seeds: Sequence[int]) -> list[str]:
    """What is to be said of the grid before it is trained."""
    every = [params for _, params in conditions]
    said = []
    if len(seeds) == 1:
        said.append(ONE_SEED)
    if any(p["model"] == "zhang_class" for p in every):
        said.append("zhang_class (classification, Zhang et al. 2016) is not part of Lee, Liu and Trukhin's study.")
    scales = {p["ab_scale"] for p in every if p["model"] != "zhang_class"}
    if len(scales) > 1:
        said.append("ab_scale varies: generator losses are in different units and cannot be compared across it.")
    levels = {
        str(p["layers"])
        for p in every
        if p["model"] == "isola" and layers.strided_levels(int(p["layers"]), int(p["train_size"])) < int(p["layers"])
    }
    if levels:
        said.append(
            f"A U-Net of {', '.join(sorted(levels, key=int))} levels reaches 1 x 1 before its last level: the levels "
            "behind hold that size (3 x 3, stride 1), bottleneck = hold."
        )
    return said


COLORIZER = Method(
    "colorizer",
    "A trained colouriser",
    "generation.core.colorization.renderer:render",
    PARAMS,
    presets=PRESETS,
    resolve=resolve,
    notes=notes,
    trainer=Trainer(
        train="generation.core.colorization.training:train",
        params=training,
        side=lambda params: int(params["train_size"]),
        epoch=lambda params: int(params["at_epoch"]),
        seconds="generation.core.colorization.foretell:seconds",
        loss="g",
    ),
)

COLORIZATION = register(
    Task(
        name="colorization",
        label="Colorization",
        methods={COLORIZER.name: COLORIZER},
        sources=("content",),
        metrics=metrics,
        measure="generation.core.metrics.colorization:measure",
        primary_metric="ab_error",
        question="natural",
        networks=lambda params: dict(catalogue.NETWORKS),
        objective=objective,
    )
)
