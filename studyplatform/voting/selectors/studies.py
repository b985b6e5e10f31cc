"""What is asked about a study: who may see it, how far it is, how long it takes."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.core.files.storage import storages
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from generation.core import tasks
from generation.models import Cell, Grid
from studyplatform.voting.models import Membership, Question, Stimulus, Study

SECONDS_PER_PAIR = 5
#: While people still vote, nobody looks at the direction of the outcome (study.md section 5).
BLIND_STATES = (Study.State.PILOT, Study.State.OPEN, Study.State.PAUSED)
# Actions in the audit log after which the outcome may be known.
UNBLINDED, ANALYSED, EXPORTED = "unblinded", "analysed", "data exported"
#: Members who may take the data; a viewer may not.
TAKERS = (Membership.Role.OWNER, Membership.Role.EDITOR, Membership.Role.ANALYST)


@dataclass(frozen=True)
class Counts:
    """How far a study is; nothing here tells which pictures win.

    started : participants who count: no previews, bots only in a rehearsal, pilots only while the study is a pilot.
    finished : those of them who are complete and have not withdrawn.
    votes : what an analysis may count: answers that stand to main pairs (or whether one is real), of those of them who
        have not withdrawn and are not left out.
    previews : participants beside them.
    """

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


def may_own(user: User | AnonymousUser, study: Study) -> bool:
    """Whether a researcher may say who else works on a study, and erase from it."""
    if not user.is_authenticated:
        return False
    if user.is_superuser or study.owner_id == user.pk:
        return True
    return study.memberships.filter(user=user, role=Membership.Role.OWNER).exists()


def may_download(user: User | AnonymousUser, study: Study) -> bool:
    """Whether ``user`` may take the data: the owner, and members who are more than viewers; a rehearsal is free."""
    if study.simulated:
        return True
    if not user.is_authenticated:
        return False
    return (
        user.is_superuser
        or study.owner_id == user.pk
        or study.memberships.filter(user_id=user.pk, role__in=TAKERS).exists()
    )


def studies_downloadable(user: User | AnonymousUser) -> QuerySet[Study]:
    """Those of :func:`studies_visible` whose data ``user`` may take, as :func:`may_download` says of each."""
    visible = studies_visible(user)
    if not user.is_authenticated or user.is_superuser:
        return visible
    member = Q(memberships__user=user, memberships__role__in=TAKERS)
    return visible.filter(Q(owner=user) | Q(simulated=True) | member)


def bots_allowed(study: Study) -> bool:
    """Whether simulated participants may take part: in a rehearsal, and in a pilot, where nobody counts."""
    return study.simulated or study.state == Study.State.PILOT


def is_blind(study: Study) -> bool:
    """Whether people still vote, so that a look at the outcome has to be written down.

    A draft that somebody took part in was a pilot and will be one again: going back opens nothing.
    """
    if study.simulated:
        return False
    was_pilot = study.state == Study.State.DRAFT and study.participants.filter(is_preview=False).exists()
    return was_pilot or study.state in BLIND_STATES


def is_sealed(study: Study) -> bool:
    """Whether the choices stay hidden: people still vote and no unblinding is in the audit log.

    A look at the pilot does not unseal the study that was opened after it.
    """
    if not is_blind(study):
        return False
    looks = study.audit.filter(action=UNBLINDED)
    if study.opened_at is not None:
        looks = looks.filter(at__gte=study.opened_at)
    return not looks.exists()


def cells_shown(study: Study) -> QuerySet[Cell]:
    """The cells of the study's grids without the scenes and conditions that it leaves out."""
    cells = Cell.objects.filter(grid__in=study.grids.all())
    left_out = Q(scene__in=study.left_out_scenes.all()) | Q(condition__in=study.left_out_conditions.all())
    return cells.exclude(left_out).order_by("grid", "position")


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
    if study.state in (Study.State.CLOSED, Study.State.ARCHIVED):
        return study.votes_until is not None and study.votes_until >= timezone.now()
    return study.state in (Study.State.PILOT, Study.State.OPEN)


def pairs_in_session(study: Study) -> int:
    """How many pairs one person is shown, practice included; before the design is fixed, as many as it asks for."""
    design = study.design or {}
    planned: dict[str, int] = design.get("session", {"main": study.trials_per_session})
    return sum(planned.values())


def minutes_needed(study: Study) -> int:
    """About how long a session takes, in whole minutes."""
    return minutes_of(pairs_in_session(study))


def minutes_of(pairs: int) -> int:
    """About how long a session of so many pairs takes, in whole minutes: one for reading, then the pairs."""
    return max(1, round((60 + SECONDS_PER_PAIR * pairs) / 60))


def state_sentence(state: str, *, begun: bool = True) -> str:
    """Why a study takes no votes now, for participants; ``begun``: who may have answered something."""
    if state == "paused" and not begun:
        return gettext("This study is paused. Please come back later.")
    return {
        "draft": gettext("This study has not started yet. Please come back later."),
        "paused": gettext("This study is paused. What you have answered is safe; please come back later."),
        "closed": gettext("This study is closed. Thank you for your interest!"),
        "archived": gettext("This study is closed. Thank you for your interest!"),
    }.get(state, "")


def preview_is_over() -> str:
    """What is said to whoever goes on with a preview that was taken down."""
    return gettext("This preview is over: the study was opened or the preview was ended.")


def study_pair(study: Study) -> Pair | None:
    """Two pictures of the first scene, in the order of their random names; ``None`` before they are published."""
    compared = study.stimuli.filter(role__in=(Stimulus.Role.GRID, Stimulus.Role.CONTROL))
    # Descending, "grid" comes before "control": a photograph is shown only where there is one picture besides.
    two = sorted(compared.order_by("scene", "-role", "public_name")[:2], key=lambda s: s.public_name)
    if len(two) < 2:
        return None
    left, right = (storages["stimuli"].url(stimulus.path) for stimulus in two)
    return Pair(left, right)
