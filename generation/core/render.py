"""Run one job: specs and artifacts in, artifacts and numbers out. No database, no disk but the weights.

The work of a job is one batch per method; what fails, fails with a sentence on its own items and the rest goes on.
Renders that differ only in their post-processing are made once and post-processed here, whatever the method. The
numbers are taken on the PNG as it will be stored, decoded again, because that is what people see.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from generation.core import images, postprocess, weights
from generation.core.protocols import Measure, Picture, Renderer, Tick, curve_bytes
from generation.core.runtime import environment, load, torch_settings, unexpected
from generation.core.spec import (
    TRAINED,
    JobItem,
    JobSpec,
    MetricSpec,
    RenderResult,
    RenderSpec,
    ScoreValue,
    sha256_bytes,
)

__all__ = ["Measure", "Picture", "Renderer", "Tick", "run_job"]

Progress = Callable[[int, int], None]


def run_job(
    job: JobSpec,
    artifacts: Mapping[str, bytes],
    renderers: Mapping[str, str],
    measure: str,
    progress: Progress | None = None,
    threads: int | None = None,
) -> list[RenderResult]:
    """Render and measure the items of ``job``; one result per item, in order.

    ``artifacts``: SHA-256 -> bytes of every source and stored image (``job.artifacts``). In deterministic mode torch
    works on one thread: the order of a sum is its value. ``renderers``: method ->
    ``"module:function"``. ``measure``: ``"module:function"``. ``progress(done, total)`` counts image-steps and
    measurements. ``threads``: of torch for this call. Only ``BaseException``s that are no ``Exception`` pass through.
    """
    counter = _Counter(job, progress)
    deterministic = bool(job.engine.get("deterministic", False))
    with torch_settings(1 if deterministic else threads, deterministic):
        pictures: dict[int, tuple[Picture, float]] = {}
        for method, members in _by_method(job).items():
            wanted = [_unmasked(postprocess.unprocessed(_given(job.items[index]))) for index in members]
            batch = list({spec.digest: spec for spec in wanted}.values())
            started = time.perf_counter()
            made = _render(method, batch, artifacts, renderers, job, counter.tick)
            seconds = (time.perf_counter() - started) / len(members)
            of_spec = dict(zip((spec.digest for spec in batch), made, strict=True))
            for index, spec in zip(members, wanted, strict=True):
                pictures[index] = _processed(of_spec[spec.digest], job.items[index].render), seconds
        for index, item in enumerate(job.items):
            if item.base is not None:
                started = time.perf_counter()
                processed = _processed(_of_base(item, artifacts), item.render)
                pictures[index] = processed, time.perf_counter() - started
        results = []
        for index, item in enumerate(job.items):
            picture, seconds = pictures.get(index, (None, 0.0))
            results.append(_finish(item, picture, seconds, artifacts, job.metrics, measure))
            counter.tick(1)
    return results


def _given(item: JobItem) -> RenderSpec:
    """The render of an item with its trained network named among its weights, where it has one."""
    if item.network is None:
        return item.render
    return dataclasses.replace(item.render, weights={**item.render.weights, TRAINED: item.network})


def _unmasked(spec: RenderSpec) -> RenderSpec:
    """What a trained network is told: never where what it looks for lies, which its picture is measured against."""
    return dataclasses.replace(spec, mask="") if spec.training else spec


def _processed(picture: Picture, spec: RenderSpec) -> Picture:
    if picture.image is None or not set(postprocess.NEUTRAL) <= set(spec.params):
        return picture
    try:
        return dataclasses.replace(picture, image=postprocess.apply(picture.image, spec.params))
    except ValueError as error:
        return _failed(str(error))


def _of_base(item: JobItem, artifacts: Mapping[str, bytes]) -> Picture:
    """The stored picture that only wants its post-processing."""
    given, png = _stored(item.base or "", artifacts)
    if png is None:
        return given
    image = images.decode(png, (item.base or "")[:12])
    steps = int(item.render.params.get("at_step") or item.render.params.get("steps") or 0)
    return Picture("ok", image, {}, steps, "post-processed", {"base": item.base})


def _by_method(job: JobSpec) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, item in enumerate(job.items):
        if item.image is None and item.base is None:
            groups.setdefault(item.render.method, []).append(index)
    return groups


def _render(
    method: str,
    batch: Sequence[RenderSpec],
    artifacts: Mapping[str, bytes],
    renderers: Mapping[str, str],
    job: JobSpec,
    tick: Tick,
) -> list[Picture]:
    """Pictures of one method's items. Items whose weights or sources are missing fail before the batch starts."""
    refused = {index: reason for index, spec in enumerate(batch) if (reason := _obstacle(spec, artifacts))}
    ready = [spec for index, spec in enumerate(batch) if index not in refused]
    try:
        renderer = cast(Renderer, load(renderers[method]))
        made = iter(renderer(ready, artifacts, job.engine, tick) if ready else [])
        return [_failed(refused[i]) if i in refused else next(made) for i in range(len(batch))]
    except KeyError:
        if method not in renderers:
            return [_failed(f"There is no renderer for the method {method!r}.")] * len(batch)
        return [_failed(unexpected("Rendering"))] * len(batch)
    except Exception:  # a fault of the renderer must not take the grid down
        return [_failed(refused.get(i, unexpected("Rendering"))) for i in range(len(batch))]


def _obstacle(spec: RenderSpec, artifacts: Mapping[str, bytes]) -> str:
    """Why ``spec`` cannot be rendered here, or an empty string."""
    for digest in filter(None, (spec.content, spec.style, spec.mask)):
        if digest not in artifacts:
            return f"The source picture {digest[:12]} was not given to the job."
        if sha256_bytes(artifacts[digest]) != digest:
            return f"The source picture {digest[:12]} is damaged: its bytes have another SHA-256. Upload it again."
    if spec.training and spec.weights.get(TRAINED) not in artifacts:
        return "The network that makes this picture is not there: it was not trained, or its file is gone."
    try:
        for network, digest in spec.weights.items():
            if network != TRAINED:
                weights.find(network, digest)
    except weights.WeightsError as error:
        return str(error)
    return ""


def _finish(
    item: JobItem,
    picture: Picture | None,
    seconds: float,
    artifacts: Mapping[str, bytes],
    metrics: Sequence[MetricSpec],
    measure: str,
) -> RenderResult:
    """Encode, measure and describe one item; ``picture`` is None for an item that is only measured."""
    if picture is None:
        picture, png = _stored(item.image or "", artifacts)
    else:
        picture, png = _encoded(picture)
    scores: Sequence[ScoreValue] = ()
    if png is not None:
        scores = _measure(images.decode(png, "the rendered PNG"), _given(item), artifacts, metrics, measure)
    else:
        scores = [ScoreValue(metric.key, None, "failed", "There is no image to measure.") for metric in metrics]
    return RenderResult(
        status=picture.status,
        png=png if item.image is None else None,
        curve=curve_bytes(picture.curve) if picture.curve else None,
        steps=picture.steps,
        final_step_reason=picture.final_step_reason,
        seconds=seconds,
        provenance={**environment(), **picture.provenance},
        scores=tuple(scores),
        reason=picture.reason,
    )


def _encoded(picture: Picture) -> tuple[Picture, bytes | None]:
    """The picture with its PNG, if it is one that can be stored: a panorama may come out a few pixels high."""
    if picture.image is None:
        return picture, None
    png = images.encode_png(picture.image)
    try:
        images.decode(png, "the rendered PNG")
    except images.ImageError as error:
        return _failed(str(error)), None
    return picture, png


def _stored(digest: str, artifacts: Mapping[str, bytes]) -> tuple[Picture, bytes | None]:
    data = artifacts.get(digest)
    if data is None:
        return _failed(f"The stored image {digest[:12]} was not given to the job."), None
    try:
        if sha256_bytes(data) != digest:
            raise images.ImageError(f"The stored image {digest[:12]} is damaged: its bytes have another SHA-256.")
        images.decode(data, digest[:12])
    except images.ImageError as error:
        return _failed(str(error)), None
    return Picture("ok", None, final_step_reason="measured only"), data


def _measure(
    image: images.Image, spec: RenderSpec, artifacts: Mapping[str, bytes], metrics: Sequence[MetricSpec], measure: str
) -> Sequence[ScoreValue]:
    try:
        return cast(Measure, load(measure))(image, spec, artifacts, metrics)
    except Exception:  # as above: a fault of a measure is a status of these scores
        reason = unexpected("Measuring")
        return [ScoreValue(metric.key, None, "failed", reason) for metric in metrics]


def _failed(reason: str) -> Picture:
    return Picture("failed", None, reason=reason)


class _Counter:
    """Adds up what renderers report into ``progress(done, total)``."""

    def __init__(self, job: JobSpec, progress: Progress | None) -> None:
        rendered: dict[str, int] = {}
        for spec in (item.render for item in job.items if item.image is None and item.base is None):
            # Pictures on the way of one run: as many steps as the last of them.
            params = postprocess.unprocessed(spec).params
            run = dataclasses.replace(spec, params={**params, "at_step": 0}).digest
            steps = int(params.get("at_step") or params.get("steps") or 1)
            rendered[run] = max(rendered.get(run, 0), steps)
        self._done, self._total, self._progress = 0, sum(rendered.values()) + len(job.items), progress

    def tick(self, steps: int) -> None:
        self._done = min(self._done + steps, self._total)
        if self._progress is not None:
            self._progress(self._done, self._total)
