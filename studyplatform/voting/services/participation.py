"""One person's way through a study: join, consent, screen checks, instructions, debrief, finish, withdraw."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.models import (
    Block,
    CompletionCode,
    Event,
    PanelIdentity,
    Participant,
    Session,
    Study,
    Trial,
    Vote,
)
from studyplatform.voting.models.studies import random_token
from studyplatform.voting.selectors import (
    bots_allowed,
    checks_wanted,
    gap_of,
    saw_too_little,
    screen_found,
    state_sentence,
)
from studyplatform.voting.services.blocks import block_take, blocks_release_expired, deal_alone, pairs_deal_again
from studyplatform.voting.services.dates import too_early_or_late
from studyplatform.voting.services.errors import NotTakingPart
from studyplatform.voting.services.joins import CROWDED, Asking, join_asking, join_check, join_count, join_refused
from studyplatform.voting.services.kept import answers_keep
from studyplatform.voting.services.quotas import quotas_admit, quotas_lock
from studyplatform.voting.services.returns import return_count
from studyplatform.voting.services.trials import event_note, trials_begin_again, trials_lay

# No 0, O, 1, I: people type these.
CODE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
#: How often a join begins anew because the study took a step beside it.
ATTEMPTS = 5
# What a join goes by.
_LOOKED_AT = ("state", "simulated", "design_digest")


class _StepTaken(Exception):  # noqa: N818  (the join begins anew)
    """The study is not any more what it was when the join began."""


def participant_join(
    *,
    study: Study,
    is_bot: bool = False,
    language: str = "en",
    device: str = "",
    arrival: Arrival | None = None,
    network: str = "",
    press: str = "",
) -> Participant:
    """Start a session: the next free block, and all its trials as rows at once.

    ``device``: as :func:`~studyplatform.voting.core.devices.device_of` has it. ``network``: where the request comes
    from, as :func:`~studyplatform.voting.core.networks.network_of` has it; it is counted by and not kept. ``press``: a
    random text of the page whose button was pressed; pressed twice, it is one participant. Somebody who is known by the
    panel's id alone is ``by_id``.

    In a rehearsal (``simulated``) only bots count; a person who looks in gets a copy of a plan as a preview that enters
    no analysis. Somebody whom a panel sends a second time gets the session they have. Raises :class:`NotTakingPart`
    when the study takes nobody (in its state, or at this hour), is full, has enough of this kind of people, is not for
    bots, comes from a panel that did not say who this is, or from a network that many have joined from today.
    """
    token = _token_of(study, press, arrival) if press else random_token()
    try:
        known = _known(study, arrival, token)
        if known is not None:
            if known.by_id and not is_bot:
                return_count(study=study, network=network)
            return known
        # Simulated participants carry a mark that nobody else can make.
        asking = None if is_bot else join_asking(study=study, network=network)
        for _attempt in range(ATTEMPTS):
            with suppress(_StepTaken):
                return _join(study, is_bot, language, device, arrival, asking, token)
        raise NotTakingPart("busy", _("The study is busy. Please try again in a moment."))
    except NotTakingPart as refusal:
        if refusal.code == CROWDED:
            join_refused(study=study)
        raise
    except IntegrityError:
        # The same id, or the same button, twice at the same moment: the other request was first.
        known = _known(study, arrival, token)
        if known is None:
            raise
        return known


def _token_of(study: Study, press: str, arrival: Arrival | None) -> str:
    """The token of whoever presses the button of this page; who has not seen the page cannot make it."""
    who = f":{arrival.external_id}" if arrival is not None else ""
    return salted_hmac("eyeballot.press", f"{study.pk}:{press}{who}", algorithm="sha256").hexdigest()[:32]


def _known(study: Study, arrival: Arrival | None, token: str) -> Participant | None:
    known = panel_participant(study, arrival)
    if known is None:
        return _pressed(study, token)
    known.by_id = known.token != token
    return known


def _pressed(study: Study, token: str) -> Participant | None:
    return study.participants.filter(token=token).select_related("session__study", "study").first()


def panel_participant(study: Study, arrival: Arrival | None) -> Participant | None:
    """The participant whom the panel knows by this id, if there is one."""
    if arrival is None:
        return None
    known = PanelIdentity.objects.filter(study=study, provider=arrival.provider, external_id=arrival.external_id)
    identity = known.select_related("participant__session__study", "participant__study").first()
    return identity.participant if identity is not None else None


@transaction.atomic
def _join(
    study: Study, is_bot: bool, language: str, device: str, arrival: Arrival | None, asking: Asking | None, token: str
) -> Participant:
    study.refresh_from_db(fields=["state", "simulated", "design_digest", "opens_at", "ends_at"])
    if study.state not in (Study.State.PILOT, Study.State.OPEN):
        raise NotTakingPart(study.state, state_sentence(study.state, begun=False))
    if refused := too_early_or_late(study):
        raise refused
    if is_bot and not bots_allowed(study):
        raise NotTakingPart(
            "no_bots", "This study asks people. Simulated participants may take part in its pilot, or in a rehearsal."
        )
    if arrival is None and not (study.simulated or is_bot) and hasattr(study, "panel"):
        panel = study.panel.get_provider_display()
        raise NotTakingPart(
            "panel", _("Please open this study by its link at {panel}; it tells us whom to pay.").format(panel=panel)
        )
    join_check(study=study, asking=asking)
    participant = Participant.objects.create(
        study=study,
        token=token,
        is_bot=is_bot,
        is_pilot=study.state == Study.State.PILOT,
        is_preview=study.simulated and not is_bot,
        design_digest=study.design_digest,
        language=language,
        device=device,
    )
    if arrival is not None:
        PanelIdentity.objects.create(
            study=study,
            participant=participant,
            provider=arrival.provider,
            external_id=arrival.external_id,
            captured=dict(arrival.captured),
        )
    session = Session.objects.create(participant=participant, study=study)
    if participant.is_preview:
        deal_alone(study_id=study.pk)  # it takes no block that a step could wait for
        _look_again(study)
        trials_lay(session=session, plan=_any_plan(study), block=None)
        join_count(study=study, asking=asking)
        return participant
    quotas = quotas_lock(participant=participant)
    blocks_release_expired(study=study)
    quotas_admit(participant=participant, quotas=quotas)
    block = block_take(study=study, participant=participant)
    # A step holds all free blocks: whoever took one before it is waited for, and whoever waited sees here what it did.
    _look_again(study)
    if block is None:
        raise NotTakingPart("full", _("This study has all the participants it needs. Thank you for your interest!"))
    trials_lay(session=session, plan=block.plan, block=block)
    join_count(study=study, asking=asking)
    return participant


def _look_again(study: Study) -> None:
    """Raise :class:`_StepTaken` if the study took a step since the join began."""
    now = Study.everything.filter(pk=study.pk).values(*_LOOKED_AT).first()
    if now != {name: getattr(study, name) for name in _LOOKED_AT}:
        raise _StepTaken


def _any_plan(study: Study) -> list[dict[str, Any]]:
    block = study.blocks.filter(number__gte=1, is_remainder=False).order_by("-number").first()
    return list(block.plan) if block else []


def session_resume(*, session: Session, away: timedelta = timedelta(0)) -> None:
    """Apply the study's rule to somebody who comes back after a longer gap in the middle of the pairs.

    ``away``: as :func:`~studyplatform.voting.selectors.gap_of` has it.
    """
    study = session.study
    if study.resume == Study.Resume.RESUME or session.instructed_at is None:
        return
    with transaction.atomic():
        row = Session.objects.select_for_update(of=("self",)).select_related("study").get(pk=session.pk)
        gap = gap_of(row, away=away)
        came_back = gap >= timedelta(minutes=study.resume_after_minutes)
        if came_back:
            Session.objects.filter(pk=row.pk).update(instructed_at=None)
            event_note(session=row, kind=Event.Kind.GAP, data={"minutes": round(gap.total_seconds() / 60)})
        if came_back and study.resume == Study.Resume.RESTART:
            trials_begin_again(session=row)
    if came_back and study.resume == Study.Resume.BLOCK:
        session_end(session=session, outcome=Session.Outcome.FAILED)
    session.refresh_from_db()


def consent_give(*, session: Session) -> None:
    """Write down the consent; a second time changes nothing. Without screen checks the pairs are next."""
    now = timezone.now()
    given: dict[str, Any] = {"consented_at": now} | ({} if checks_wanted(session.study) else {"admitted_at": now})
    Session.objects.filter(pk=session.pk, consented_at=None, withdrew_at=None, outcome="").update(**given)
    session.refresh_from_db()


def consent_decline(*, session: Session) -> None:
    """Write down that somebody does not want to take part; their place goes to somebody else."""
    if session.consented_at is not None:
        raise NotTakingPart("consented", _("You have agreed already. You can withdraw at any time."))
    session_end(session=session, outcome=Session.Outcome.NO_CONSENT)


def checks_answer(
    *,
    session: Session,
    tries: int | None,
    shapes: int | None = None,
    plates: tuple[str, ...] = (),
    px_per_mm: float | None = None,
) -> bool:
    """Write down what the screen checks found; returns whether the participant goes on.

    A study that screens out gives a second try with other pictures; after that the session is over. ``tries`` says
    which pictures are answered: the same answer sent twice is one answer.
    """
    with transaction.atomic():
        row = Session.objects.select_for_update(of=("self",)).select_related("study", "participant").get(pk=session.pk)
        if row.consented_at is None:
            raise NotTakingPart("consent", _("Please read and accept the consent page first."))
        answers_these = tries == row.checks.get("attempts", 0)
        if answers_these and row.admitted_at is None and not row.outcome:
            row.checks = screen_found(row, shapes=shapes, plates=plates, px_per_mm=px_per_mm)
            if row.checks["passed"] or not row.study.screen_out:
                row.admitted_at = timezone.now()
            row.save(update_fields=["checks", "admitted_at"])
    if row.admitted_at is None and row.checks.get("attempts", 0) > 1:
        session_end(session=row, outcome=Session.Outcome.SCREENED_OUT)
    session.refresh_from_db()
    return session.admitted_at is not None


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


def session_finish(*, session: Session) -> CompletionCode:
    """Issue the completion code, if the committed votes say that the session is complete. Idempotent.

    Pairs whose pictures did not load are dealt again. Who saw too few of theirs has not completed: the session has
    failed. Raises :class:`NotTakingPart`: ``unfinished`` while a trial has no vote (a browser's word is not asked for),
    ``ended`` for a session that has failed, now or before.
    """
    code = _finish(session)
    if code is None:
        raise NotTakingPart("ended", _("Your session in this study is over."))
    return code


@transaction.atomic
def _finish(session: Session) -> CompletionCode | None:
    """The code; ``None`` where the session fails now. Without a skip, which a browser has been told is stored before it
    asks for the end, nothing is dealt again and nobody else's dealing is waited for."""
    skips = Vote.objects.filter(trial__session=session, choice=Vote.Choice.SKIP)
    study = deal_alone(study_id=session.study_id) if not session.outcome and skips.exists() else None
    # Nobody takes an answer back or withdraws between the look and the mark.
    here = Session.objects.select_for_update().filter(pk=session.pk).first()  # None: erased at this moment
    if here is not None:
        session.refresh_from_db(fields=["withdrew_at", "outcome", "admitted_at"])
    if here is None or session.withdrew_at is not None:
        raise NotTakingPart("withdrawn", _("You have withdrawn from this study."))
    if session.outcome not in ("", Session.Outcome.COMPLETE):
        raise NotTakingPart("ended", _("Your session in this study is over."))
    if session.admitted_at is None or Trial.objects.filter(session=session, votes=None).exists():
        raise NotTakingPart("unfinished", _("Some pairs are not answered yet."))
    if not session.outcome:
        if study is not None:
            pairs_deal_again(study=study, participant=session.participant, keep_answered=True)
        Block.objects.filter(holder=session.participant_id, state=Block.State.HELD).update(
            state=Block.State.DONE, expires_at=None
        )
        if study is not None and saw_too_little(session):
            Session.objects.filter(pk=session.pk).update(outcome=Session.Outcome.FAILED)
            session.refresh_from_db()
            return None
        Session.objects.filter(pk=session.pk).update(finished_at=timezone.now(), outcome=Session.Outcome.COMPLETE)
        answers_keep(session=session)
    code, _created = CompletionCode.objects.get_or_create(
        participant_id=session.participant_id, defaults={"study_id": session.study_id, "code": _new_code()}
    )
    session.refresh_from_db()
    return code


def _new_code() -> str:
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


def debrief_answer(*, session: Session, answers: Mapping[str, str]) -> None:
    """Keep the answers to the questions at the end; empty ones are left out, a second time changes nothing."""
    kept = {name: text.strip() for name, text in answers.items() if text.strip()}
    Session.objects.filter(pk=session.pk, debriefed_at=None).update(debriefed_at=timezone.now(), debrief=kept)
    session.refresh_from_db()


@transaction.atomic
def session_end(*, session: Session, outcome: str) -> None:
    """End a session that does not go on; its unanswered pairs are dealt again. What was answered stays."""
    study = deal_alone(study_id=session.study_id)
    if Session.objects.filter(pk=session.pk, outcome="", withdrew_at=None).update(outcome=outcome):
        pairs_deal_again(study=study, participant=session.participant, keep_answered=True)
    session.refresh_from_db()


@transaction.atomic
def session_withdraw(*, session: Session, by_id: bool = False) -> None:
    """Take the participant out: no vote is taken any more, those given do not count, the pairs are dealt again.

    Raises :class:`NotTakingPart` (``by_id``) for a complete session of which no more than the panel's id is known.
    """
    if by_id and Session.objects.filter(pk=session.pk, outcome=Session.Outcome.COMPLETE).exists():
        sentence = _(
            "Your session is complete. To withdraw it, use the browser in which you began, or write to the researchers."
        )
        raise NotTakingPart("by_id", sentence)
    study = deal_alone(study_id=session.study_id)
    if Session.objects.filter(pk=session.pk, withdrew_at=None).update(withdrew_at=timezone.now()):
        pairs_deal_again(study=study, participant=session.participant, keep_answered=False)
    session.refresh_from_db()
