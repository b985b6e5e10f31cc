"""The rows of pictures and their losses as plain data."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from django.db.models import Q

from evaluation.core.curves import spread
from evaluation.core.dataset import Condition, LossPoint, MetricInfo, Scene, Score, Stimulus
from evaluation.inputs.cells import time
from generation import models as generation
from generation.core import tasks
from generation.core.protocols import loss_terms, read_curve
from generation.core.spec import digest
from generation.services.artifacts import ArtifactMissing, artifact_bytes
from studyplatform.voting import models as voting
from studyplatform.voting.core.labels import unique
from studyplatform.voting.selectors import data_id

CURVES, STEPS = 1000, 100  # most loss curves in the data of a study, and most steps of each
NETWORK_KEYS = ("backbone", "network")  # parameters and metric settings that name a feature network


def scenes(study: voting.Study, stimuli: Iterable[voting.Stimulus]) -> tuple[Scene, ...]:
    """Scenes in the order in which the database met them, with labels made unique."""
    found = {s.scene_id: s.scene for s in sorted(stimuli, key=lambda s: s.scene_id)}
    labels = unique([scene.label for scene in found.values()], [scene.digest[:4] for scene in found.values()])
    stated = _stated(study, found.values())
    return tuple(
        Scene(
            id=data_id(scene.digest),
            label=labels[position],
            position=position,
            task=scene.task,
            content_image_sha256=scene.content_id or "",
            style_image_sha256=scene.style_id or "",
            mask_image_sha256=scene.mask_id or "",
            licence="; ".join(dict.fromkeys(s.licence for s in stated[scene.pk] if s.licence)),
            credit="; ".join(dict.fromkeys(s.credit for s in stated[scene.pk] if s.credit)),
        )
        for position, scene in enumerate(found.values())
    )


def _stated(study: voting.Study, shown: Iterable[generation.Scene]) -> dict[int, list[generation.SourceImage]]:
    """Scene -> its source pictures as the owner of the study, or else of its grids, stated them."""
    parts = {scene.pk: scene.source_ids for scene in shown}
    owned = generation.SourceImage.objects.filter(artifact__in={sha for own in parts.values() for sha in own}).filter(
        Q(owner=study.owner_id) | Q(owner__grids__studies=study)
    )
    # The study's owner comes last and stays.
    known = {s.artifact_id: s for s in sorted(owned.distinct(), key=lambda s: (s.owner_id == study.owner_id, s.pk))}
    return {pk: [known[sha] for sha in own if sha in known] for pk, own in parts.items()}


def conditions(study: voting.Study, stimuli: Iterable[voting.Stimulus]) -> tuple[Condition, ...]:
    """Conditions in grid order, with labels made unique."""
    first: dict[int, voting.Stimulus] = {}
    for stimulus in sorted(stimuli, key=lambda s: (s.position, s.label, s.pk)):
        first.setdefault(stimulus.render.condition_id, stimulus)
    labels = unique([s.label for s in first.values()], [str(s.render.condition) for s in first.values()])
    defaults = set(
        generation.GridCondition.objects.filter(grid__studies=study, is_default=True).values_list(
            "condition", flat=True
        )
    )
    return tuple(
        Condition(
            id=data_id(s.render.condition.digest),
            label=labels[position],
            position=position,
            method=s.render.condition.method,
            role=s.role,
            is_default=pk in defaults,
            objective_id=_objective(s.render),
            params=dict(s.render.condition.params),
        )
        for position, (pk, s) in enumerate(first.items())
    )


def _objective(render: generation.Render) -> str:
    """Digest of the parameters that fix the loss; a task that is not registered here counts all of them."""
    params = render.condition.params
    try:
        task = tasks.get(render.scene.task)
    except KeyError:
        return data_id(digest(dict(params)))
    return data_id(digest(dict(task.objective(params))))


def stimulus_of(stimulus: voting.Stimulus) -> Stimulus:
    """A picture of the study, with what is known of how it was made."""
    return Stimulus(
        id=stimulus.public_name,
        scene=data_id(stimulus.scene.digest),
        condition=data_id(stimulus.render.condition.digest),
        replicate=stimulus.replicate,
        role=stimulus.role,
        seed=stimulus.render.seed,
        width_px=stimulus.width,
        height_px=stimulus.height,
        image_sha256=stimulus.render.image_id or "",
        image_path=stimulus.path,
        n_steps=stimulus.render.steps,
        network=", ".join(sorted(_render_networks(stimulus.render))),
        final_step_reason=stimulus.render.final_step_reason,
        device=str(stimulus.render.provenance.get("device") or ""),
        render_wall_s=stimulus.render.seconds or None,
        created_at=time(stimulus.render.created_at),
    )


def metrics(
    study: voting.Study, stimuli: Iterable[voting.Stimulus]
) -> tuple[list[generation.Metric], dict[int, str], int | None]:
    """Metrics the grids asked for (else all that were measured), their ids in data, and the primary one."""
    asked = list(generation.GridMetric.objects.filter(grid__studies=study).select_related("metric"))
    found = {m.metric_id: m.metric for m in asked}
    if not found:
        renders = [s.render_id for s in stimuli]
        found = {m.pk: m for m in generation.Metric.objects.filter(scores__render__in=renders).distinct()}
    keys = Counter(m.key for m in found.values())
    names = {pk: m.key if keys[m.key] == 1 else f"{m.key}-{m.digest[:8]}" for pk, m in found.items()}
    primary = {m.metric_id for m in asked if m.is_primary}
    # Grids that name different primary metrics leave the choice to the rule of the analysis.
    return list(found.values()), names, primary.pop() if len(primary) == 1 else None


def metric_of(metric: generation.Metric, name: str) -> MetricInfo:
    """A metric under its ``name`` in data."""
    return MetricInfo(
        id=name,
        key=metric.key,
        label=metric.label,
        direction=metric.direction,
        role=metric.role,
        comparable_within=metric.comparable_within,
        reference=metric.reference,
        unit=metric.unit,
        version=metric.version,
        weights_sha256=metric.weights_sha256,
        config_json=json.dumps(metric.config, sort_keys=True, separators=(",", ":")),
        network=", ".join(sorted(_named(metric.config))),
    )


def networks(stimuli: Iterable[voting.Stimulus], measured: Iterable[generation.Metric]) -> tuple[str, ...]:
    """Names of the networks that rendered the images or measured the losses."""
    found = [_named(m.config) for m in measured] + [_render_networks(s.render) for s in stimuli]
    return tuple(sorted(set().union(*found)))


def _render_networks(render: generation.Render) -> set[str]:
    spec: Mapping[str, Any] = render.spec
    return set(spec.get("weights") or {}) | _named(spec.get("params") or {})


def _named(settings: Mapping[str, Any]) -> set[str]:
    return {str(settings[key]) for key in NETWORK_KEYS if settings.get(key)}


def scores(
    stimuli: Iterable[voting.Stimulus], measured: Iterable[generation.Metric], names: Mapping[int, str]
) -> tuple[Score, ...]:
    """Every value of the ``measured`` metrics, under their ``names``."""
    of_render: dict[int, list[str]] = {}
    for stimulus in stimuli:
        of_render.setdefault(stimulus.render_id, []).append(stimulus.public_name)
    rows = generation.Score.objects.filter(render__in=list(of_render), metric__in=list(measured)).order_by("pk")
    # A metric measured in several runs: the last one stands (the scope `run` keeps it out of any argmin).
    last = {(r.render_id, r.metric_id): r for r in rows}
    return tuple(
        Score(name, names[metric], row.value, row.status, row.run, time(row.computed_at))
        for (render, metric), row in last.items()
        for name in of_render[render]
    )


def curves(stimuli: Iterable[voting.Stimulus]) -> tuple[LossPoint, ...]:
    """Some steps of the loss curves of the first pictures of the grid; whole curves lie in the masters and in packs."""
    drawn = [s for s in stimuli if s.role == voting.Stimulus.Role.GRID and s.render.curve_id][:CURVES]
    return tuple(point for stimulus in drawn for point in _curve(stimulus))


def _curve(stimulus: voting.Stimulus) -> Iterator[LossPoint]:
    try:
        curve = read_curve(artifact_bytes(stimulus.render.curve_id or ""))
    except ArtifactMissing:
        return  # The verdict does not need it; `render` says what is missing.
    for term, (values, weight) in loss_terms(curve).items():
        for step in spread(list(range(len(values))), STEPS):
            value = float(values[step])
            yield LossPoint(stimulus.public_name, step, term, value if isfinite(value) else None, weight)
