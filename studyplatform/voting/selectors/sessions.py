"""Where a session stands, and what its participant may know of the pairs."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.core.files.storage import storages
from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from studyplatform.voting.core import screens
from studyplatform.voting.models import Session, Stimulus, Study, Trial, Vote
from studyplatform.voting.selectors.studies import takes_votes


def session_of(*, slug: str, token: str | None) -> Session | None:
    """The session of a participant's token in a study."""
    if token is None:
        return None
    sessions = Session.objects.select_related("participant", "study")
    return sessions.filter(participant__token=token, study__slug=slug).first()


def gap_of(session: Session, *, away: timedelta = timedelta(0)) -> timedelta:
    """How long ago somebody in the middle of the pairs did anything; nothing for everybody else.

    ``away``: how long ago that was by the clock of their device, whose kept answers reached the server only now.
    """
    over = session.outcome or session.withdrew_at is not None or next_trial(session) is None
    if over or session.instructed_at is None:
        return timedelta(0)
    answered = Vote.objects.filter(trial__session=session).aggregate(last=Max("submitted_at"))["last"]
    return max(away, timezone.now() - max(session.instructed_at, answered or session.instructed_at))


def has_come_back(session: Session) -> bool:
    """Whether the study has a rule for somebody who was away for as long as this session's participant."""
    study = session.study
    return study.resume != Study.Resume.RESUME and gap_of(session) >= timedelta(minutes=study.resume_after_minutes)


@dataclass(frozen=True)
class Progress:
    """How far a session is: pairs that count (``answered`` of ``total``) and practice pairs, by themselves."""

    answered: int
    total: int
    practice_answered: int
    practice_total: int

    @property
    def practising(self) -> bool:
        """Whether practice pairs come next."""
        return self.practice_answered < self.practice_total


def progress_of(session: Session) -> Progress:
    """Pairs with a stored vote, of those in the plan; a pair that was taken back or skipped counts once."""
    practice, done = Q(kind=Trial.Kind.PRACTICE), Q(votes__isnull=False)
    counts = session.trials.standing().aggregate(
        answered=Count("pk", filter=done & ~practice),
        total=Count("pk", filter=~practice),
        practice_answered=Count("pk", filter=done & practice),
        practice_total=Count("pk", filter=practice),
    )
    return Progress(**counts)


def next_trial(session: Session) -> Trial | None:
    """The first pair without a vote."""
    trials = Trial.objects.filter(session=session, votes=None).select_related("left", "right", "question", "study")
    return trials.in_turn().first()


def step_of(session: Session) -> str:
    """Where a session stands: ``withdrawn``, ``ended`` (by its outcome), ``consent``, ``checks``, ``instructions``,
    ``trial``, ``debrief`` or ``thanks``."""
    if session.withdrew_at is not None:
        return "withdrawn"
    if session.outcome not in ("", Session.Outcome.COMPLETE):
        return "ended"
    if session.consented_at is None:
        return "consent"
    if session.admitted_at is None:
        return "checks"
    if session.finished_at is not None or next_trial(session) is None:
        return "debrief" if session.study.ask_debrief and session.debriefed_at is None else "thanks"
    return "instructions" if session.instructed_at is None else "trial"


def saw_too_little(session: Session) -> bool:
    """Whether every pair is answered, and more than half of those that count by saying that a picture did not load."""
    if next_trial(session) is not None:
        return False
    main = session.trials.standing().filter(kind__in=(Trial.Kind.MAIN, Trial.Kind.REAL_FAKE))
    return main.filter(votes__choice=Vote.Choice.SKIP).count() * 2 > main.count()


def pilot_is_over(session: Session) -> bool:
    """Whether the pilot in which this session began went back to draft, which ended it."""
    back = f"{Study.State.PILOT} → {Study.State.DRAFT}"
    return session.study.audit.filter(action=back, at__gte=session.started_at).exists()


def checks_wanted(study: Study) -> list[str]:
    """The screen checks of a study, in their order: ``window``, ``brightness``, ``colour``."""
    return [name for name in ("window", "brightness", "colour") if getattr(study, f"check_{name}")]


#: As many sets of pictures there are for the screen checks. A colour plate takes a third of a second to draw, so each
#: process draws a set once; they are of no use to somebody who knows another's.
CHECK_SETS = 40


def check_seed(session: Session) -> str:
    """What the pictures of this session's present try are drawn from; nobody outside can guess it.

    One of :data:`CHECK_SETS`, and the next try another one.
    """
    first = int(salted_hmac("eyeballot.checks", session.participant.token).hexdigest(), 16)
    number = (first + session.checks.get("attempts", 0)) % CHECK_SETS
    return salted_hmac("eyeballot.check-sets", str(number)).hexdigest()


@lru_cache(maxsize=CHECK_SETS * (1 + screens.PLATES))
def check_drawn(seed: str, name: str) -> tuple[bytes, str]:
    """The PNG of a screen check, ``shapes`` or ``plate`` and its number, and the right answer."""
    if name == "shapes":
        picture, count = screens.brightness_shapes(seed)
        return picture, str(count)
    return screens.colour_plate(seed, int(name.removeprefix("plate")))


def screen_found(
    session: Session, *, shapes: int | None, plates: tuple[str, ...], px_per_mm: float | None
) -> dict[str, Any]:
    """The answers to the screen checks held against the pictures; ``passed`` where none of those asked for failed.

    A count that is off by one passes: the faintest shape is at the edge of what a good screen shows.
    """
    wanted, seed = checks_wanted(session.study), check_seed(session)
    found: dict[str, Any] = {"attempts": session.checks.get("attempts", 0) + 1, "passed": True}
    if "window" in wanted and px_per_mm is not None:
        found["px_per_mm"] = round(px_per_mm, 3)
    if "brightness" in wanted:
        there = int(check_drawn(seed, "shapes")[1])
        found |= {"shapes": shapes, "shapes_there": there}
        found["passed"] &= shapes is not None and abs(shapes - there) <= 1
    if "colour" in wanted:
        right = [screens.plate_number(seed, number) for number in range(screens.PLATES)]
        found["plates_right"] = sum(a.strip() == b for a, b in zip(plates, right, strict=False))
        found["plates"] = screens.PLATES
        found["passed"] &= found["plates_right"] == screens.PLATES
    return found


def plan_of(session: Session, *, start: int = 0, count: int | None = None) -> list[dict[str, Any]]:
    """Pairs of the session in the order of answering, as a participant may know them: addresses and sizes, whether it
    is practice; no condition, and nothing that tells a catch pair or a repeat.

    ``start`` and ``count`` cut a window out of that order.
    """
    trials = session.trials.standing().select_related("left", "right", "question")
    done = set(Vote.objects.filter(trial__session=session).values_list("trial", flat=True))
    window = trials.in_turn()[start : None if count is None else start + count]
    references = _references(session.study)
    return [pair_shown(session.study, trial, references, answered=trial.pk in done) for trial in window]


def trial_to_undo(session: Session) -> Trial | None:
    """The trial whose answer may be taken back: the last one, once, before the session is complete.

    Not practice, which is over with its feedback, and not a pair whose picture did not load, which is asked again.
    """
    study = session.study
    if not study.allow_undo or session.outcome or session.withdrew_at is not None or not takes_votes(study):
        return None
    votes = Vote.objects.filter(trial__session=session).select_related("trial")
    newest = votes.order_by("-submitted_at", "-trial__turn").first()
    if newest is None or newest.choice == Vote.Choice.SKIP or newest.trial.kind == Trial.Kind.PRACTICE:
        return None
    return newest.trial if newest.trial.supersedes_id is None else None


def pair_of(trial: Trial) -> dict[str, Any]:
    """One pair as a participant may know it."""
    return pair_shown(trial.study, trial, _references(trial.study), answered=False)


def pair_shown(
    study: Study, trial: Trial, references: dict[tuple[int, str], Stimulus], *, answered: bool
) -> dict[str, Any]:
    """The JSON form of a pair; the reference is the scene's own picture, if the question shows one."""
    reference = references.get((trial.scene_id, trial.question.reference))
    return {
        "id": trial.pk,
        "position": trial.position,
        "question": gettext(trial.question.text),
        "left": picture_shown(study, trial.left),
        "right": picture_shown(study, trial.right),
        "reference": picture_shown(study, reference) if reference else None,
        "answered": answered,
        "practice": trial.kind == Trial.Kind.PRACTICE,
    }


def picture_shown(study: Study, stimulus: Stimulus) -> dict[str, Any]:
    """Address and size of a picture, and nothing else about it."""
    src = storages["stimuli"].url(f"{study.token}/{stimulus.public_name}.png")
    return {"src": src, "width": stimulus.width, "height": stimulus.height}


def _references(study: Study) -> dict[tuple[int, str], Stimulus]:
    shown = study.stimuli.filter(role=Stimulus.Role.REFERENCE)
    return {(stimulus.scene_id, stimulus.label): stimulus for stimulus in shown}
