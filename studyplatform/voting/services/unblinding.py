"""A look at the outcome before its time, written down."""

from django.contrib.auth.models import User
from django.db import transaction

from studyplatform.voting.models import Study
from studyplatform.voting.selectors import UNBLINDED, is_sealed
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.studies import audit, words


@transaction.atomic
def study_unblind(*, study: Study, by: User | None, reason: str) -> None:
    """Unseal a study while people vote; one that is not sealed stays as it is. Raises :class:`StudyError` without a
    reason."""
    if not words(reason):
        raise StudyError("Say why the outcome has to be seen before the study closes; it stands in the log.")
    row = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if is_sealed(row):
        audit(study=row, by=by, action=UNBLINDED, comment=words(reason, 400))
