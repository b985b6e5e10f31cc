"""The preregistration of a study: what it would say now, and what is frozen when the study opens."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from generation.core.spec import digest
from generation.models import GridMetric, Metric
from studyplatform.voting.core.labels import unique
from studyplatform.voting.core.preregistration import Plan, preregister
from studyplatform.voting.models import Preregistration, Stimulus, Study
from studyplatform.voting.services.design import design_of
from studyplatform.voting.services.pictures import Picture, pictures_of


def prereg_plan(*, study: Study, pictures: Sequence[Picture] | None = None, design: Any = None) -> Plan:
    """What the preregistration of ``study`` is written from; without ``design``, as the study stands now.

    Raises :class:`StudyError` with one sentence per problem where the study could not open.
    """
    pictures = pictures_of(study) if pictures is None else pictures
    design = design_of(study, list(pictures)) if design is None else design
    own = [p for p in pictures if p.role == Stimulus.Role.GRID]
    of_scene: dict[int, set[int]] = {}
    for picture in own:
        of_scene.setdefault(picture.scene.pk, set()).add(picture.render.condition_id)
    labels = {p.render.condition_id: p.label for p in sorted(own, key=lambda p: (p.position, p.label))}
    asked = list(GridMetric.objects.filter(grid__studies=study).select_related("metric").order_by("position"))
    primary = {a.metric_id: a.metric for a in asked if a.is_primary}
    tested = {a.metric_id: a.metric for a in asked if a.metric.role != Metric.Role.DESCRIPTOR}
    one = next(iter(primary.values())) if len(primary) == 1 else None
    return Plan(
        design=design,
        design_sha256=digest(design),
        primary={
            grid.slug: [a.metric.key for a in asked if a.grid_id == grid.pk and a.is_primary]
            for grid in study.grids.order_by("slug")
        },
        primary_label=one.label if one is not None else "",
        others=sorted({m.label for pk, m in tested.items() if one is None or pk != one.pk}),
        scenes=_scenes(own),
        conditions=list(labels.values()),
        shared=len(set.intersection(*of_scene.values())) if of_scene else 0,
        layout=study.get_layout_display(),
        strategy=study.get_strategy_display(),
        opens_at=_time(study.opens_at),
        ends_at=_time(study.ends_at),
        quotas=sorted(map(str, study.quotas.all())),
        pilots=study.participants.filter(is_pilot=True, is_preview=False, is_bot=False).count(),
    )


def prereg_freeze(*, study: Study, pictures: Sequence[Picture]) -> Preregistration:
    """Write down what ``study``, whose design is just frozen, is to find out; inside the transaction that opens it."""
    content, text = preregister(prereg_plan(study=study, pictures=pictures, design=study.design))
    return Preregistration.objects.create(
        study=study, content=content, text=text, sha256=digest(content), frozen_at=timezone.now()
    )


def _scenes(own: Sequence[Picture]) -> list[str]:
    """One label per scene, as the data will have them."""
    scenes = {p.scene.pk: p.scene for p in own}.values()
    return sorted(unique([scene.label for scene in scenes], [scene.digest[:4] for scene in scenes]))


def _time(value: datetime | None) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else ""
