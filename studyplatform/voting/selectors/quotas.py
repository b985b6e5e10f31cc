"""Whom a quota counts, and how many there are."""

from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KeyTransform

from studyplatform.voting.models import Block, Exclusion, PanelIdentity, Participant, Quota, Session


def quota_fits(quota: Quota, participant: Participant) -> bool:
    """Whether the participant is one of those whom the quota counts."""
    if quota.kind == Quota.Kind.DEVICE:
        return participant.device == quota.value
    if quota.kind == Quota.Kind.LANGUAGE:
        return participant.language == quota.value
    identity = PanelIdentity.objects.filter(participant=participant).first()
    return identity is not None and identity.captured.get(quota.parameter) == quota.value


def quota_taken(quota: Quota) -> int:
    """Participants of the quota's kind who completed the study or hold a block.

    Pilots and previews are not counted, nor who withdrew or is left out of the analysis: their pairs are dealt again.
    """
    holds = Exists(Block.objects.filter(holder=OuterRef("pk"), state=Block.State.HELD))
    left_out = Exists(Exclusion.objects.filter(participant=OuterRef("pk"), undone_at=None))
    here = Participant.objects.filter(
        Q(session__outcome=Session.Outcome.COMPLETE) | Q(holds),
        ~left_out,
        study=quota.study_id,
        is_pilot=False,
        is_preview=False,
        session__withdrew_at=None,
    )
    if quota.kind == Quota.Kind.DEVICE:
        return here.filter(device=quota.value).count()
    if quota.kind == Quota.Kind.LANGUAGE:
        return here.filter(language=quota.value).count()
    value = KeyTransform(quota.parameter, "panel__captured")
    return here.annotate(kept=value).filter(kept=quota.value).count()
