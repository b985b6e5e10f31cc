"""What a page shows of the work it has started."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from studyplatform.voting.models import Study
from studyplatform.voting.services import StudyError
from studyplatform.voting.services.errands import errand_start, errands_forget_silent


def errand_context(study: Study, kind: str) -> dict[str, Any]:
    """The newest errand of a kind, for ``admin/voting/study/errand.html``."""
    errands_forget_silent(study=study)
    return {"errand": study.errands.filter(kind=kind).first()}


def start(request: HttpRequest, study: Study, kind: str, options: dict[str, Any] | None = None) -> None:
    """Start an errand, or say why not."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  (the registry lets nobody else in)
    try:
        errand_start(study=study, kind=kind, by=user, options=options)
    except StudyError as error:
        messages.error(request, str(error))
