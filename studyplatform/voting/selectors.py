"""Reads of voting that are used twice."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.core.files.storage import storages
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from generation.core import tasks
from generation.models import Grid
from studyplatform.voting.models import Membership, Question, Session, Stimulus, Study, Trial, Vote

SECONDS_PER_PAIR = 5


@dataclass(frozen=True)
class Counts:
    """How far a study is; nothing here tells which pictures win. Bots and pilots are counted apart from the rest."""

    started: int
    finished: int
    votes: int
    planned: int
    previews: int


@dataclass(frozen=True)
class Pair:
    """Two published pictures of one scene, by address."""

    left: str
    right: str


def studies_visible(user: User | AnonymousUser) -> QuerySet[Study]:
    """The studies a researcher may see: their own, those they are a member of; a superuser sees all."""
    if not user.is_authenticated:
        return Study.objects.none()
    if user.is_superuser:
        return Study.objects.all()
    return Study.objects.filter(Q(owner=user) | Q(memberships__user=user)).distinct()


def may_edit(user: User | AnonymousUser, study: Study) -> bool:
    """Whether a researcher may change a study and move it through its states."""
    if not user.is_authenticated:
        return False
    if user.is_superuser or study.owner_id == user.pk:
        return True
    roles = (Membership.Role.OWNER, Membership.Role.EDITOR)
    return study.memberships.filter(user=user, role__in=roles).exists()


def study_counts(study: Study) -> Counts:
    """Started, finished, votes: of the participants who count (bots do in a rehearsal, and only there)."""
    people = Q(is_preview=False, is_pilot=study.state == Study.State.PILOT)
    counts = study.participants.aggregate(
        started=Count("pk", filter=people),
        finished=Count("pk", filter=people & Q(session__finished_at__isnull=False)),
        previews=Count("pk", filter=~people),
    )
    counting = Q(trial__participant__is_preview=False, trial__participant__is_pilot=study.state == Study.State.PILOT)
    votes = Vote.objects.filter(counting, study=study).count()
    return Counts(votes=votes, planned=study.sessions_planned, **counts)


def task_of(name: str) -> tasks.Task | None:
    """The registered task of that name; ``None`` where the registry does not know it (renders made elsewhere)."""
    return tasks.get(name) if name in tasks.names() else None


def natural_question(grid: Grid) -> str:
    """The preset that a grid's task asks by nature."""
    task = task_of(grid.task)
    asked = task.question if task is not None else ""
    return asked if asked in Question.Preset.values else str(Question.Preset.NATURAL)


def takes_votes(study: Study) -> bool:
    """Whether somebody who has begun may go on: the study runs, or closed so lately that votes still count."""
    if study.state == Study.State.CLOSED:
        return study.votes_until is not None and study.votes_until >= timezone.now()
    return study.state in (Study.State.PILOT, Study.State.OPEN)


def minutes_needed(study: Study) -> int:
    """About how long a session takes, in whole minutes."""
    return max(1, round((60 + SECONDS_PER_PAIR * study.trials_per_session) / 60))


def session_of(*, slug: str, token: str | None) -> Session | None:
    """The session of a participant's token in a study."""
    if token is None:
        return None
    sessions = Session.objects.select_related("participant", "study")
    return sessions.filter(participant__token=token, study__slug=slug).first()


def answered_count(session: Session) -> int:
    """How many of the session's pairs have a stored vote."""
    return Trial.objects.filter(session=session, votes__isnull=False).count()


def next_trial(session: Session) -> Trial | None:
    """The first pair without a vote."""
    return (
        Trial.objects.filter(session=session, votes=None)
        .select_related("left", "right", "question", "study")
        .order_by("position")
        .first()
    )


def step_of(session: Session) -> str:
    """Where a session stands: ``withdrawn``, ``consent``, ``instructions``, ``trial`` or ``thanks``."""
    if session.withdrew_at is not None:
        return "withdrawn"
    if session.consented_at is None:
        return "consent"
    if session.finished_at is not None or next_trial(session) is None:
        return "thanks"
    return "instructions" if session.instructed_at is None else "trial"


def plan_of(session: Session) -> list[dict[str, Any]]:
    """Every pair of the session as a participant may know it: addresses and sizes, no condition, no kind."""
    trials = (
        Trial.objects.filter(session=session)
        .select_related("left", "right", "question")
        .annotate(answers=Count("votes"))
        .order_by("position")
    )
    references = _references(session.study)
    return [pair_shown(session.study, trial, references, answered=trial.answers > 0) for trial in trials]


def pair_of(trial: Trial) -> dict[str, Any]:
    """One pair as a participant may know it."""
    return pair_shown(trial.study, trial, _references(trial.study), answered=False)


def pair_shown(
    study: Study, trial: Trial, references: dict[tuple[int, str], Stimulus], *, answered: bool
) -> dict[str, Any]:
    """The JSON form of a pair; the reference is the scene's own picture, if the question shows one."""
    reference = references.get((trial.scene_id, trial.question.reference))
    return {
        "id": trial.pk,
        "position": trial.position,
        "question": gettext(trial.question.text),
        "left": picture_shown(study, trial.left),
        "right": picture_shown(study, trial.right),
        "reference": picture_shown(study, reference) if reference else None,
        "answered": answered,
    }


def picture_shown(study: Study, stimulus: Stimulus) -> dict[str, Any]:
    """Address and size of a picture, and nothing else about it."""
    src = storages["stimuli"].url(f"{study.token}/{stimulus.public_name}.png")
    return {"src": src, "width": stimulus.width, "height": stimulus.height}


def study_pair(study: Study) -> Pair | None:
    """Two pictures of the first scene, in the order of their random names; ``None`` before they are published."""
    compared = study.stimuli.filter(role__in=(Stimulus.Role.GRID, Stimulus.Role.CONTROL))
    # Descending, "grid" comes before "control": a photograph is shown only where there is one picture besides.
    two = sorted(compared.order_by("scene", "-role", "public_name")[:2], key=lambda s: s.public_name)
    if len(two) < 2:
        return None
    left, right = (storages["stimuli"].url(stimulus.path) for stimulus in two)
    return Pair(left, right)


def _references(study: Study) -> dict[tuple[int, str], Stimulus]:
    shown = study.stimuli.filter(role=Stimulus.Role.REFERENCE)
    return {(stimulus.scene_id, stimulus.label): stimulus for stimulus in shown}
