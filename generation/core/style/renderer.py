"""The renderer of the method ``gatys``: specs of a job into batches of one scene each, and back into pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from generation.core import images, weights
from generation.core.backbones import open_extractor, pick_device
from generation.core.protocols import Picture, Tick
from generation.core.spec import Params, RenderSpec
from generation.core.style import engine
from generation.core.style.losses import StyleLoss
from generation.core.style_transfer import features

#: Parameters that a sample has for itself; conditions that differ only in these share a batch.
_PER_SAMPLE = ("learning_rate", "style_weight", "content_weight", "tv_weight", "init")


def render(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], settings: Params, tick: Tick) -> list[Picture]:
    """Signature of ``core.protocols.Renderer``; ``settings`` are the job's engine settings.

    The specs are grouped by scene and shared parameters, in their order; a group is one batch. What goes wrong in a
    group (a file that is no picture, a cut weights file, memory) fails that group with its sentence.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, spec in enumerate(specs):
        groups.setdefault(_group_key(spec), []).append(index)
    pictures: dict[int, Picture] = {}
    for members in groups.values():
        batch = [specs[index] for index in members]
        try:
            rendered = _render_batch(batch, sources, settings, tick)
        except (images.ImageError, weights.WeightsError) as error:
            rendered = [Picture("failed", None, reason=str(error))] * len(batch)
        except RuntimeError as error:
            reason = f"Rendering stopped: {error}. Nothing of this batch of {len(batch)} was kept."
            rendered = [Picture("failed", None, reason=reason)] * len(batch)
        pictures.update(zip(members, rendered, strict=True))
    return [pictures[index] for index in range(len(specs))]


def style_loss(config: Mapping[str, Any], found: weights.Weights, content: Tensor, style: Tensor) -> StyleLoss:
    """The losses of a config (``style_transfer.features``) against one content and style picture (1 x 3 x H x W)."""
    layers = [*config["style_layers"], *config["content_layers"]]
    return StyleLoss(
        open_extractor(found, layers, content, style, content.device),
        content,
        style,
        style_layers=config["style_layers"],
        content_layers=config["content_layers"],
        statistic=config["statistic"],
    )


def _group_key(spec: RenderSpec) -> tuple[Any, ...]:
    shared = sorted((name, value) for name, value in spec.params.items() if name not in _PER_SAMPLE)
    return (spec.content, spec.style, tuple(shared), tuple(sorted(spec.weights.items())))


def _render_batch(
    batch: Sequence[RenderSpec], sources: Mapping[str, bytes], settings: Params, tick: Tick
) -> list[Picture]:
    first = batch[0]
    if first.style is None:
        raise images.ImageError("Style transfer needs a style picture; the scene names none.")
    params = first.params
    if settings.get("dtype", "float32") != "float32":
        raise weights.WeightsError(f"This renderer works in float32, not in {settings['dtype']}.")
    found = weights.find(str(params["backbone"]), first.weights.get(str(params["backbone"])))
    config = features(params)
    content = images.decode(sources[first.content], first.content[:12])
    style = images.decode(sources[first.style], first.style[:12])
    shared = engine.Settings(
        size=int(params["size"]),
        steps=int(params["steps"]),
        scales=int(params["scales"]),
        optimizer=str(params["optimizer"]),
        decay=str(params["decay"]),
    )
    outcomes = engine.transfer(
        content,
        style,
        [_sample(spec) for spec in batch],
        shared,
        lambda c, s: style_loss(config, found, c, s),
        pick_device(),
        tick,
    )
    facts = {
        **config,
        "weights": {found.network: {"title": found.title, "sha256": found.sha256, "source": found.source}},
        "scales": engine.scale_sizes(shared.size, shared.scales),
        "batch_size": len(batch),
        "dtype": "float32",
        "memory_format": "channels_last",
    }
    return [_picture(outcome, shared.steps, {**facts, "batch_index": n}) for n, outcome in enumerate(outcomes)]


def _sample(spec: RenderSpec) -> engine.Sample:
    return engine.Sample(
        learning_rate=float(spec.params["learning_rate"]),
        style_weight=float(spec.params["style_weight"]),
        content_weight=float(spec.params["content_weight"]),
        tv_weight=float(spec.params["tv_weight"]),
        init=str(spec.params["init"]),
        seed=spec.seed,
    )


def _picture(outcome: engine.Outcome, steps: int, provenance: Mapping[str, Any]) -> Picture:
    if outcome.diverged_at is None:
        return Picture("ok", outcome.image, outcome.curve, steps, "all steps done", provenance)
    reason = f"The losses or pixels stopped being finite at step {outcome.diverged_at + 1} of {steps}."
    return Picture("nan", outcome.image, outcome.curve, outcome.diverged_at, "diverged", provenance, reason)
