"""The task ``style_transfer``: its methods, parameters, networks and metrics. Torch-free; importing it registers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generation.core import catalogue, optimizer_table, postprocess, style_objective
from generation.core.feedforward.task import ARBITRARY, FEEDFORWARD
from generation.core.photo import SIZE
from generation.core.redundancy import one_picture, redundant
from generation.core.spec import MetricSpec, Params, Scalar, canonical_json
from generation.core.style_objective import (
    DEFINITION,
    FEATURES,
    RESIZE,
    WEIGHTS,
    derived,
    features,
    network_name,
    networks,
)
from generation.core.style_presets import PRESETS
from generation.core.tasks import Method, Param, ParameterError, Task, register

PARAMS: Mapping[str, Param] = {
    **style_objective.PARAMS,
    "loss_scale": Param(
        "choice", "pixels", "What is minimised (pixels: 3HW times the total)", "loss scale", choices=("pixels", "none")
    ),
    "size": SIZE,
    "resize": RESIZE,
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
    style_objective.resolve(params)
    params["optimizer_options"] = optimizer_table.resolved_options(params)
    if int(params["at_step"]) > int(params["steps"]):
        raise ParameterError(f"at_step = {params['at_step']} lies behind the last of {params['steps']} steps.")
    if params["downscale"] == 1.0:
        params["downscale_filter"] = PARAMS["downscale_filter"].default
    return params


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


def objective(params: Params) -> Mapping[str, Scalar]:
    """The part of the parameters that fixes the loss; two conditions that agree in it minimised the same number."""
    # Rows of an earlier version know fewer parameters, and `layers`. What a network is trained on decides its loss too.
    deciding = (*FEATURES, "layers", "size", *WEIGHTS, "train_size", "style_size")
    return {name: params[name] for name in deciding if name in params}


def metrics(params: Params, weights: Mapping[str, str]) -> list[MetricSpec]:
    """The numbers about each image, under the reference parameters ``params`` (complete, as of ``Method.complete``).

    ``weights``: network -> SHA-256 of what was found of ``measured_networks(params)``. A number whose network is
    missing is declared all the same and measured as ``unavailable``.
    """
    raw = features(params)
    found = weights.get(network_name(params), "")
    reference = {name: float(params[name]) for name in WEIGHTS}
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
        *_of_run(params),
        *catalogue.specs(weights),
    ]  # fmt: skip


#: Numbers of the training, read from a trained network: key -> label.
OF_RUN: Mapping[str, str] = {
    "train_total": "Total loss, last epoch of the training",
    "train_style": "Style loss (raw), last epoch of the training",
    "train_content": "Content loss (raw), last epoch of the training",
    "val_total": "Total loss on the photographs kept apart",
    "val_style": "Style loss (raw) on the photographs kept apart",
    "val_content": "Content loss (raw) on the photographs kept apart",
}


def _of_run(params: Params) -> list[MetricSpec]:
    """The same for all pictures of a trained network; none where the pixels were optimised."""
    if "epochs" not in params:
        return []
    config = {"definition": DEFINITION}
    return [
        MetricSpec(key, label, role="objective", comparable_within="objective", config=config)
        for key, label in OF_RUN.items()
    ]


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
            FEEDFORWARD.name: FEEDFORWARD,
            ARBITRARY.name: ARBITRARY,
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
