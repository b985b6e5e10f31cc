"""ORM -> StudyData. The only place that knows both the rows and the plain data."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from django.db.models import FilteredRelation, Q

from evaluation.core.curves import spread
from evaluation.core.dataset import (
    WITHDREW,
    Condition,
    LossPoint,
    MetricInfo,
    Participant,
    Question,
    Scene,
    Score,
    Stimulus,
    StudyData,
    Trial,
)
from generation import models as generation
from generation.core import tasks
from generation.core.protocols import loss_terms, read_curve
from generation.core.spec import digest
from generation.services.artifacts import ArtifactMissing, artifact_bytes
from studyplatform.voting import models as voting
from studyplatform.voting.selectors import panel_hash, participant_hash

ID_LENGTH = 12  # hex digits of a digest that make an id in exports
CURVES, STEPS = 1000, 100  # most loss curves in the data of a study, and most steps of each
NETWORK_KEYS = ("backbone", "network")  # parameters and metric settings that name a feature network


def study_data(study: voting.Study, *, curves: bool = True) -> StudyData:
    """The study as plain data, in canonical order. Reads a constant number of queries, whatever its size.

    Without ``curves`` no file is opened, and the digest is not the one of the study.
    """
    shown = list(study.stimuli.select_related("render__condition", "render__scene", "scene").order_by("pk"))
    stimuli = [s for s in shown if s.role != voting.Stimulus.Role.REFERENCE]
    metrics, names, primary = _metrics(study, stimuli)
    return StudyData(
        slug=study.slug,
        title=study.title,
        simulated=study.simulated,
        networks=_networks(stimuli, metrics),
        primary_metric=names.get(primary, "") if primary is not None else "",
        design_digest=study.design_digest,
        frozen_at=_time(study.preregistration.frozen_at if hasattr(study, "preregistration") else None),
        questions=tuple(Question(q.preset, q.text, q.position) for q in study.questions.all()),
        scenes=_scenes(stimuli),
        conditions=_conditions(study, stimuli),
        stimuli=tuple(_stimulus(s) for s in stimuli),
        metrics=tuple(_metric(m, names[m.pk]) for m in metrics),
        scores=_scores(stimuli, metrics, names),
        participants=_participants(study),
        trials=_trials(study),
        curves=_curves(stimuli) if curves else (),
    ).canonical()


def _short(value: str) -> str:
    return value[:ID_LENGTH]


def _scenes(stimuli: Iterable[voting.Stimulus]) -> tuple[Scene, ...]:
    """Scenes in the order in which the database met them, with labels made unique."""
    found = {s.scene_id: s.scene for s in sorted(stimuli, key=lambda s: s.scene_id)}
    labels = Counter(scene.label for scene in found.values())
    return tuple(
        Scene(
            id=_short(scene.digest),
            label=scene.label if labels[scene.label] == 1 else f"{scene.label} ({scene.digest[:4]})",
            position=position,
            task=scene.task,
            content_image_sha256=scene.content_id or "",
            style_image_sha256=scene.style_id or "",
        )
        for position, scene in enumerate(found.values())
    )


def _conditions(study: voting.Study, stimuli: Iterable[voting.Stimulus]) -> tuple[Condition, ...]:
    first: dict[int, voting.Stimulus] = {}
    for stimulus in sorted(stimuli, key=lambda s: (s.position, s.label, s.pk)):
        first.setdefault(stimulus.render.condition_id, stimulus)
    labels = Counter(s.label for s in first.values())
    defaults = set(
        generation.GridCondition.objects.filter(grid__studies=study, is_default=True).values_list(
            "condition", flat=True
        )
    )
    return tuple(
        Condition(
            id=_short(s.render.condition.digest),
            label=s.label if labels[s.label] == 1 else f"{s.label} ({s.render.condition})",
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
        return _short(digest(dict(params)))
    return _short(digest(dict(task.objective(params))))


def _stimulus(stimulus: voting.Stimulus) -> Stimulus:
    return Stimulus(
        id=stimulus.public_name,
        scene=_short(stimulus.scene.digest),
        condition=_short(stimulus.render.condition.digest),
        replicate=stimulus.replicate,
        role=stimulus.role,
        seed=stimulus.render.seed,
        width_px=stimulus.width,
        height_px=stimulus.height,
        image_sha256=stimulus.render.image_id or "",
        image_path=stimulus.path,
        n_steps=stimulus.render.steps,
        network=", ".join(sorted(_render_networks(stimulus.render))),
    )


def _metrics(
    study: voting.Study, stimuli: Iterable[voting.Stimulus]
) -> tuple[list[generation.Metric], dict[int, str], int | None]:
    """Metrics the grids asked for (else all that were measured), their ids in data, and the primary one."""
    asked = list(generation.GridMetric.objects.filter(grid__studies=study).select_related("metric"))
    metrics = {m.metric_id: m.metric for m in asked}
    if not metrics:
        renders = [s.render_id for s in stimuli]
        metrics = {m.pk: m for m in generation.Metric.objects.filter(scores__render__in=renders).distinct()}
    keys = Counter(m.key for m in metrics.values())
    names = {pk: m.key if keys[m.key] == 1 else f"{m.key}-{m.digest[:8]}" for pk, m in metrics.items()}
    primary = {m.metric_id for m in asked if m.is_primary}
    # Grids that name different primary metrics leave the choice to the rule of the analysis.
    return list(metrics.values()), names, primary.pop() if len(primary) == 1 else None


def _metric(metric: generation.Metric, name: str) -> MetricInfo:
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


def _networks(stimuli: Iterable[voting.Stimulus], metrics: Iterable[generation.Metric]) -> tuple[str, ...]:
    """Names of the networks that rendered the images or measured the losses."""
    found = [_named(m.config) for m in metrics] + [_render_networks(s.render) for s in stimuli]
    return tuple(sorted(set().union(*found)))


def _render_networks(render: generation.Render) -> set[str]:
    spec: Mapping[str, Any] = render.spec
    return set(spec.get("weights") or {}) | _named(spec.get("params") or {})


def _named(settings: Mapping[str, Any]) -> set[str]:
    return {str(settings[key]) for key in NETWORK_KEYS if settings.get(key)}


def _scores(
    stimuli: Iterable[voting.Stimulus], metrics: Iterable[generation.Metric], names: Mapping[int, str]
) -> tuple[Score, ...]:
    of_render: dict[int, list[str]] = {}
    for stimulus in stimuli:
        of_render.setdefault(stimulus.render_id, []).append(stimulus.public_name)
    rows = generation.Score.objects.filter(render__in=list(of_render), metric__in=list(metrics)).order_by("pk")
    # A metric measured in several runs: the last one stands (the scope `run` keeps it out of any argmin).
    last = {(r.render_id, r.metric_id): r for r in rows}
    return tuple(
        Score(name, names[metric], row.value, row.status)
        for (render, metric), row in last.items()
        for name in of_render[render]
    )


def _curves(stimuli: Iterable[voting.Stimulus]) -> tuple[LossPoint, ...]:
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


def _participants(study: voting.Study) -> tuple[Participant, ...]:
    excluded = dict(
        voting.Exclusion.objects.filter(participant__study=study, undone_at=None).values_list("participant", "reason")
    )
    identities = voting.PanelIdentity.objects.filter(study=study)
    sent_by = {i.participant_id: panel_hash(study, i.provider, i.external_id) for i in identities}
    return tuple(
        Participant(
            id=participant_hash(study, p.token),
            is_bot=p.is_bot,
            is_pilot=p.is_pilot,
            is_preview=p.is_preview,
            design_digest=p.design_digest,
            exclusion_reason=_exclusion(p, excluded),
            started_at=_time(p.session.started_at if hasattr(p, "session") else p.created_at),
            finished_at=_time(p.session.finished_at if hasattr(p, "session") else None),
            outcome=p.session.outcome if hasattr(p, "session") else "",
            panel_hash=sent_by.get(p.pk, ""),
        )
        for p in study.participants.select_related("session")
    )


def _exclusion(participant: voting.Participant, excluded: Mapping[int, str]) -> str:
    if participant.pk in excluded:
        return excluded[participant.pk] or "excluded"
    session = getattr(participant, "session", None)
    return WITHDREW if session is not None and session.withdrew_at else ""


#: A trial and its vote in one row, so that a million of them are read as they come.
TRIAL_COLUMNS = (
    "participant__token", "question__preset", "position", "kind", "scene__digest", "left__public_name",
    "right__public_name", "expected", "repeats", "strategy", "design_prob", "pk", "vote__choice", "vote__rt_ms",
    "vote__shown_at", "vote__submitted_at", "vote__late",
)  # fmt: skip


def _trials(study: voting.Study) -> tuple[Trial, ...]:
    # The join names the study, because the votes' index begins with it.
    of_study = FilteredRelation("votes", condition=Q(votes__study=study))
    trials = voting.Trial.objects.filter(study=study).annotate(vote=of_study)
    # Only an answered successor replaces an answer: an undo that was never answered again leaves the first standing.
    replaced = set(trials.filter(vote__isnull=False, supersedes__isnull=False).values_list("supersedes", flat=True))
    named: dict[str, str] = {}
    # One text per name and time, however many rows hold it.
    one: dict[str, str] = {}

    def hashed(token: str) -> str:
        if token not in named:
            named[token] = participant_hash(study, token)
        return named[token]

    def trial(row: tuple[Any, ...]) -> Trial:
        (token, question, position, kind, scene, left, right, expected, repeats, strategy, prob, pk, choice, rt_ms,
         shown_at, submitted_at, late) = row  # fmt: skip
        person = hashed(token)
        return Trial(
            id=_trial_id(person, position),
            participant=person,
            question=one.setdefault(question, question),
            position=position,
            kind=one.setdefault(kind, kind),
            scene=one.setdefault(_short(scene), _short(scene)),
            left=one.setdefault(left, left),
            right=one.setdefault(right, right),
            choice=one.setdefault(choice or "", choice or ""),
            rt_ms=rt_ms,
            expected=expected,
            repeat_of=_trial_id(person, repeats) if repeats is not None else "",
            superseded=pk in replaced,
            late=bool(late),
            strategy=one.setdefault(strategy, strategy),
            design_prob=prob,
            shown_at=_time(shown_at),
            submitted_at=_time(submitted_at),
        )

    return tuple(trial(row) for row in trials.values_list(*TRIAL_COLUMNS).iterator(chunk_size=10_000))


def _trial_id(person: str, position: int) -> str:
    return f"{person}.{position:04d}"


def _time(value: datetime | None) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if value else ""
