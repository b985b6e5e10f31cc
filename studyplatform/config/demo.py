"""What `make demo` shows: a rendered showcase, a scene rendered live, two rehearsals with a planted truth, a verdict.

Everything is idempotent: what is there already is left as it is.
"""

import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from evaluation.models import Analysis
from evaluation.services import analysis_run
from generation.models import Grid
from generation.services.packs import pack_read
from studyplatform.voting.core.observers import Observers
from studyplatform.voting.models import Participant, Question, Study
from studyplatform.voting.services import study_transition
from studyplatform.voting.simulation import simulate_study

FIXTURES = settings.BASE_DIR / "fixtures"
SHOWCASE = FIXTURES / "showcase"
COLOURS = FIXTURES / "colour-tiny"
LIVE_GRID = FIXTURES / "demo" / "live.toml"
RESEARCHER = "researcher"
PARTICIPANTS = 30
#: Distance in logits between neighbouring ranks of the planted tastes: a clear preference, not a certain one.
STEP = 0.6


@dataclass(frozen=True)
class Rehearsal:
    """A simulated study with a planted, stated truth."""

    slug: str
    title: str
    follows_loss: bool


REHEARSALS = (
    Rehearsal("rehearsal-taste-follows-the-loss", "Rehearsal: simulated taste follows the loss", True),
    Rehearsal("rehearsal-taste-departs-from-the-loss", "Rehearsal: simulated taste departs from the loss", False),
)


def password_file() -> Path:
    """Where the password made at the first run is kept, readable by its owner only."""
    return Path(settings.VAR) / "researcher-password"


def researcher() -> tuple[User, str]:
    """The researcher's account and the password made at the first run (empty when it was changed since)."""
    user = User.objects.filter(username=RESEARCHER).first()
    path = password_file()
    if user is None or not user.has_usable_password():
        password = secrets.token_urlsafe(9)
        user = user or User(username=RESEARCHER)
        user.is_staff = user.is_superuser = True
        user.set_password(password)
        user.save()
        path.touch(mode=0o600)
        path.write_text(password + "\n")
    password = path.read_text().strip() if path.exists() else ""
    return user, password if user.check_password(password) else ""


def showcase(owner: User) -> Grid:
    """The grid that was rendered beforehand by our own `render`, read from its pack."""
    return pack_read(owner=owner, folder=SHOWCASE)


def colours(owner: User) -> Grid:
    """Photographs coloured by networks that were trained beforehand by our own `render`, read from their pack."""
    return pack_read(owner=owner, folder=COLOURS)


def study_for_people(owner: User, grid: Grid) -> Study:
    """An open study on a grid in which the visitor can vote."""
    loss = grid.metrics.get(is_primary=True).metric.label
    hypothesis = f"The condition with the minimum of “{loss}” is not the one that looks most natural."
    return _study(owner, grid, slug=grid.slug, title=grid.title, hypothesis=hypothesis)


def rehearsal_study(owner: User, grid: Grid, rehearsal: Rehearsal) -> Study:
    """A simulated study, open for simulated participants."""
    return _study(
        owner,
        grid,
        slug=rehearsal.slug,
        title=rehearsal.title,
        simulated=True,
        public_report=True,
        sessions_planned=PARTICIPANTS,
        hypothesis="Simulated: the analysis recovers the planted favourite.",
    )


def _study(owner: User, grid: Grid, *, slug: str, title: str, **fields: object) -> Study:
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        study = Study.objects.create(owner=owner, slug=slug, title=title, trials_per_session=30, **fields)
        study.grids.add(grid)
        Question.objects.create(study=study, preset=Question.Preset.NATURAL)
    if study.state == Study.State.DRAFT:
        study = study_transition(study=study, to=Study.State.OPEN, by=owner, comment="opened by the demo")
    return study


def losses(grid: Grid) -> dict[str, dict[str, float]]:
    """Scene digest -> condition label -> value of the grid's primary metric, for conditions of role grid."""
    primary = grid.metrics.get(is_primary=True).metric
    labels = dict(grid.conditions.filter(condition__role="grid").values_list("condition_id", "label"))
    table: dict[str, dict[str, float]] = {}
    for cell in grid.cells.filter(condition__in=labels).select_related("scene"):
        score = cell.render.scores.get(metric=primary)
        if score.value is not None:
            table.setdefault(cell.scene.digest, {})[labels[cell.condition_id]] = score.value
    return table


def planted_tastes(grid: Grid, *, follows_loss: bool) -> tuple[dict[Hashable, float], str]:
    """Utilities in logits by (scene digest, condition label), and the condition that is everybody's favourite.

    Where taste follows the loss, the utility falls by STEP with each rank of the mean loss; where it departs, the
    favourite is the condition of the second highest mean loss and the utility falls with the distance from it along
    the grid.
    """
    table = losses(grid)
    labels = list(next(iter(table.values())))
    by_loss = sorted(labels, key=lambda label: sum(_rank(scene, label) for scene in table.values()))
    if follows_loss:
        favourite = by_loss[0]
        utility = {label: -STEP * rank for rank, label in enumerate(by_loss)}
    else:
        favourite = by_loss[-2]
        utility = {label: -STEP * abs(labels.index(label) - labels.index(favourite)) for label in labels}
    return {(scene, label): utility[label] for scene in table for label in labels}, favourite


def _rank(scene: dict[str, float], label: str) -> int:
    return sorted(scene.values()).index(scene[label])


def rehearse(
    *, owner: User, grid: Grid, rehearsal: Rehearsal, base_url: str, progress: Callable[[int, int], None]
) -> Analysis:
    """Let simulated observers vote over HTTP, close the study, analyse it; done already, return its analysis."""
    study = rehearsal_study(owner, grid, rehearsal)
    utilities, favourite = planted_tastes(grid, follows_loss=rehearsal.follows_loss)
    if study.state == Study.State.OPEN:
        missing = PARTICIPANTS - Participant.objects.filter(study=study, session__finished_at__isnull=False).count()
        if missing > 0:
            simulate_study(
                study=study,
                base_url=base_url,
                observers=Observers(utilities=utilities, taste_sd=0.3, lapse=0.03, seed=study.seed),
                participants=missing,
                progress=progress,
            )
        study = study_transition(study=study, to=Study.State.CLOSED, by=owner, comment="closed by the demo")
    existing = Analysis.objects.filter(study=study).first()
    if existing is not None:
        return existing
    planted = {"favourite": favourite, "agrees_with_loss": rehearsal.follows_loss}
    return analysis_run(study=study, planted=planted)[0]
