"""Reads of evaluation that are used twice."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from evaluation.models import Analysis
from studyplatform.voting.models import Study


def latest_analyses(study: Study) -> list[Analysis]:
    """The newest analysis of each question, in the questions' order."""
    newest: dict[int, Analysis] = {}
    asked = study.analyses.filter(question__retired=False)
    for analysis in asked.select_related("question").order_by("-created_at", "-pk"):
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
