"""The task ``style_transfer``: its methods, parameters, networks and metrics. Torch-free; importing it registers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generation.core import catalogue, optimizer_table, postprocess
from generation.core.photo import SIZE
from generation.core.redundancy import one_picture, redundant
from generation.core.spec import MetricSpec, Params, Scalar, canonical_json
from generation.core.style_presets import PRESETS
from generation.core.tasks import Method, Param, ParameterError, Task, register
from generation.core.weights import LAYERS, RANDOM_SHALLOW

#: Id of the loss definitions in ``core.style.losses``; a change of any formula there is a new id.
DEFINITION = "declared-1"

#: (backbone, alias) -> style layers and content layers. ``early`` is three times cheaper and serves cut weights files.
STANDARD_LAYERS: Mapping[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("vgg19", "standard"): (("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), ("relu4_2",)),
    ("vgg19", "early"): (("relu1_1", "relu2_1", "relu3_1"), ("relu3_2",)),
    ("vgg16", "standard"): (("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), ("relu4_2",)),
    ("vgg16", "early"): (("relu1_1", "relu2_1", "relu3_1"), ("relu3_2",)),
    ("squeezenet1_1", "standard"): (("relu1", "fire2", "fire3", "fire5"), ("fire5",)),
    ("squeezenet1_1", "early"): (("relu1", "fire2", "fire3"), ("fire3",)),
    (RANDOM_SHALLOW, "standard"): (("level1", "level2", "level3", "level4"), ("level2",)),
    (RANDOM_SHALLOW, "early"): (("level1", "level2", "level3"), ("level2",)),
}

_WEIGHTS = ("style_weight", "content_weight", "tv_weight")
_UNITS = ("style_unit", "content_unit")

#: What fixes the raw losses.
_FEATURES = (
    "backbone", "training", "preprocessing", "pooling", "padding", "style_layers", "content_layers", "layer_weights",
    "statistic", "style_form", "content_form", "tv_form", *_UNITS, "resize",
)  # fmt: skip

PARAMS: Mapping[str, Param] = {
    "backbone": Param(
        "choice", "vgg19", "Feature network", "net", choices=("vgg19", "vgg16", "squeezenet1_1", RANDOM_SHALLOW)
    ),
    "training": Param("choice", "any", "Trained by", "training", choices=("any", "torchvision", "oxford")),
    "preprocessing": Param(
        "choice",
        "network",
        "What the network is shown (network: as it was trained)",
        "preprocessing",
        choices=("network", "imagenet", "caffe", "none"),
    ),
    "pooling": Param("choice", "max", "Pooling", "pooling", choices=("max", "average")),
    "padding": Param("choice", "zeros", "Padding", "padding", choices=("zeros", "reflect", "replicate")),
    "style_layers": Param("text", "standard", "Style layers", "style layers"),
    "content_layers": Param("text", "standard", "Content layers", "content layers"),
    "layer_weights": Param("text", "mean", "Weights of the style layers (mean, sum, channels, or numbers)", "layer w"),
    "statistic": Param(
        "choice",
        "standard",
        "What describes a style (standard: gram for VGG, else moments)",
        "statistic",
        choices=("standard", "gram", "gram_chw", "moments"),
    ),
    "style_form": Param(
        "choice", "relative", "Form of the style loss", "style form", choices=("relative", "start", "mean", "sum")
    ),
    "content_form": Param(
        "choice",
        "relative",
        "Form of the content loss",
        "content form",
        choices=("relative", "mean", "sum", "half_sum"),
    ),
    "tv_form": Param(
        "choice", "relative", "Form of the smoothness loss", "tv form", choices=("relative", "l2", "l1_sum")
    ),
    "style_unit": Param("float", 1.0, "What a style loss of 1 counts", "style unit", minimum=1e-12, maximum=1e18),
    "content_unit": Param("float", 1.0, "What a content loss of 1 counts", "content unit", minimum=1e-12, maximum=1e18),
    "style_weight": Param("float", 1.0, "Style weight", "style", minimum=0.0, maximum=1e12, scale="log"),
    "content_weight": Param("float", 0.2, "Content weight", "content", minimum=0.0, maximum=1e12, scale="log"),
    "tv_weight": Param(
        "float", 0.02, "Smoothness weight (total variation)", "tv", minimum=0.0, maximum=1e12, scale="log"
    ),
    "loss_scale": Param(
        "choice", "pixels", "What is minimised (pixels: 3HW times the total)", "loss scale", choices=("pixels", "none")
    ),
    "size": SIZE,
    "resize": Param("choice", "lanczos", "How pictures are scaled", "resize", choices=("lanczos", "bilinear")),
    "steps": Param("int", 300, "Steps", "steps", minimum=1, maximum=20_000),
    "at_step": Param("int", 0, "Step the picture is taken at (0: the last)", "at step", minimum=0, maximum=20_000),
    "scales": Param("int", 3, "Scales, coarse to fine", "scales", minimum=1, maximum=5),
    "init": Param("choice", "content", "First image", "init", choices=("content", "noise", "style")),
    "clamp": Param("choice", "step", "When pixels are clipped to 0..1", "clamp", choices=("step", "end")),
    "optimizer": Param("choice", "adam", "Optimiser", "optimiser", choices=tuple(optimizer_table.OPTIMIZERS)),
    "learning_rate": Param("float", 0.02, "Learning rate", "lr", minimum=1e-9, maximum=1e12, scale="log"),
    "optimizer_options": Param("text", "", "Options of the optimiser", "options"),
    "decay": Param("choice", "linear", "Learning rate over a scale", "decay", choices=("none", "linear", "cosine")),
    "downscale": Param("float", 1.0, "Reduction factor", "reduced", minimum=1.0, maximum=16.0),
    "downscale_filter": Param(
        "choice", "bicubic", "Filter of the reduction", "filter", choices=tuple(postprocess.FILTERS)
    ),
    "denoise": Param("choice", "none", "Denoising", "denoise", choices=tuple(postprocess.DENOISERS)),
}


def resolve(params: dict[str, Scalar]) -> dict[str, Scalar]:
    """Aliases of layers, statistic and options become what they stand for; raises ``ParameterError``."""
    backbone = str(params["backbone"])
    if backbone == RANDOM_SHALLOW:
        for name in ("training", "preprocessing", "pooling", "padding"):
            if params[name] != PARAMS[name].default:
                raise ParameterError(
                    f"{RANDOM_SHALLOW} has a {name} of its own. Take {name} = {params[name]!r} out, or write "
                    f'{name} = "{PARAMS[name].default}" over that of a preset.'
                )
    for place, name in enumerate(("style_layers", "content_layers")):
        given = _names(params[name])
        alias = STANDARD_LAYERS.get((backbone, ",".join(given)))
        layers = alias[place] if alias else given
        for layer in layers:
            if layer not in LAYERS[backbone]:
                raise ParameterError(
                    f"{name}: {backbone} has no layer {layer!r}. It has {', '.join(LAYERS[backbone])} "
                    "(or write standard or early)."
                )
        if not layers or len(set(layers)) < len(layers):
            raise ParameterError(f"{name} = {params[name]!r}: name at least one layer, and each only once.")
        params[name] = ",".join(layers)
    _put_in_order(params)
    if params["statistic"] == "standard":
        params["statistic"] = "gram" if backbone.startswith("vgg") else "moments"
    try:
        options = optimizer_table.complete_options(str(params["optimizer"]), str(params["optimizer_options"]))
    except ValueError as error:
        mend = ' An option of a preset is taken out by optimizer_options = "".' if params["optimizer_options"] else ""
        raise ParameterError(f"optimizer_options: {error}{mend}") from None
    params["optimizer_options"] = options
    if int(params["at_step"]) > int(params["steps"]):
        raise ParameterError(f"at_step = {params['at_step']} lies behind the last of {params['steps']} steps.")
    if params["downscale"] == 1.0:
        params["downscale_filter"] = PARAMS["downscale_filter"].default
    return params


def _put_in_order(params: dict[str, Scalar]) -> None:
    """Layers in the network's order, their weights with them; numbers that are an alias become it."""
    order = LAYERS[str(params["backbone"])].index
    params["content_layers"] = ",".join(sorted(_names(params["content_layers"]), key=order))
    pairs = sorted(zip(_names(params["style_layers"]), layer_weights(params), strict=True), key=lambda p: order(p[0]))
    params["style_layers"] = ",".join(layer for layer, _ in pairs)
    if params["layer_weights"] not in ("mean", "sum", "channels"):
        numbers = [weight for _, weight in pairs]
        alias = {repr([1.0 / len(pairs)] * len(pairs)): "mean", repr([1.0] * len(pairs)): "sum"}
        params["layer_weights"] = alias.get(repr(numbers), ",".join(map(repr, numbers)))


def _names(value: Scalar) -> list[str]:
    return [name.strip() for name in str(value).split(",") if name.strip()]


def layer_weights(params: Params) -> list[float]:
    """The weight of each style layer; ``channels`` is 1 / C^2 (Gatys' notebook). Raises ``ParameterError``."""
    layers, given = _names(params["style_layers"]), str(params["layer_weights"])
    if given == "mean":
        return [1.0 / len(layers)] * len(layers)
    if given == "sum":
        return [1.0] * len(layers)
    if given == "channels":
        return [1.0 / channels(str(params["backbone"]), layer) ** 2 for layer in layers]
    try:
        numbers = [float(number) for number in _names(given)]
    except ValueError:
        numbers = []
    if len(numbers) != len(layers) or not all(0 <= n < float("inf") for n in numbers) or not any(numbers):
        raise ParameterError(
            f"layer_weights = {given!r}: write mean, sum, channels, or {len(layers)} numbers from 0, "
            f"one for each of {params['style_layers']}."
        )
    return numbers


def channels(backbone: str, layer: str) -> int:
    """The number of channels of a VGG layer; raises ``ParameterError`` for other networks."""
    if not backbone.startswith("vgg"):
        raise ParameterError(f'layer_weights = "channels" is Gatys\' rule for VGG; write numbers for {backbone}.')
    return (64, 128, 256, 512, 512)[int(layer.removeprefix("conv").removeprefix("relu")[0]) - 1]


def network_name(params: Mapping[str, Any]) -> str:
    """The backbone as ``core.weights.find`` wants it: with its training where only one will do."""
    training = str(params["training"])
    return str(params["backbone"]) + ("" if training == "any" else f"/{training}")


def networks(params: Params) -> Mapping[str, tuple[str, ...]]:
    """The weights file that a render with these parameters needs, and the layers it must have."""
    return {
        network_name(params): tuple(dict.fromkeys(_names(params["style_layers"]) + _names(params["content_layers"])))
    }


def measured_networks(params: Params) -> Mapping[str, tuple[str, ...]]:
    """The weights files that measuring needs under these reference parameters."""
    needed = dict(catalogue.NETWORKS)
    for network, layers in networks(params).items():
        needed[network] = tuple(dict.fromkeys((*needed.get(network, ()), *layers)))
    return needed


def run(params: Params) -> Params:
    """The run that the picture is taken from: the same for all its steps and post-processings."""
    return {**params, "at_step": 0, **postprocess.NEUTRAL, **({"steps": 0} if steps_are_one_run(params) else {})}


def steps_are_one_run(params: Params) -> bool:
    """True where a run of fewer steps is the beginning of a longer one."""
    return params["decay"] == "none" and params["scales"] == 1


def features(params: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the raw losses, in full: definition, network, layers and their weights, forms, units, scaling."""
    config = {name: params[name] for name in _FEATURES}
    return config | {
        "definition": DEFINITION,
        "style_layers": _names(params["style_layers"]),
        "content_layers": _names(params["content_layers"]),
        "layer_weights": layer_weights(params),
    }


def objective(params: Params) -> Mapping[str, Scalar]:
    """The part of the parameters that fixes the loss; two conditions that agree in it minimised the same number."""
    # Rows of an earlier version know fewer parameters, and `layers`.
    return {name: params[name] for name in (*_FEATURES, "layers", "size", *_WEIGHTS) if name in params}


def derived(params: Params) -> Mapping[str, float]:
    """``sc_ratio``: style over content weight (left out where there is no content weight); ``weight_magnitude``:
    the geometric mean of the two, which says how large they are whatever their ratio."""
    style, content = float(params["style_weight"]), float(params["content_weight"])
    return ({"sc_ratio": style / content} if content else {}) | {"weight_magnitude": (style * content) ** 0.5}


def metrics(params: Params, weights: Mapping[str, str]) -> list[MetricSpec]:
    """The numbers about each image, under the reference parameters ``params`` (complete, as of ``Method.complete``).

    ``weights``: network -> SHA-256 of what was found of ``measured_networks(params)``. A number whose network is
    missing is declared all the same and measured as ``unavailable``.
    """
    raw = features(params)
    found = weights.get(network_name(params), "")
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
        *catalogue.specs(weights),
    ]  # fmt: skip


def notes(conditions: Sequence[tuple[str, Params]], seeds: Sequence[int]) -> list[str]:
    """What is to be said of the grid before it is rendered: conditions or seeds that give one and the same image.

    Raises ``ParameterError`` for conditions that cannot stand side by side.
    """
    every = [params for _, params in conditions]
    if len({p["at_step"] for p in every}) > 1 and any(p["at_step"] == 0 for p in every):
        raise ParameterError(
            "at_step = 0 means the end of the run. Beside other steps write its number (at_step = steps), so that it "
            "stands at its place on the axis."
        )
    adds_up = any(
        p["content_form"] in ("sum", "half_sum") or (p["tv_form"] == "l1_sum" and p["tv_weight"]) for p in every
    )
    if adds_up and len({p["size"] for p in every}) > 1:
        raise ParameterError(
            "size varies, and a loss that is added up over pixels (content_form sum or half_sum, tv_form l1_sum) would "
            "be smallest on the smallest picture. Use a mean form, or one grid per size."
        )
    # One condition per run: its pictures on the way and its post-processings need not be said each.
    of_run: dict[str, tuple[str, Params]] = {}
    for label, params in conditions:
        whole = dict(run(params)) | {"steps": params["steps"]}
        of_run.setdefault(canonical_json(whole), (label, whole))
    said = one_picture(conditions) + redundant(list(of_run.values()))
    if len(seeds) > 1 and any(p["init"] != "noise" for p in every):
        said.append(
            "Seeds only decide a first image of noise: the replicates of every condition that starts from the content "
            "or the style are one picture but for rounding."
        )
    return said


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
                PRESETS,
                resolve,
                run,
                derived,
                notes,
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
