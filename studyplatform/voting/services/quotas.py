"""How many participants of one kind a study takes: set while it runs, kept at the door."""

from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from studyplatform.voting.models import Participant, Quota, Study
from studyplatform.voting.selectors import quota_fits, quota_taken
from studyplatform.voting.selectors.panels import parameters_kept
from studyplatform.voting.services.errors import NotTakingPart, StudyError
from studyplatform.voting.services.studies import audit


def quotas_lock(*, participant: Participant) -> list[Quota]:
    """The quotas that a new participant falls under, each held for this transaction: their joins wait for each other.

    Taken before any block is locked, in the order of their keys, so that no two joins wait for each other in a circle.
    """
    quotas = Quota.objects.select_for_update(no_key=True).filter(study=participant.study_id).order_by("pk")
    return [quota for quota in quotas if quota_fits(quota, participant)]


def quotas_admit(*, participant: Participant, quotas: Sequence[Quota]) -> None:
    """Refuse somebody of whose kind there are enough: completed, or in the middle of their pairs.

    ``quotas`` are held, see :func:`quotas_lock`. A rehearsal's visitors and pilots fill no quota.
    """
    if participant.is_preview or participant.is_pilot:
        return
    if any(quota_taken(quota) >= quota.most for quota in quotas):
        sentence = _("This study has all the participants of your group that it needs. Thank you for your interest!")
        raise NotTakingPart("quota", sentence)


@transaction.atomic
def quota_add(*, study: Study, by: User, kind: str, value: str, most: int, parameter: str = "") -> Quota:
    """Take at most ``most`` participants of a kind. Raises :class:`StudyError` with what is missing or there already.

    Who has begun is sent away by no quota, however small.
    """
    parameter, value = parameter.strip(), value.strip()
    if kind not in Quota.Kind.values:
        raise StudyError(f"There is no quota on {kind!r}. Choose a device, a language or an address parameter.")
    if kind == Quota.Kind.PARAMETER and not parameter:
        raise StudyError("Name the address parameter whose value the quota counts, as the panel sends it.")
    if kind != Quota.Kind.PARAMETER and parameter:
        raise StudyError(f"A quota on the {kind} has no address parameter. Leave that field empty.")
    if kind == Quota.Kind.DEVICE and value not in Participant.Device.values:
        raise StudyError(f"{value!r} is no device. Write computer, tablet or phone.")
    if kind == Quota.Kind.LANGUAGE and value not in dict(settings.LANGUAGES):
        known = ", ".join(f"{code} ({name})" for code, name in settings.LANGUAGES)
        raise StudyError(f"The pages have no language {value!r}. Choose one of: {known}.")
    if kind == Quota.Kind.PARAMETER and parameter not in (sent := parameters_kept(study)):
        words = f"it keeps {', '.join(sent)}" if sent else "it has no panel that sends one"
        raise StudyError(f"The study keeps no address parameter {parameter!r}: {words}. See “Panel” on its form.")
    quota = Quota(study=study, kind=kind, parameter=parameter, value=value, most=most)
    there = f"There is a quota for {parameter or kind} {value} already. Remove it to set another number."
    try:
        quota.full_clean()
        with transaction.atomic():
            quota.save()
    except ValidationError as error:
        if Quota.objects.filter(study=study, kind=kind, parameter=parameter, value=value).exists():
            raise StudyError(there) from error
        raise StudyError(*error.messages) from error
    except IntegrityError as error:  # somebody added it meanwhile
        raise StudyError(there) from error
    audit(study=study, by=by, action="quota added", comment=str(quota))
    return quota


@transaction.atomic
def quota_remove(*, quota: Quota, by: User) -> None:
    """Count this kind of people no longer."""
    audit(study=quota.study, by=by, action="quota removed", comment=str(quota))
    quota.delete()
