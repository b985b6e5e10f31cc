"""Which pictures a study shows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from generation.models import Condition, Render
from studyplatform.voting.models import Question, Stimulus, Study
from studyplatform.voting.selectors import cells_shown
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.pictures.catches import catches
from studyplatform.voting.services.pictures.offers import check_offer
from studyplatform.voting.services.pictures.photographs import IDENTITY, add_photographs
from studyplatform.voting.services.pictures.picture import Picture


def pictures_of(study: Study) -> list[Picture]:
    """Everything the study would show, in the order of its grids. Renders the photographs it needs.

    Raises :class:`StudyError` with one sentence per problem.
    """
    problems: list[str] = []
    grids = list(study.grids.order_by("pk"))
    questions = list(study.questions.all())
    if not questions:
        problems.append("The study asks nothing yet. Add a question.")
    if not grids:
        problems.append("The study has no pictures yet. Choose at least one rendered grid.")
    asks_which_is_real = any(question.asks_which_is_real for question in questions)
    shown: dict[tuple[int, int], Picture] = {}
    for grid in grids:
        if not grid.frozen:
            problems.append(f"The grid “{grid}” is a draft, so it has no pictures. Launch it and let it render first.")
            continue
        labels = {c.condition_id: c for c in grid.conditions.all()}
        cells = cells_shown(study).filter(grid=grid)
        cells = cells.select_related("scene", "render__image", "render__condition", "condition")
        waiting = []
        for cell in cells:
            name = f"{labels[cell.condition_id].label} of {cell.scene}"
            if cell.render.image_id is None and cell.render.status == Render.Status.PLANNED:
                waiting.append(name)
                continue
            problem = _unusable(cell.render, f"{name} in the grid “{grid}”")
            if problem:
                problems.append(problem)
                continue
            control = cell.condition.role == Condition.Role.CONTROL
            # The photograph that the grid itself rendered is the one to stand beside its pictures.
            wanted = study.show_photograph or (asks_which_is_real and cell.condition.method == IDENTITY)
            if control and not wanted:
                continue
            picture = Picture(
                scene=cell.scene,
                render=cell.render,
                role=Stimulus.Role.CONTROL if control else Stimulus.Role.GRID,
                label=labels[cell.condition_id].label,
                position=labels[cell.condition_id].position,
                replicate=cell.replicate,
            )
            shown.setdefault((cell.scene_id, cell.render_id), picture)
        if waiting:
            problems.append(
                f"Of {len(cells)} pictures of the grid “{grid}” {len(waiting)} wait to be rendered, first {waiting[0]}."
                " Give them time: the grid's page says how far they are and whether anybody works."
            )
    if grids and not shown and not problems:
        problems.append("Every picture of the chosen grids is left out. Leave out fewer scenes or conditions.")
    if problems:
        raise StudyError(*problems)
    by_scene: dict[int, list[Picture]] = defaultdict(list)
    for picture in shown.values():
        by_scene[picture.scene.pk].append(picture)
    for pictures in by_scene.values():
        problems += add_photographs(study, pictures, questions)
        problems += _check_scene(study, pictures, questions)
    shown_all = [picture for pictures in by_scene.values() for picture in pictures]
    if not problems and (study.practice_trials or study.catch_trials):
        known, problems = catches(by_scene, questions)
        shown_all += known
    if problems:
        raise StudyError(*problems)
    check_offer(study, questions, shown_all)
    return shown_all


def _unusable(render: Render, name: str) -> str:
    if render.image_id is None or render.status == Render.Status.FAILED:
        return (
            f"{name} has no picture: {render.reason or 'rendering failed'} "
            "Press “Retry failed” on the grid's page, or leave the condition out of the study."
        )
    return ""


def _check_scene(study: Study, pictures: list[Picture], questions: Sequence[Question]) -> Iterable[str]:
    scene = pictures[0].scene
    compared = [p for p in pictures if p.role != Stimulus.Role.REFERENCE]
    among = {p.label for p in compared if study.show_photograph or p.role == Stimulus.Role.GRID}
    if len(among) < 2 and not all(question.asks_which_is_real for question in questions):
        yield f"{scene} has a single condition, and a pair needs two. Choose a grid with two conditions or more."
    sizes = {(p.render.image.width, p.render.image.height) for p in compared if p.render.image}
    if len(sizes) > 1:
        words = ", ".join(f"{w} × {h}" for w, h in sorted(sizes, key=str))
        yield f"The pictures of {scene} differ in size ({words}), which people would see. Render them at one size."
