"""A study's life: its states, and what may be changed in which. Each step is written down with who and why."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.core.validators import ProhibitNullCharactersValidator
from django.db import transaction
from django.db.models import Model, ProtectedError
from django.utils import timezone

from generation.core.spec import digest
from studyplatform.voting.models import AuditEntry, Block, Question, Stimulus, Study
from studyplatform.voting.models.studies import GRACE_HOURS_MOST
from studyplatform.voting.selectors import natural_question, panel_of
from studyplatform.voting.services.blocks import blocks_hold_free
from studyplatform.voting.services.design import DESIGN_FIELDS, FREE_FIELDS, PICTURE_FIELDS, design_of, is_frozen
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.laying import plans_lay
from studyplatform.voting.services.pictures import Picture, pictures_of, pictures_publish
from studyplatform.voting.services.pilot_ends import pilot_end
from studyplatform.voting.services.preregistration import prereg_freeze
from studyplatform.voting.services.preview_ends import previews_end

State = Study.State


def study_transition(*, study: Study, to: str, by: User | None, comment: str = "", seen: str = "") -> Study:
    """Take the study to another state and write that down.

    Going to the pilot or opening for the first time checks and freezes the design, publishes the pictures and lays the
    blocks; opening also writes the preregistration. ``seen``: the state in which whoever asks for the step saw the
    study; if it has another by now, the step is refused. Raises :class:`StudyError` with one sentence per problem.
    """
    _check_step(study, to, seen)
    prepares = study.state in (State.DRAFT, State.PILOT) and to in (State.PILOT, State.OPEN)
    if prepares:
        _check_panel(study)
        question_ensure(study=study)
    # Pictures are decoded and written before the transaction: it must not hold a lock for as long as that takes.
    pictures = pictures_of(study) if prepares else []
    stimuli = pictures_publish(study=study, pictures=pictures) if prepares else {}
    with transaction.atomic():
        # The key stays free: who is taking a step in a session or a plan refers to it, and is waited for below.
        row = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        _check_step(row, to, seen or study.state)
        came_from = row.state
        if came_from in (State.PILOT, State.OPEN):
            blocks_hold_free(study=row)
        now = timezone.now()
        if prepares:
            previews_end(study=row)
            _prepare(row, pictures, stimuli)
        if to == State.DRAFT:
            row.blocks.filter(state=Block.State.FREE).delete()
            row.design, row.design_digest = None, ""
            pilot_end(study=row)
        if to == State.OPEN and row.opened_at is None:
            row.opened_at = now
            prereg_freeze(study=row, pictures=pictures)
        if to == State.CLOSED:
            row.closed_at, row.votes_until = now, now + grace_of(row)
        row.state = to
        row.save()
        audit(study=row, by=by, action=f"{came_from} → {to}", comment=comment, data={"design": row.design_digest})
    study.refresh_from_db()
    return study


def grace_of(study: Study) -> timedelta:
    """For how long after closing votes are taken; rows from before there was a most have it too."""
    return timedelta(hours=min(study.grace_hours, GRACE_HOURS_MOST))


def _check_step(study: Study, to: str, seen: str) -> None:
    if seen and seen != study.state:
        last = study.audit.filter(action__endswith=f"→ {study.state}").first()
        who = f" by {last.user}" if last is not None and last.user is not None else ""
        raise StudyError(
            f"“{study}” was {seen} when this page was made and has become {study.state} since{who}. Look at it again; "
            "nothing was changed."
        )
    allowed = Study.TRANSITIONS[State(study.state)]
    if to not in allowed:
        words = " or ".join(allowed) or "nowhere: it is archived"
        raise StudyError(f"“{study}” is {study.state} and cannot become {to}. From here it goes to {words}.")


def _check_panel(study: Study) -> None:
    panel = panel_of(study)
    if panel is not None and panel.lacks_code and not study.simulated:
        raise StudyError(
            f"People from {panel.get_provider_display()} would be sent back without a code. Copy it from there into "
            "“Complete code” under “Panel”."
        )


def _prepare(study: Study, pictures: list[Picture], published: dict[tuple[int, int, str], Stimulus]) -> None:
    """Save the stimuli, freeze the design, lay the blocks."""
    shown = {picture.key for picture in pictures_of(study)}
    if shown != {picture.key for picture in pictures}:
        raise StudyError("The study was edited while it was being opened. Look at it again and repeat the step.")
    # What only an earlier pilot showed goes, unless a pilot's trial still points to it.
    for key, stimulus in published.items():
        if key not in shown and not _is_used(stimulus):
            _delete_files([stimulus.path])
            stimulus.delete()
    Stimulus.objects.bulk_create([s for k, s in published.items() if k in shown and s.pk is None], batch_size=500)
    study.design = design_of(study, pictures)
    study.design_digest = digest(study.design)
    study.blocks.filter(state=Block.State.FREE).delete()
    study.blocks.filter(state=Block.State.HELD).update(state=Block.State.DONE)  # a pilot's plans are not dealt again
    stimuli = [stimulus for key, stimulus in published.items() if key in shown]
    plans_lay(study=study, stimuli=stimuli)


def _is_used(stimulus: Stimulus) -> bool:
    trials = stimulus.study.trials
    return trials.filter(left=stimulus).exists() or trials.filter(right=stimulus).exists()


@transaction.atomic
def question_ensure(*, study: Study) -> None:
    """Let a draft that asks nothing ask what its first grid's task asks by nature."""
    row = Study.objects.select_for_update().get(pk=study.pk)
    grid = row.grids.order_by("pk").first()
    if grid is not None and not is_frozen(row) and not row.questions.exists():
        Question.objects.create(study=row, preset=natural_question(grid))


@transaction.atomic
def question_ask(*, study: Study, preset: str, position: int, instead_of: Question | None = None) -> Question:
    """Let a draft ask ``preset``, a new question or one ``instead_of`` another.

    A question that was answered in a pilot is never rewritten: it is retired and keeps its answers. One that was
    retired is asked again by its own row.
    """
    Study.objects.select_for_update().get(pk=study.pk)
    earlier = Question.everything.filter(study=study, preset=preset).first()
    asked = earlier or Question(study=study)
    if instead_of is not None and instead_of.pk != asked.pk:
        if earlier is None and not instead_of.trials.exists():
            asked = instead_of
        else:
            Question.everything.filter(pk=instead_of.pk).update(retired=True)
    asked.preset, asked.position, asked.retired = preset, position, False
    asked.save()
    return asked


@transaction.atomic
def questions_number(*, study: Study) -> None:
    """Where two questions of a draft have the same position, number all by their order."""
    row = Study.objects.select_for_update().get(pk=study.pk)
    questions = list(row.questions.order_by("position", "pk"))
    if is_frozen(row) or len({q.position for q in questions}) == len(questions):
        return
    for position, question in enumerate(questions):
        question.position = position
    Question.objects.bulk_update(questions, ["position"])


@transaction.atomic
def study_update(*, study: Study, by: User | None, **changes: Any) -> Study:
    """Change fields of a study, its grids or what it leaves out (lists of rows); the log keeps old and new.

    Raises :class:`StudyError` with a sentence that names what a frozen design does not let change, and Django's
    ``ValidationError`` for a value that a study cannot have.
    """
    row = Study.objects.select_for_update().get(pk=study.pk)
    if foreign := sorted(set(changes) - {*DESIGN_FIELDS, *FREE_FIELDS, *PICTURE_FIELDS}):
        raise StudyError(f"{', '.join(foreign)} cannot be changed here.")
    rows = {name: changes.pop(name) for name in PICTURE_FIELDS if name in changes}
    before: dict[str, Any] = {name: getattr(row, name) for name in changes}
    before |= {name: list(getattr(row, name).order_by("pk")) for name in rows}
    after = changes | {name: sorted(value, key=lambda chosen: chosen.pk) for name, value in rows.items()}
    changed = {name: [_said(before[name]), _said(value)] for name, value in after.items() if before[name] != value}
    if is_frozen(row) and (fixed := sorted(set(changed) - set(FREE_FIELDS))):
        raise StudyError(
            f"The design is frozen since the study became {row.state}: {', '.join(fixed)} cannot change. "
            "Take a pilot back to draft, or make a new study."
        )
    if changed:
        for name, value in changes.items():
            if isinstance(value, str):
                ProhibitNullCharactersValidator()(value)
            setattr(row, name, value)
        # What is not changed may be from before its rule was made.
        kept = {field.name for field in Study._meta.fields} - set(changes)
        row.clean_fields(exclude=kept)
        row.validate_unique(exclude=kept)
        row.validate_constraints()
        row.save()
        for name, value in rows.items():
            getattr(row, name).set(value)
        audit(study=row, by=by, action="edited", data={"changes": changed})
    study.refresh_from_db()
    return study


def _said(value: Any) -> Any:
    """A value as the log keeps it: what JSON has no word for in the words that name it."""
    if isinstance(value, list):
        return [str(chosen) for chosen in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return str(value) if isinstance(value, Decimal) else value


def deletion_refusal(study: Study) -> str:
    """Why a study cannot be deleted, in a sentence; nothing for a draft that nobody has taken part in."""
    if people := study.participants.count():
        return (
            f"“{study}” has {people} participant{'s' if people > 1 else ''} and their votes, which deleting would "
            "destroy. Archive the study instead."
        )
    if study.state != State.DRAFT:
        return f"“{study}” is {study.state}. Only a draft can be deleted; archive the study instead."
    return ""


@transaction.atomic
def study_delete(*, study: Study) -> None:
    """Delete a draft that nobody has taken part in. Anything else is refused with a sentence."""
    row = Study.objects.select_for_update().get(pk=study.pk)
    if refusal := deletion_refusal(row):
        raise StudyError(refusal)
    previews_end(study=row)
    paths = [stimulus.path for stimulus in row.stimuli.select_related("study")]
    try:
        for related in (row.blocks, row.stimuli, row.audit):
            related.all().delete()
        row.delete()
    except ProtectedError as error:
        raise StudyError(
            f"“{row}” is held by {_counted(error.protected_objects)}, which are a record of what was computed or given "
            "away and cannot be deleted with it. Keep the draft, or go on with it and archive the study at its end."
        ) from error
    _delete_files(paths)


def _counted(rows: Iterable[Model]) -> str:
    """Rows of any kind in words: “2 analyses and 1 export record”."""
    kinds = Counter(type(row)._meta for row in rows)
    words = [f"{n} {meta.verbose_name if n == 1 else meta.verbose_name_plural}" for meta, n in kinds.items()]
    return " and ".join(sorted(words))


def _delete_files(paths: list[str]) -> None:
    """Once the rows are gone for good; a rolled back transaction keeps its files."""

    def delete() -> None:
        for path in paths:
            storages["stimuli"].delete(path)

    transaction.on_commit(delete)


def audit(*, study: Study, by: User | None, action: str, comment: str = "", data: dict[str, Any] | None = None) -> None:
    """Write down who did what to a study."""
    AuditEntry.objects.create(study=study, user=by, action=action, comment=words(comment), data=data or {})


def words(text: str, most: int | None = None) -> str:
    """What somebody typed, as it is kept: no blanks around it, no NUL, which PostgreSQL does not store, not longer."""
    return text.replace("\0", "").strip()[:most]
