"""A study as the planner sees it: which pictures would be compared, and how sessions would be laid. Reads no vote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.core.sessions import UNCOUNTED, Design, pairs_counted
from evaluation.services import EvaluationError
from generation.models import Condition, GridCondition, Scene
from studyplatform.voting.models import Question, Stimulus, Study
from studyplatform.voting.selectors import cells_shown, natural_question, task_of
from studyplatform.voting.services import StudyError
from studyplatform.voting.services.pictures import check_offer
from studyplatform.voting.services.pictures.photographs import IDENTITY

GRID, CONTROL = Stimulus.Role.GRID, Stimulus.Role.CONTROL


@dataclass(frozen=True)
class Shown:
    """A picture that is compared: pks of its scene and its condition (0: of a photograph that opening adds), its place
    in the design, and whether it is the unprocessed photograph."""

    scene: int
    condition: int
    replicate: int
    role: str
    position: int
    label: str
    photograph: bool

    @property
    def scene_id(self) -> int:
        """As on a picture that is there."""
        return self.scene


def design_of(study: Study) -> Design:
    """What opening ``study`` would lay, or has laid: of the frozen design where there is one, else of its grids.

    Raises :class:`EvaluationError` with a sentence.
    """
    if not study.grids.exists():
        raise EvaluationError(f"“{study}” has no grid yet: choose at least one in the admin, then plan.")
    questions = _questions(study)
    asks_real = tuple(question.asks_which_is_real for question in questions)
    if all(asks_real):
        raise EvaluationError(
            f"“{study}” asks only which picture is the real photograph, and the plan is for questions that compare "
            "pictures of the grid. Add such a question, or plan by the share you expect to be called real."
        )
    shown = _published(study) if study.design is not None else _of_cells(study, any(asks_real))
    # A scene of controls alone has nothing to compare.
    made = {picture.scene for picture in shown if picture.role == GRID}
    shown = [picture for picture in shown if picture.scene in made]
    if not shown:
        raise EvaluationError(
            f"The grids of “{study}” have no pictures for it yet: launch them, or leave out less of them."
        )
    if study.design is None:
        try:
            check_offer(study, questions, shown)
        except StudyError as error:
            raise EvaluationError(str(error)) from error
    # Places in the order in which opening deals them (services.blocks): plans of the same seed are then the same.
    shown.sort(key=lambda s: (s.scene, s.replicate, s.role, s.position, s.label))
    number = _numbers(study, shown)
    scenes = {pk: n for n, pk in enumerate(sorted({s.scene for s in shown}))}
    pictures = [(scenes[s.scene], number.get(s.condition, UNCOUNTED) if s.role == GRID else UNCOUNTED) for s in shown]
    design = Design(
        pictures=tuple(pictures),
        groups=_groups(shown, controls=study.show_photograph),
        trials=study.trials_per_session,
        photographed=_photographed(shown) if any(asks_real) else (),
        real=asks_real,
        strategy=study.strategy,
        practice=study.practice_trials,
        catches=study.catch_trials,
        repeats=study.repeat_trials,
        seed=study.seed,
        ties=study.allow_ties,
        alpha=study.alpha,
        levels=_levels(number),
    )
    return _laid(study, design)


def _laid(study: Study, design: Design) -> Design:
    """The design, once it is known that plans can be laid and have pairs that count."""
    try:
        counted = pairs_counted(design)
    except ValueError as error:
        raise EvaluationError(f"No plan can be laid for “{study}”: {error}") from error
    if not counted:
        raise EvaluationError(f"No session of “{study}” would hold a pair of two conditions that all scenes share.")
    return design


def _questions(study: Study) -> list[Question]:
    """The questions; one is added where a study has none."""
    questions = list(study.questions.all())
    first = study.grids.order_by("pk").first()
    if not questions and first is not None:
        questions = [Question(preset=natural_question(first))]
    return questions


def _published(study: Study) -> list[Shown]:
    rows = study.stimuli.filter(role__in=[GRID, CONTROL]).select_related("render__condition")
    return [
        Shown(
            scene=s.scene_id,
            condition=s.render.condition_id,
            replicate=s.replicate,
            role=s.role,
            position=s.position,
            label=s.label,
            photograph=s.role == CONTROL and s.render.condition.method == IDENTITY,
        )
        for s in rows
    ]


def _of_cells(study: Study, asks_real: bool) -> list[Shown]:
    """What opening would show, of cells that may not be rendered yet (services.pictures.chosen)."""
    labels = {
        (row.grid_id, row.condition_id): (row.position, row.label)
        for row in GridCondition.objects.filter(grid__studies=study)
    }
    found: dict[tuple[int, int], Shown] = {}
    for cell in cells_shown(study).select_related("condition"):
        control = cell.condition.role == Condition.Role.CONTROL
        photograph = control and cell.condition.method == IDENTITY
        if control and not (study.show_photograph or (asks_real and photograph)):
            continue
        position, label = labels[cell.grid_id, cell.condition_id]
        picture = Shown(
            scene=cell.scene_id,
            condition=cell.condition_id,
            replicate=cell.replicate,
            role=CONTROL if control else GRID,
            position=position,
            label=label,
            photograph=photograph,
        )
        found.setdefault((cell.scene_id, cell.render_id), picture)
    return [*found.values(), *_photographs(study, list(found.values()), asks_real)]


def _photographs(study: Study, shown: Sequence[Shown], asks_real: bool) -> Iterable[Shown]:
    """The photographs that opening adds, which no grid has rendered (services.pictures.photographs)."""
    tasks = dict(Scene.objects.filter(pk__in={s.scene for s in shown}).values_list("pk", "task"))
    for scene, task in tasks.items():
        own = [s for s in shown if s.scene == scene]
        known = task_of(task)
        baseline = IDENTITY if known is None else known.baseline
        wanted = asks_real or (study.show_photograph and baseline == IDENTITY)
        if wanted and not any(s.photograph for s in own):
            place = max(s.position for s in own) + 1
            yield Shown(scene, 0, 0, CONTROL, place, "photograph", photograph=True)


def _numbers(study: Study, shown: Sequence[Shown]) -> dict[int, int]:
    """Pk of each condition that all scenes share -> its number, in grid order."""
    conditions: dict[int, set[int]] = defaultdict(set)
    for picture in shown:
        if picture.role == GRID:
            conditions[picture.scene].add(picture.condition)
    shared = set.intersection(*conditions.values()) if conditions else set()
    if len(shared) < 2:
        raise EvaluationError(
            f"The scenes of “{study}” share {len(shared)} condition{'' if len(shared) == 1 else 's'}, and the primary "
            "test compares two or more over all scenes. Choose grids that give every scene the same conditions."
        )
    first = {pk: min((s.position, s.label) for s in shown if s.condition == pk) for pk in shared}
    return {pk: n for n, pk in enumerate(sorted(shared, key=lambda pk: (first[pk], pk)))}


def _groups(shown: Sequence[Shown], *, controls: bool) -> tuple[tuple[int, ...], ...]:
    """Places compared with one another: of one scene and replicate, and the scene's controls with each."""
    own: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, picture in enumerate(shown):
        if picture.role == GRID:
            own[picture.scene, picture.replicate].append(place)
    beside = [(place, s.scene) for place, s in enumerate(shown) if s.role == CONTROL and controls]
    groups = [(*members, *(c for c, of in beside if of == scene)) for (scene, _), members in sorted(own.items())]
    return tuple(members for members in groups if len(members) > 1)


def _photographed(shown: Sequence[Shown]) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Of each scene the place of its photograph, and of its pictures of the grid."""
    made: dict[int, list[int]] = defaultdict(list)
    for place, picture in enumerate(shown):
        if picture.role == GRID:
            made[picture.scene].append(place)
    photographs = {s.scene: place for place, s in enumerate(shown) if s.photograph}
    return tuple((photographs[scene], tuple(places)) for scene, places in sorted(made.items()))


def _levels(conditions: Iterable[int]) -> int:
    """The most values that one numeric parameter has among the conditions."""
    values: dict[str, set[float]] = defaultdict(set)
    for params in Condition.objects.filter(pk__in=list(conditions)).values_list("params", flat=True):
        for name, value in _numeric(params):
            values[name].add(value)
    return max((len(found) for found in values.values()), default=0)


def _numeric(params: dict[str, Any]) -> list[tuple[str, float]]:
    return [(n, v) for n, v in params.items() if isinstance(v, int | float) and not isinstance(v, bool)]
