"""A study's life: its states, its frozen design, its preregistration. Each step is written down with who and why."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Model, ProtectedError
from django.utils import timezone

from generation.core.spec import digest
from studyplatform.voting.models import AuditEntry, Block, Preregistration, Question, Stimulus, Study, Trial
from studyplatform.voting.selectors import losses_of, natural_question
from studyplatform.voting.services.blocks import blocks_lay
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.pictures import Picture, known_pairs, pairs_offered, pictures_of, pictures_publish

State = Study.State

# What the design is made of; fixed from the pilot on. The rest (who may see the report) may change at any time.
DESIGN_FIELDS = (
    "slug", "title", "introduction", "consent", "instructions", "trials_per_session", "sessions_planned",
    "allow_ties", "show_photograph", "strategy", "hypothesis", "simulated", "seed", "grace_hours", "practice_trials",
    "practice_feedback", "catch_trials", "repeat_trials", "layout", "phone_layout", "reference_place", "exposure_ms",
    "break_every", "allow_undo", "check_window", "check_brightness", "check_colour", "screen_out", "ask_debrief",
    "show_own_result", "resume", "resume_after_minutes", "hold_minutes",
)  # fmt: skip


def is_frozen(study: Study) -> bool:
    """Whether the design may no longer be edited: from the pilot on."""
    return study.state != State.DRAFT


def study_transition(*, study: Study, to: str, by: User | None, comment: str = "") -> Study:
    """Take the study to another state and write that down.

    Going to the pilot or opening for the first time checks and freezes the design, publishes the pictures and lays the
    blocks; opening also writes the preregistration. Raises :class:`StudyError` with one sentence per problem.
    """
    _check_step(study, to)
    prepares = study.state in (State.DRAFT, State.PILOT) and to in (State.PILOT, State.OPEN)
    if prepares:
        question_ensure(study=study)
    # Pictures are decoded and written before the transaction: it must not hold a lock for as long as that takes.
    pictures = pictures_of(study) if prepares else []
    stimuli = pictures_publish(study=study, pictures=pictures) if prepares else {}
    with transaction.atomic():
        row = Study.objects.select_for_update().get(pk=study.pk)
        _check_step(row, to)
        came_from, now = row.state, timezone.now()
        if prepares:
            _prepare(row, pictures, stimuli)
        if to == State.DRAFT:
            row.blocks.filter(state=Block.State.FREE).delete()
            row.design, row.design_digest = None, ""
        if to == State.OPEN and row.opened_at is None:
            row.opened_at = now
            _preregister(row)
        if to == State.CLOSED:
            row.closed_at, row.votes_until = now, now + timedelta(hours=row.grace_hours)
        row.state = to
        row.save()
        audit(study=row, by=by, action=f"{came_from} → {to}", comment=comment, data={"design": row.design_digest})
    study.refresh_from_db()
    return study


def _check_step(study: Study, to: str) -> None:
    allowed = Study.TRANSITIONS[State(study.state)]
    if to not in allowed:
        words = " or ".join(allowed) or "nowhere: it is archived"
        raise StudyError(f"“{study}” is {study.state} and cannot become {to}. From here it goes to {words}.")


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
    losses = {pk: loss.value for pk, loss in losses_of(study).items() if loss.in_scene}
    measured = {s.scene for s in stimuli if s.pk in losses}
    unmeasured = {s.scene for s in stimuli if s.role == Stimulus.Role.GRID} - measured
    if study.strategy == Study.Strategy.FOCUSED and unmeasured:
        scenes = ", ".join(sorted(map(str, unmeasured)))
        raise StudyError(
            "The strategy “focused” needs the picture with the minimum loss of each scene, and the primary metric of "
            f"the grid has no comparable values for {scenes}. Measure it, or choose the strategy “balanced”."
        )
    try:
        blocks_lay(
            study=study,
            stimuli=[s for s in stimuli if s.role in (Stimulus.Role.GRID, Stimulus.Role.CONTROL)],
            known=known_pairs(study, stimuli) if study.practice_trials or study.catch_trials else {},
            losses=losses,
        )
    except ValueError as error:
        raise StudyError(f"No plan can be laid: {error}") from error


def _is_used(stimulus: Stimulus) -> bool:
    trials = stimulus.study.trials
    return trials.filter(left=stimulus).exists() or trials.filter(right=stimulus).exists()


def design_of(study: Study, pictures: list[Picture]) -> dict[str, Any]:
    """The design as plain JSON: all that decides what participants are shown and asked; no random name, no id."""
    return {
        "version": 1,
        "study": {name: getattr(study, name) for name in DESIGN_FIELDS},
        "questions": [_question(q) for q in study.questions.all()],
        "grids": [{"slug": g.slug, "digest": g.digest} for g in study.grids.order_by("slug")],
        "session": session_plan(study, pictures),
        "stimuli": sorted(
            (
                {
                    "scene": p.scene.digest,
                    "render": p.render.digest,
                    "image": p.render.image_id,
                    "role": str(p.role),
                    "label": p.label,
                    "position": p.position,
                    "replicate": p.replicate,
                }
                for p in pictures
            ),
            key=lambda s: (s["scene"], s["role"], s["position"], s["replicate"], s["render"]),
        ),
    }


def _question(question: Question) -> dict[str, str]:
    """A question as the design has it; the kind of its main trials is said where it is another."""
    plain = {"preset": question.preset, "text": question.text, "reference": question.reference}
    return plain | ({"kind": str(Trial.Kind.REAL_FAKE)} if question.asks_which_is_real else {})


def session_plan(study: Study, pictures: list[Picture]) -> dict[str, int]:
    """How many pairs of each kind one person is shown; ``main``: under all questions together."""
    main = study.trials_per_session
    if study.strategy == Study.Strategy.ALL_PAIRS:
        main = sum(pairs_offered(study, question, pictures) for question in study.questions.all())
    kinds = {"practice": study.practice_trials, "catch": study.catch_trials, "repeat": study.repeat_trials}
    return {"main": main, **kinds}


def _preregister(study: Study) -> None:
    primary = {g.slug: [m.metric.key for m in g.metrics.filter(is_primary=True)] for g in study.grids.order_by("slug")}
    session = (study.design or {})["session"]
    content = {
        "title": study.title,
        "hypothesis": study.hypothesis,
        **_asked(study),
        "primary_metric": primary,
        "stopping_rule": (
            f"{study.sessions_planned} sessions of {session['main']} pairs, laid before the first "
            "vote; no look at the direction of the outcome before the study closes."
        ),
        "design_sha256": study.design_digest,
        "design": study.design,
    }
    frozen_at = timezone.now()
    Preregistration.objects.create(study=study, content=content, sha256=digest(content), frozen_at=frozen_at)


def _asked(study: Study) -> dict[str, str]:
    """What the study is to find out: of its preferences, of its real photographs, or of both."""
    real = [question.asks_which_is_real for question in study.questions.all()]
    asked = {} if all(real) else {"question": "Does the image with the minimum loss match what people prefer?"}
    if any(real):
        asked["real_or_fake"] = (
            "How often is a generated picture called real beside its photograph? Share per condition, with one half "
            "as null, participants as the sampling unit; no metric's minimum is put to the test by these pairs."
        )
    return asked


@transaction.atomic
def question_ensure(*, study: Study) -> None:
    """Let a draft that asks nothing ask what its first grid's task asks by nature."""
    row = Study.objects.select_for_update().get(pk=study.pk)
    grid = row.grids.order_by("pk").first()
    if grid is not None and not is_frozen(row) and not row.questions.exists():
        Question.objects.create(study=row, preset=natural_question(grid))


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
    """Change fields of a study. Those of a frozen design are refused with a sentence that names them."""
    row = Study.objects.select_for_update().get(pk=study.pk)
    changed = {name: value for name, value in changes.items() if getattr(row, name) != value}
    allowed = {*DESIGN_FIELDS, "public_report"}
    if foreign := sorted(set(changed) - allowed):
        raise StudyError(f"{', '.join(foreign)} cannot be changed here.")
    if is_frozen(row) and (fixed := sorted(set(changed) & set(DESIGN_FIELDS))):
        raise StudyError(
            f"The design is frozen since the study became {row.state}: {', '.join(fixed)} cannot change. "
            "Take a pilot back to draft, or make a new study."
        )
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.full_clean(exclude=["design"])
        row.save()
        audit(study=row, by=by, action="edited", data={"fields": sorted(changed)})
    study.refresh_from_db()
    return study


@transaction.atomic
def study_delete(*, study: Study) -> None:
    """Delete a draft that nobody has taken part in. Anything else is refused with a sentence."""
    row = Study.objects.select_for_update().get(pk=study.pk)
    if people := row.participants.count():
        raise StudyError(
            f"“{row}” has {people} participant{'s' if people > 1 else ''} and their votes, which deleting would "
            "destroy. Archive the study instead."
        )
    if row.state != State.DRAFT:
        raise StudyError(f"“{row}” is {row.state}. Only a draft can be deleted; archive the study instead.")
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
    AuditEntry.objects.create(study=study, user=by, action=action, comment=comment, data=data or {})
