"""Reads of evaluation that are used twice."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from evaluation.models import Analysis
from studyplatform.voting.models import Membership, Study

#: While people still vote, nobody looks at the direction of the outcome (study.md section 5).
BLIND_STATES = (Study.State.PILOT, Study.State.OPEN, Study.State.PAUSED)
UNBLINDED = "unblinded"  # the action in the audit log


def latest_analyses(study: Study) -> list[Analysis]:
    """The newest analysis of each question, in the questions' order."""
    newest: dict[int, Analysis] = {}
    for analysis in study.analyses.select_related("question").order_by("-created_at", "-pk"):
        newest.setdefault(analysis.question_id, analysis)
    return sorted(newest.values(), key=lambda a: (a.question.position, a.question_id))


def readable_studies(user: User | AnonymousUser) -> QuerySet[Study]:
    """Studies whose report ``user`` may read: one's own, those one is a member of, and the public ones once closed.

    A public rehearsal may be read at any time: there is no outcome that knowing it could spoil.
    """
    closed = Q(state__in=[Study.State.CLOSED, Study.State.ARCHIVED])
    public = Study.objects.filter(Q(public_report=True) & (closed | Q(simulated=True)))
    if not user.is_authenticated:
        return public
    if user.is_superuser:
        return Study.objects.all()
    own = Study.objects.filter(owner_id=user.pk) | Study.objects.filter(memberships__user_id=user.pk)
    return (public | own).distinct()


def may_download(user: User | AnonymousUser, study: Study) -> bool:
    """Whether ``user`` may take the data: the owner, and members who are more than viewers; a rehearsal is free."""
    if study.simulated:
        return True
    if not user.is_authenticated:
        return False
    roles = (Membership.Role.OWNER, Membership.Role.EDITOR, Membership.Role.ANALYST)
    return (
        user.is_superuser
        or study.owner_id == user.pk
        or study.memberships.filter(user_id=user.pk, role__in=roles).exists()
    )


def takes_votes(study: Study) -> bool:
    """Whether people still vote, so that a look at the outcome has to be written down."""
    return study.state in BLIND_STATES and not study.simulated


def is_sealed(study: Study) -> bool:
    """Whether the choices stay hidden: people still vote and no unblinding is in the audit log.

    A look at the pilot does not unseal the study that was opened after it.
    """
    looks = study.audit.filter(action=UNBLINDED)
    if study.opened_at is not None:
        looks = looks.filter(at__gte=study.opened_at)
    return takes_votes(study) and not looks.exists()
