"""The task ``style_transfer``: its methods, parameters, networks and metrics. Torch-free; importing it registers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.core.photo import SIZE
from generation.core.spec import MetricSpec, Params, Scalar
from generation.core.tasks import Method, Param, Task, register
from generation.core.weights import RANDOM_SHALLOW

#: Id of the loss definitions in ``core.style.losses``; a change of any formula there is a new id.
DEFINITION = "relative-1"

#: LPIPS wants this network.
LPIPS_NETWORK = "squeezenet1_1"

#: SHA-256 of lpips 0.1.4's own linear heads, lpips/weights/v0.1/squeeze.pth.
LPIPS_HEADS_SHA256 = "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"


@dataclass(frozen=True)
class Preset:
    """Which layers the losses look at and which statistic describes a style (see ``core.style.losses``)."""

    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    statistic: str


#: (backbone, layers) -> preset. ``early`` is three times cheaper and serves cut weights files.
PRESETS: Mapping[tuple[str, str], Preset] = {
    ("vgg19", "standard"): Preset(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), ("relu4_2",), "gram"),
    ("vgg19", "early"): Preset(("relu1_1", "relu2_1", "relu3_1"), ("relu3_2",), "gram"),
    ("vgg16", "standard"): Preset(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), ("relu4_2",), "gram"),
    ("vgg16", "early"): Preset(("relu1_1", "relu2_1", "relu3_1"), ("relu3_2",), "gram"),
    ("squeezenet1_1", "standard"): Preset(("relu1", "fire2", "fire3", "fire5"), ("fire5",), "moments"),
    ("squeezenet1_1", "early"): Preset(("relu1", "fire2", "fire3"), ("fire3",), "moments"),
    (RANDOM_SHALLOW, "standard"): Preset(("level1", "level2", "level3", "level4"), ("level2",), "moments"),
    (RANDOM_SHALLOW, "early"): Preset(("level1", "level2", "level3"), ("level2",), "moments"),
}

#: Names of ``core.optimizers.FACTORIES`` (a test holds the two together).
OPTIMIZERS = (
    "adam", "amsgrad", "nadam", "adamax", "radam", "rmsprop", "adagrad", "adadelta", "sgd", "nesterov",
)  # fmt: skip

_WEIGHTS = ("style_weight", "content_weight", "tv_weight")

PARAMS: Mapping[str, Param] = {
    "backbone": Param(
        "choice", "vgg19", "Feature network", "net", choices=("vgg19", "vgg16", "squeezenet1_1", RANDOM_SHALLOW)
    ),
    "layers": Param("choice", "standard", "Layers", "layers", choices=("standard", "early")),
    "size": SIZE,
    "steps": Param("int", 300, "Steps", "steps", minimum=1, maximum=20_000),
    "scales": Param("int", 3, "Scales, coarse to fine", "scales", minimum=1, maximum=5),
    "init": Param("choice", "content", "First image", "init", choices=("content", "noise")),
    "optimizer": Param(
        "choice",
        "adam",
        "Optimiser",
        "optimiser",
        choices=OPTIMIZERS,
    ),
    "learning_rate": Param("float", 0.02, "Learning rate", "lr", minimum=1e-6, maximum=1e3, scale="log"),
    "decay": Param("choice", "linear", "Learning rate over a scale", "decay", choices=("none", "linear", "cosine")),
    "style_weight": Param("float", 1.0, "Style weight", "style", minimum=0.0, maximum=1e12, scale="log"),
    "content_weight": Param("float", 0.2, "Content weight", "content", minimum=0.0, maximum=1e12, scale="log"),
    "tv_weight": Param(
        "float", 0.02, "Smoothness weight (total variation)", "tv", minimum=0.0, maximum=1e12, scale="log"
    ),
}


def networks(params: Params) -> tuple[str, ...]:
    """Names of the weights files that a render with these parameters needs."""
    return (str(params["backbone"]),)


def measured_networks(params: Params) -> tuple[str, ...]:
    """Names of the weights files that measuring needs under these reference parameters."""
    return tuple(dict.fromkeys((*networks(params), LPIPS_NETWORK)))


def preset(params: Mapping[str, Any]) -> Preset:
    """The layers of a parameter set or of a metric's config."""
    return PRESETS[str(params["backbone"]), str(params["layers"])]


def features(params: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the raw losses: definition, network, layers by name, statistic."""
    chosen = preset(params)
    return {
        "definition": DEFINITION,
        "backbone": str(params["backbone"]),
        "layers": str(params["layers"]),
        "style_layers": list(chosen.style_layers),
        "content_layers": list(chosen.content_layers),
        "statistic": chosen.statistic,
    }


def objective(params: Params) -> Mapping[str, Scalar]:
    """The part of the parameters that fixes the loss; two conditions that agree in it minimised the same number."""
    return {name: params[name] for name in ("backbone", "layers", "size", *_WEIGHTS)}


def metrics(params: Params, weights: Mapping[str, str]) -> list[MetricSpec]:
    """The numbers about each image, under the reference parameters ``params`` (complete, as of ``Method.complete``).

    ``weights``: network -> SHA-256 of what was found of ``measured_networks(params)``. A number whose network is
    missing is declared all the same and measured as ``unavailable``.
    """
    raw = features(params)
    found = weights.get(str(params["backbone"]), "")
    reference = {name: float(params[name]) for name in _WEIGHTS}
    return [
        MetricSpec(
            "total_loss", "Total loss (reference weights)", role="reference_objective", config={**raw, **reference},
            weights_sha256=found,
        ),
        MetricSpec(
            "style_loss", "Style loss (raw)", role="objective_part", reference="style", config=raw, weights_sha256=found
        ),
        MetricSpec(
            "content_loss", "Content loss (raw)", role="objective_part", reference="content", config=raw,
            weights_sha256=found,
        ),
        MetricSpec(
            "own_loss", "Total loss (the image's own weights)", role="objective", comparable_within="objective",
            config={"definition": DEFINITION},
        ),
        MetricSpec(
            "lpips_content", "LPIPS to the photograph", comparable_within="all", reference="content", version="0.1",
            weights_sha256=weights.get(LPIPS_NETWORK, ""),
            config={"network": LPIPS_NETWORK, "heads_sha256": LPIPS_HEADS_SHA256},
        ),
        MetricSpec("colourfulness", "Colourfulness (Hasler and Süsstrunk)", "higher_better", comparable_within="all"),
    ]  # fmt: skip


STYLE_TRANSFER = register(
    Task(
        name="style_transfer",
        label="Style transfer",
        methods={
            "gatys": Method(
                "gatys",
                "Image optimisation (Gatys et al. 2016)",
                "generation.core.style.renderer:render",
                PARAMS,
                networks,
            ),
        },
        sources=("content", "style"),
        metrics=metrics,
        measure="generation.core.metrics.style_transfer:measure",
        primary_metric="total_loss",
        question="natural",
        networks=measured_networks,
        objective=objective,
    )
)
