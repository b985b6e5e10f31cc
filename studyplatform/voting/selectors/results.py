"""Votes held against losses, as far as participants are told, and the names that people have in data."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q
from django.utils.crypto import salted_hmac

from generation.models import Cell, GridMetric, Metric, Score
from studyplatform.voting.models import Exclusion, Participant, Session, Stimulus, Study, Trial

#: How many earlier participants “others” are; more would change little and cost much.
OTHERS = 200
#: Of fewer nothing is told: a share of one is what one person chose.
FEWEST_OTHERS = 10
#: Hex digits of a digest that make an id in data.
ID_LENGTH = 12


@dataclass(frozen=True)
class Loss:
    """The value of the primary metric for one stimulus, turned so that lower is better."""

    metric: int
    value: float
    in_scene: bool  # comparable among all pictures of a scene


def losses_of(study: Study) -> dict[int, Loss]:
    """Stimulus's pk -> its loss, for grid pictures whose grid names a primary metric and has a finite value of it."""
    primary = {m.grid_id: m.metric for m in GridMetric.objects.filter(grid__studies=study, is_primary=True)}
    cells = Cell.objects.filter(grid__in=list(primary)).values_list("render", "grid").order_by("grid")
    of_render = {render: primary[grid] for render, grid in cells}
    scores = Score.objects.filter(render__in=list(of_render), metric__in=list(primary.values()), value__isnull=False)
    values = {(render, metric): value for render, metric, value in scores.values_list("render", "metric", "value")}
    found = {}
    for stimulus in study.stimuli.filter(role=Stimulus.Role.GRID, render__in=list(of_render)):
        metric = of_render[stimulus.render_id]
        value = values.get((stimulus.render_id, metric.pk))
        if value is not None:
            sign = -1.0 if metric.direction == Metric.Direction.HIGHER else 1.0
            comparable = metric.comparable_within in (Metric.Scope.ALL, Metric.Scope.SCENE)
            found[stimulus.pk] = Loss(metric.pk, sign * value, comparable)
    return found


@dataclass(frozen=True)
class OwnResult:
    """In how many per cent of pairs the picture with the lower loss was chosen: by this person, by others so far."""

    own: int
    others: int | None


def own_result(session: Session) -> OwnResult | None:
    """What a participant may be told at the end; ``None`` where the study does not tell or there is nothing to tell."""
    study = session.study
    if not study.show_own_result or session.finished_at is None:
        return None
    losses = losses_of(study)
    own = _lower_loss_share(Q(session=session), losses)
    people = study.sessions.filter(
        outcome=Session.Outcome.COMPLETE,
        withdrew_at=None,
        participant__is_preview=False,
        participant__is_pilot=session.participant.is_pilot,
        participant__is_bot=session.participant.is_bot,
    ).exclude(pk=session.pk)
    people = people.exclude(participant__in=Exclusion.objects.filter(undone_at=None).values("participant"))
    latest = list(people.order_by("-finished_at").values_list("pk", flat=True)[:OTHERS])
    told = len(latest) >= FEWEST_OTHERS
    return None if own is None else OwnResult(own, _lower_loss_share(Q(session__in=latest), losses) if told else None)


def _lower_loss_share(whose: Q, losses: Mapping[int, Loss]) -> int | None:
    sided = Q(votes__choice__in=("left", "right"), kind=Trial.Kind.MAIN)
    rows = Trial.objects.filter(whose & sided).standing().values_list("left", "right", "votes__choice")
    lower = []
    for left, right, choice in rows:
        a, b = losses.get(left), losses.get(right)
        if a and b and a.metric == b.metric and a.in_scene and a.value != b.value:
            lower.append((a.value < b.value) == (choice == "left"))
    return round(100 * sum(lower) / len(lower)) if lower else None


def participant_hash(study: Study, token: str) -> str:
    """The participant's id in data: a hash, because the token itself opens the session."""
    return hashlib.sha256(f"{study.token}:{token}".encode()).hexdigest()[:16]


def panel_hash(study: Study, provider: str, external_id: str, *, key: str | None = None) -> str:
    """A panel's id in data: salted with a secret of the house and the study, so that no table of ids undoes it.

    ``key`` is an earlier secret key of the house, under which it may have been exported.
    """
    named = f"{study.token}:{provider}:{external_id}"
    return salted_hmac("eyeballot.panel", named, secret=key, algorithm="sha256").hexdigest()[:16]


def data_id(digest: str) -> str:
    """The id in data of a scene or a condition: the beginning of its digest."""
    return digest[:ID_LENGTH]


def trial_name(participant: str, position: int) -> str:
    """The id in data of a trial: its participant's and its place."""
    return f"{participant}.{position:04d}"


def participants_named(study: Study, name: str, *, panel: bool = True) -> list[Participant]:
    """Who is meant by a completion code, an id of the exports, an id at the ``panel``, or a token."""
    named = Q(token=name) | Q(completion_code__code=name)
    people = study.participants.filter(named | Q(panel__external_id=name) if panel else named).distinct()
    return list(people) or [p for p in study.participants.all() if participant_hash(study, p.token) == name]
