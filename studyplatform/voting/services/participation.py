"""One person's way through a study: join, consent, instructions, finish, withdraw."""

import secrets
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from studyplatform.voting.models import Block, CompletionCode, Participant, Session, Study, Trial
from studyplatform.voting.services.blocks import block_deal_again, block_take, blocks_release_expired, deal_alone
from studyplatform.voting.services.errors import NotTakingPart

# No 0, O, 1, I: people type these.
CODE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@transaction.atomic
def participant_join(*, study: Study, is_bot: bool = False, language: str = "en") -> Participant:
    """Start a session: the next free block, and all its trials as rows at once.

    In a rehearsal (``simulated``) only bots count; a person who looks in gets a copy of a plan as a preview that enters
    no analysis. Raises :class:`NotTakingPart` when the study takes nobody, is full, or is not for bots.
    """
    study.refresh_from_db(fields=["state", "simulated", "design_digest"])
    if study.state not in (Study.State.PILOT, Study.State.OPEN):
        raise NotTakingPart(study.state, state_sentence(study.state))
    if is_bot and not study.simulated:
        raise NotTakingPart(
            "no_bots", "This study asks people. Simulated participants may only take part in a study marked simulated."
        )
    participant = Participant.objects.create(
        study=study,
        is_bot=is_bot,
        is_pilot=study.state == Study.State.PILOT,
        is_preview=study.simulated and not is_bot,
        design_digest=study.design_digest,
        language=language,
    )
    session = Session.objects.create(participant=participant, study=study)
    if participant.is_preview:
        _trials_lay(session=session, plan=_any_plan(study), block=None)
        return participant
    blocks_release_expired(study=study)
    block = block_take(study=study, participant=participant)
    if block is None:
        raise NotTakingPart("full", _("This study has all the participants it needs. Thank you for your interest!"))
    _trials_lay(session=session, plan=block.plan, block=block)
    return participant


def _any_plan(study: Study) -> list[dict[str, Any]]:
    block = study.blocks.filter(number__gte=1).order_by("-number").first()
    return list(block.plan) if block else []


def _trials_lay(*, session: Session, plan: list[dict[str, Any]], block: Block | None) -> None:
    Trial.objects.bulk_create(
        Trial(
            study_id=session.study_id,
            session=session,
            participant_id=session.participant_id,
            block=block,
            position=position,
            question_id=item["question"],
            scene_id=item["scene"],
            left_id=item["left"],
            right_id=item["right"],
            strategy=item["strategy"],
            design_prob=item["design_prob"],
        )
        for position, item in enumerate(plan)
    )


def state_sentence(state: str) -> str:
    """Why a study takes no votes now, for participants."""
    return {
        "draft": _("This study has not started yet. Please come back later."),
        "paused": _("This study is paused. What you have answered is safe; please come back later."),
        "closed": _("This study is closed. Thank you for your interest!"),
        "archived": _("This study is closed. Thank you for your interest!"),
    }.get(state, "")


def consent_give(*, session: Session) -> None:
    """Write down the consent; a second time changes nothing."""
    Session.objects.filter(pk=session.pk, consented_at=None, withdrew_at=None).update(consented_at=timezone.now())
    session.refresh_from_db()


def instructions_read(
    *, session: Session, width: int | None = None, height: int | None = None, ratio: float | None = None
) -> None:
    """Write down that the instructions were read, and the size of the window if the browser told."""
    if session.consented_at is None:
        raise NotTakingPart("consent", _("Please read and accept the consent page first."))
    Session.objects.filter(pk=session.pk, instructed_at=None).update(
        instructed_at=timezone.now(), viewport_width=width, viewport_height=height, device_pixel_ratio=ratio
    )
    session.refresh_from_db()


@transaction.atomic
def session_finish(*, session: Session) -> CompletionCode:
    """Issue the completion code, if the committed votes say that the session is complete. Idempotent.

    Raises :class:`NotTakingPart` (``unfinished``) while a trial has no vote; a browser's word is not asked for.
    """
    if session.withdrew_at is not None:
        raise NotTakingPart("withdrawn", _("You have withdrawn from this study."))
    if session.consented_at is None or Trial.objects.filter(session=session, votes=None).exists():
        raise NotTakingPart("unfinished", _("Some pairs are not answered yet."))
    now = timezone.now()
    if Session.objects.filter(pk=session.pk, finished_at=None).update(finished_at=now):
        Block.objects.filter(holder=session.participant_id, state=Block.State.HELD).update(
            state=Block.State.DONE, expires_at=None
        )
    code, _created = CompletionCode.objects.get_or_create(
        participant_id=session.participant_id, defaults={"study_id": session.study_id, "code": _new_code()}
    )
    session.refresh_from_db()
    return code


def _new_code() -> str:
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


@transaction.atomic
def session_withdraw(*, session: Session) -> None:
    """Take the participant out: no vote is taken any more, those given do not count, the pairs are dealt again."""
    if not Session.objects.filter(pk=session.pk, withdrew_at=None).update(withdrew_at=timezone.now()):
        return
    study = deal_alone(study_id=session.study_id)
    # What a pilot showed was dealt anew to everybody when the study opened.
    if study.state == Study.State.PILOT or not session.participant.is_pilot:
        for block in Block.objects.filter(holder=session.participant_id, trials__session=session).distinct():
            block_deal_again(block=block, keep_answered=False)
    session.refresh_from_db()
