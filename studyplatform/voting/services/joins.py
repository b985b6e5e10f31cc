"""At most so many sessions of a study from one network in a day: nobody fills a study from one desk.

No address is stored. What is counted is its HMAC under the secret key of the server and a random salt of the day. The
salt is deleted when the day is over, so that yesterday's hashes can be matched with nothing; a copy of the database
alone does not tell today's either, since the key is not in it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from studyplatform.voting.models import JoinCount, JoinSalt, Study
from studyplatform.voting.services.errors import NotTakingPart
from studyplatform.voting.services.studies import audit

#: The code of the refusal.
CROWDED = "crowded"
REFUSED, MANY = "joins from one network refused", "many joins from one network"


@dataclass(frozen=True)
class Asking:
    """A network as it is counted by: the day on which it asks, and its hash under the salt of that day."""

    day: date
    network: str


@transaction.atomic
def join_asking(*, study: Study, network: str) -> Asking | None:
    """What a join is counted by; nothing where it is not counted.

    Called before the transaction of the join. The first of a day lays the salt and forgets the days before; a join
    that did so while others hold a quota would wait for them in a circle. A join that begins before midnight is one of
    that day. ``network``: as :func:`~studyplatform.voting.core.networks.network_of` has it, or empty.
    """
    if not network or not settings.EYEBALLOT_JOINS_PER_NETWORK:
        return None
    day = _today()
    return Asking(day, _hash(study, network, day))


@transaction.atomic
def join_count(*, study: Study, asking: Asking | None) -> None:
    """Count a session that begins now. Called last in the transaction of the join, which a refusal takes back with it.

    A third of the limit is noted in the log of the study. Raises :class:`NotTakingPart` (``crowded``) at the limit.
    """
    if asking is None:
        return
    most = settings.EYEBALLOT_JOINS_PER_NETWORK
    mine = {"study": study, "day": asking.day, "network": asking.network}
    counted = JoinCount.objects.filter(**mine)
    # The condition stands in the statement that counts: of two at once at the limit, one is refused. A count that is
    # gone is none: at midnight somebody forgets the day in which this join began.
    while not counted.filter(joins__lt=most).update(joins=F("joins") + 1):
        if counted.filter(joins__gte=most).exists():
            raise _refusal()
        JoinCount.objects.bulk_create([JoinCount(**mine)], ignore_conflicts=True)
    if JoinCount.objects.get(**mine).joins == max(2, most // 3):
        comment = f"{max(2, most // 3)} sessions began from one network today. From {most} on it begins no more."
        audit(study=study, by=None, action=MANY, comment=comment)


def join_check(*, study: Study, asking: Asking | None) -> None:
    """Refuse before anything is laid where the network has reached the limit; ``join_count`` has the last word."""
    if asking is not None:
        mine = JoinCount.objects.filter(study=study, day=asking.day, network=asking.network)
        if mine.filter(joins__gte=settings.EYEBALLOT_JOINS_PER_NETWORK).exists():
            raise _refusal()


def join_refused(*, study: Study) -> None:
    """Tell the researchers, once a day, that people were refused. The log does not say who."""
    if not study.audit.filter(action=REFUSED, at__gte=datetime.combine(_today(), time(), UTC)).exists():
        comment = (
            f"More than {settings.EYEBALLOT_JOINS_PER_NETWORK} sessions would have begun from one network today. If "
            "that is a class or a campus, set EYEBALLOT_JOINS_PER_NETWORK higher; if a proxy or balancer stands in "
            "front, see that it is named in EYEBALLOT_PROXIES."
        )
        audit(study=study, by=None, action=REFUSED, comment=comment)


def joins_forget() -> int:
    """Delete the salts and counts of days that are over; returns how many salts."""
    JoinCount.objects.filter(day__lt=_today()).delete()
    return JoinSalt.objects.filter(day__lt=_today()).delete()[0]


def seconds_to_tomorrow() -> int:
    """Until the counts begin anew (UTC)."""
    tomorrow = datetime.combine(_today() + timedelta(days=1), time(), UTC)
    return max(1, int((tomorrow - timezone.now()).total_seconds()) + 1)


def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def _hash(study: Study, network: str, day: date) -> str:
    row, new = JoinSalt.objects.get_or_create(day=day)
    if new:
        joins_forget()
    return salted_hmac(f"eyeballot.joins {row.salt}", f"{study.pk} {network}", algorithm="sha256").hexdigest()


def _refusal() -> NotTakingPart:
    sentence = _(
        "Many people have begun this study from your network today, and no more can begin from there until tomorrow. "
        "Please come back then, or use another connection."
    )
    return NotTakingPart(CROWDED, sentence)
