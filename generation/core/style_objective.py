"""What the losses of style transfer are: network, layers, statistics, forms and weights. Torch-free.

Every method of the task declares them with the same parameters, so that pictures of one are measured like those of
another. The formulas are in ``core.style.losses``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generation.core.spec import Params, Scalar
from generation.core.tasks import Param, ParameterError
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

#: Names of the weights of the terms.
WEIGHTS = ("style_weight", "content_weight", "tv_weight")
_UNITS = ("style_unit", "content_unit")

#: What fixes the raw losses.
FEATURES = (
    "backbone", "training", "preprocessing", "pooling", "padding", "style_layers", "content_layers", "layer_weights",
    "statistic", "style_form", "content_form", "tv_form", *_UNITS, "resize",
)  # fmt: skip

#: The parameters of the losses, but for how pictures are scaled (:data:`RESIZE`).
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
}

#: How the pictures that a loss sees, and those that are made, are scaled; every method has this parameter.
RESIZE = Param("choice", "lanczos", "How pictures are scaled", "resize", choices=("lanczos", "bilinear"))


def resolve(params: dict[str, Scalar]) -> dict[str, Scalar]:
    """Aliases of layers and statistic become what they stand for; raises ``ParameterError``."""
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


def features(params: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the raw losses, in full: definition, network, layers and their weights, forms, units, scaling."""
    config = {name: params[name] for name in FEATURES}
    return config | {
        "definition": DEFINITION,
        "style_layers": _names(params["style_layers"]),
        "content_layers": _names(params["content_layers"]),
        "layer_weights": layer_weights(params),
    }


def derived(params: Params) -> Mapping[str, float]:
    """``sc_ratio``: style over content weight (left out where there is no content weight); ``weight_magnitude``:
    the geometric mean of the two, which says how large they are whatever their ratio."""
    style, content = float(params["style_weight"]), float(params["content_weight"])
    return ({"sc_ratio": style / content} if content else {}) | {"weight_magnitude": (style * content) ** 0.5}
