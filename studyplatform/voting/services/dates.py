"""The first and the last day and hour of a study."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from studyplatform.voting.models import Study
from studyplatform.voting.services.errors import NotTakingPart


def too_early_or_late(study: Study) -> NotTakingPart | None:
    """The refusal of somebody who wants to begin before the first or after the last day and hour of an open study."""
    if study.state != Study.State.OPEN or study.preview_of_id is not None:
        return None  # a pilot and a look come before the first day
    now = timezone.now()
    if study.opens_at is not None and now < study.opens_at:
        when = _day_and_hour(study.opens_at)
        return NotTakingPart("early", _("This study begins on {when}. Please come back then.").format(when=when))
    if study.ends_at is not None and now > study.ends_at:
        when = _day_and_hour(study.ends_at)
        sentence = _("This study took new participants until {when}. Thank you for your interest!")
        return NotTakingPart("late", sentence.format(when=when))
    return None


def _day_and_hour(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{date_format(local, 'DATETIME_FORMAT')} ({local.tzname()})"
