"""The renderer of the method ``gatys``: specs of a job into batches of one scene each, and back into pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from generation.core import images, weights
from generation.core.backbones import Build, open_extractor, pick_device
from generation.core.optimizer_table import read_options
from generation.core.protocols import Picture, Tick
from generation.core.spec import Params, RenderSpec, canonical_json
from generation.core.style import engine
from generation.core.style.losses import Objective, StyleLoss
from generation.core.style.pictures import longest
from generation.core.style_objective import features, network_name, networks
from generation.core.style_transfer import run, steps_are_one_run
from generation.core.weights import smallest_side

#: Parameters that a run has for itself; runs that differ only in these share a batch.
_PER_SAMPLE = ("learning_rate", "style_weight", "content_weight", "tv_weight", "init")

#: What the engine may compute features in; the image, the optimiser and the sums of the losses stay in float32.
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class _Run:
    """One trajectory and the specs that want pictures of it: step -> their places in the job."""

    spec: RenderSpec
    steps: int
    wanted: Mapping[int, list[int]]


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], settings: Params, tick: Tick) -> list[Picture]:
    """Signature of ``core.protocols.Renderer``; ``settings`` are the job's engine settings.

    Specs that differ only in the step they are taken at share one run. The runs are grouped by scene and shared
    parameters, in their order; a group is one batch (with ``deterministic`` each run is a batch of its own). What goes
    wrong in a group (a file that is no picture, a cut weights file, memory for even one image) fails that group with
    its sentence.
    """
    groups: dict[str, list[_Run]] = {}
    for number, found in enumerate(_runs(specs)):
        key = f"{number}" if settings.get("deterministic") else _batch_key(found)
        groups.setdefault(key, []).append(found)
    pictures: dict[int, Picture] = {}
    for group in groups.values():
        try:
            pictures.update(_render_batch(group, sources, settings, tick))
        except (images.ImageError, weights.WeightsError) as error:
            pictures.update(_failed(group, str(error)))
        except (RuntimeError, MemoryError) as error:
            images_word = "this image" if len(group) == 1 else f"this batch of {len(group)}"
            pictures.update(_failed(group, f"Rendering stopped: {error}. Nothing of {images_word} was kept."))
    return [pictures[index] for index in range(len(specs))]


def style_loss(
    config: Mapping[str, Any], found: weights.Weights, content: Tensor, style: Tensor, dtype: str = "float32"
) -> StyleLoss:
    """The losses of a config (``style_transfer.features``) against one content and style picture (1 x 3 x H x W)."""
    layers = [*config["style_layers"], *config["content_layers"]]
    found.require(layers)
    for name, picture in (("content", content), ("style", style)):
        least = smallest_side(found.network, layers)
        if min(picture.shape[2:]) < least:
            raise images.ImageError(
                f"The {name} picture is {picture.shape[3]} x {picture.shape[2]} pixels at this size, and the layers "
                f"asked for need at least {least} on each side. Take a larger size, a picture that is less long and "
                "thin, or earlier layers."
            )
    build = Build(config["pooling"], config["padding"], config["preprocessing"], DTYPES[dtype])
    return StyleLoss(open_extractor(found, layers, content, style, build), content, style, Objective.of(config))


def _runs(specs: Sequence[RenderSpec]) -> list[_Run]:
    """The trajectories behind ``specs``, each as long as its longest spec."""
    together: dict[str, list[int]] = {}
    for index, spec in enumerate(specs):
        key = canonical_json(spec.to_json() | {"params": dict(run(spec.params))})
        together.setdefault(key, []).append(index)
    runs = []
    for members in together.values():
        wanted: dict[int, list[int]] = {}
        for index in members:
            params = specs[index].params
            wanted.setdefault(int(params["at_step"]) or int(params["steps"]), []).append(index)
        longest_spec = max((specs[index] for index in members), key=lambda spec: int(spec.params["steps"]))
        runs.append(_Run(longest_spec, int(longest_spec.params["steps"]), wanted))
    return runs


def _batch_key(found: _Run) -> str:
    shared = {name: value for name, value in run(found.spec.params).items() if name not in _PER_SAMPLE}
    length = max(found.wanted) if steps_are_one_run(found.spec.params) else found.steps
    spec = found.spec.to_json() | {"params": shared, "seed": 0}
    return canonical_json([spec, length])


def _render_batch(
    batch: Sequence[_Run], sources: Mapping[str, bytes], settings: Params, tick: Tick, split: str = ""
) -> dict[int, Picture]:
    """Place in the job -> picture. A batch that does not fit into memory is halved, and its provenance says so."""
    try:
        return _transfer(batch, sources, settings, tick, split)
    except (RuntimeError, MemoryError) as error:
        if len(batch) == 1 or not _out_of_memory(error):
            raise
    # Outside of the handler: its traceback would keep the tensors of the failed batch.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = len(batch) // 2
    split = split or f"No memory for {len(batch)} images at once; they were rendered in smaller batches."
    halves = (batch[:middle], batch[middle:])
    return {place: p for half in halves for place, p in _render_batch(half, sources, settings, tick, split).items()}


def _out_of_memory(error: BaseException) -> bool:
    words = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(w in str(error).lower() for w in words)


def _transfer(
    batch: Sequence[_Run], sources: Mapping[str, bytes], settings: Params, tick: Tick, split: str
) -> dict[int, Picture]:
    first = batch[0].spec
    if first.style is None:
        raise images.ImageError("Style transfer needs a style picture; the scene names none.")
    params, dtype = first.params, str(settings.get("dtype", "float32"))
    if dtype not in DTYPES:
        raise weights.WeightsError(f"This renderer works in {' or '.join(DTYPES)}, not in {dtype}.")
    network = network_name(params)
    found = weights.find(network, first.weights.get(network), networks(params)[network])
    config = features(params)
    content = images.decode(sources[first.content], first.content[:12])
    style = images.decode(sources[first.style], first.style[:12])
    shared = engine.Settings(
        size=int(params["size"]),
        steps=batch[0].steps,
        scales=int(params["scales"]),
        optimizer=str(params["optimizer"]),
        decay=str(params["decay"]),
        options=read_options(str(params["optimizer_options"])),
        resize=str(params["resize"]),
        clamp=str(params["clamp"]),
        loss_scale=str(params["loss_scale"]),
        smallest=smallest_side(found.network, [*config["style_layers"], *config["content_layers"]]),
    )
    outcomes = engine.transfer(
        content,
        style,
        [_sample(one) for one in batch],
        shared,
        lambda c, s: style_loss(config, found, c, s, dtype),
        pick_device(),
        tick,
    )
    facts = {
        **config,
        "weights": {network: {"title": found.title, "sha256": found.sha256, "source": found.source}},
        "scales": engine.scales_of(content, style, shared),
        "height_width": list(longest(content, shared.size)),
        "batch_size": len(batch),
        "dtype": dtype,
        "memory_format": "channels_last",
    }
    facts |= {"batch_split": split} if split else {}
    return {
        place: _picture(outcome, step, {**facts, "batch_index": n})
        for n, (one, outcome) in enumerate(zip(batch, outcomes, strict=True))
        for step, places in one.wanted.items()
        for place in places
    }


def _sample(one: _Run) -> engine.Sample:
    params = one.spec.params
    return engine.Sample(
        learning_rate=float(params["learning_rate"]),
        style_weight=float(params["style_weight"]),
        content_weight=float(params["content_weight"]),
        tv_weight=float(params["tv_weight"]),
        init=str(params["init"]),
        seed=one.spec.seed,
        snapshots=tuple(sorted(one.wanted)),
    )


def _picture(outcome: engine.Outcome, step: int, provenance: Mapping[str, Any]) -> Picture:
    """The picture after ``step`` steps, with the curve up to there."""
    image = outcome.images[step]
    curve = {name: values if name == "weights" else values[:step] for name, values in outcome.curve.items()}
    if outcome.diverged_at is None or outcome.diverged_at >= step:
        return Picture("ok", image, curve, step, "all steps done", provenance)
    reason = f"The losses or pixels stopped being finite at step {outcome.diverged_at + 1} of {step}."
    return Picture("nan", image, curve, outcome.diverged_at, "diverged", provenance, reason)


def _failed(group: Sequence[_Run], reason: str) -> dict[int, Picture]:
    places = [place for one in group for members in one.wanted.values() for place in members]
    return {place: Picture("failed", None, reason=reason) for place in places}
