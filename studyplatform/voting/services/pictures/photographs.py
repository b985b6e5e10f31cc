"""The photographs of a scene: the control that pictures are compared with, and the sources a question refers to."""

from collections.abc import Iterable, Sequence

from generation.core.tasks import ParameterError
from generation.models import Artifact, Scene
from generation.services import photo_of_source, photo_render
from generation.services.artifacts import ArtifactMissing
from studyplatform.voting.models import Question, Stimulus, Study
from studyplatform.voting.selectors import task_of
from studyplatform.voting.services.pictures.picture import Picture

# The label of the control made from the scene's own photograph.
PHOTOGRAPH = "photograph"
IDENTITY = "identity"


def is_photograph(picture: Picture | Stimulus) -> bool:
    """Whether it is the scene's unprocessed photograph, in the place of a control."""
    return picture.role == Stimulus.Role.CONTROL and picture.render.condition.method == IDENTITY


def size_of(pictures: Sequence[Picture]) -> int:
    """Longest side of a scene's pictures in pixels, at which its photographs are made."""
    image = pictures[0].render.image
    return max(image.width or 0, image.height or 0) if image else 0


def add_photographs(study: Study, pictures: list[Picture], questions: Sequence[Question]) -> Iterable[str]:
    """Append the control and the reference pictures of one scene; yields problems."""
    last = max(p.position for p in pictures)
    try:
        yield from _controls(study, pictures, questions, last + 1)
        yield from _references(pictures, {q.reference: str(q) for q in questions if q.reference}, last + 2)
    except (ArtifactMissing, ParameterError) as error:
        yield f"The photograph of {pictures[0].scene} cannot be shown: {error}"


def _controls(study: Study, pictures: list[Picture], questions: Sequence[Question], position: int) -> Iterable[str]:
    scene, size = pictures[0].scene, size_of(pictures)
    have = {p.render.pk for p in pictures}
    baseline = _baseline(scene)
    controls = {p.render.condition.method for p in pictures if p.role == Stimulus.Role.CONTROL}
    if study.show_photograph and baseline not in controls:
        if scene.content is None:
            yield f"{scene} has no photograph to show as a control. Switch the photograph off, or choose other grids."
        elif baseline != IDENTITY:
            yield (
                f"The control of {scene} is made by the method “{baseline}”, which only a grid can render. Add it to "
                "the grid file as a control ([controls]) and render the grid, or switch the photograph off."
            )
        else:
            render = photo_render(scene=scene, size=size)
            if render.pk not in have:
                pictures.append(Picture(scene, render, Stimulus.Role.CONTROL, PHOTOGRAPH, position))
    asked = next((q for q in questions if q.asks_which_is_real), None)
    if asked is None or any(is_photograph(p) for p in pictures):
        return
    if scene.content is None:
        yield (
            f"The question “{asked}” shows the photograph, but {scene} has none. "
            "Remove the question, or choose grids whose scenes have one."
        )
    else:
        render = photo_render(scene=scene, size=size)
        pictures.append(Picture(scene, render, Stimulus.Role.CONTROL, PHOTOGRAPH, position))


def _references(pictures: list[Picture], references: dict[str, str], position: int) -> Iterable[str]:
    scene, size = pictures[0].scene, size_of(pictures)
    for reference, question in references.items():
        source: Artifact | None = scene.style if reference == "style" else scene.content
        if source is None:
            yield (
                f"The question “{question}” shows the {reference} picture, but {scene} has none. "
                "Remove the question, or choose grids whose scenes have one."
            )
        else:
            render = photo_of_source(artifact=source, size=size)
            pictures.append(Picture(scene, render, Stimulus.Role.REFERENCE, reference, position))


def _baseline(scene: Scene) -> str:
    """The method of the control: what the scene's task compares with; the photograph where nothing else is known."""
    task = task_of(scene.task)
    return IDENTITY if task is None else task.baseline
