"""Whoever comes back by the id at a panel alone: ids may be known to others, or be guessed one after the other."""

from datetime import UTC, datetime, time

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from studyplatform.voting.models import JoinCount, Study
from studyplatform.voting.services.errors import NotTakingPart
from studyplatform.voting.services.joins import join_asking
from studyplatform.voting.services.studies import audit

#: The code of the refusal.
RETURNED = "returned"
REFUSED = "many returns by an id refused"
FEWEST = 10


def return_count(*, study: Study, network: str) -> None:
    """Count a return to a session whose browser this is not, by the network it comes from.

    A tenth of ``EYEBALLOT_JOINS_PER_NETWORK`` a day is let through, ten at least; none is counted where joins are not.
    Raises :class:`NotTakingPart` (``returned``). Counted as joins are, and forgotten with them.
    """
    asking = join_asking(study=study, network=f"back {network}") if network else None
    if asking is None:
        return
    most = max(FEWEST, settings.EYEBALLOT_JOINS_PER_NETWORK // 10)
    mine = {"study": study, "day": asking.day, "network": asking.network}
    counted = JoinCount.objects.filter(**mine)
    while not counted.filter(joins__lt=most).update(joins=F("joins") + 1):
        if counted.filter(joins__gte=most).exists():
            _tell(study, most)
            raise NotTakingPart(RETURNED, _("Please go on in the browser in which you began, or come back tomorrow."))
        JoinCount.objects.bulk_create([JoinCount(**mine)], ignore_conflicts=True)


def _tell(study: Study, most: int) -> None:
    """Tell the researchers, once a day; the log does not say who."""
    today = datetime.combine(timezone.now().astimezone(UTC).date(), time(), UTC)
    if not study.audit.filter(action=REFUSED, at__gte=today).exists():
        comment = f"More than {most} sessions would have been opened by their panel's ids from one network today."
        audit(study=study, by=None, action=REFUSED, comment=comment)
