"""Which pictures a study shows, and their publication: pixels only, under names that tell nothing."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import comb

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from generation.core import images
from generation.core.tasks import ParameterError
from generation.models import Artifact, Condition, Render, Scene
from generation.services import artifact_bytes, photo_of_source, photo_render
from generation.services.artifacts import ArtifactMissing
from studyplatform.voting.models import Question, Stimulus, Study, random_token
from studyplatform.voting.selectors import task_of
from studyplatform.voting.services.errors import StudyError

# The label of the control made from the scene's own photograph.
PHOTOGRAPH = "photograph"
IDENTITY = "identity"
# Of each question, the two pictures of a catch pair as methods: the one that answers it, and one that cannot.
# Everybody sees which is which without being told; early renders would not do, for they begin at the photograph.
CATCHES = {
    Question.Preset.NATURAL: (IDENTITY, "scrambled"),
    Question.Preset.CONTENT: (IDENTITY, "scrambled"),
    Question.Preset.REAL: (IDENTITY, "scrambled"),
    Question.Preset.COLOURS: (IDENTITY, "grey"),
    Question.Preset.STYLE: ("style", IDENTITY),
}
#: Nobody can be asked more in one sitting.
MOST_PAIRS = 500


@dataclass(frozen=True)
class Picture:
    """A render in the place it will have in the study."""

    scene: Scene
    render: Render
    role: str
    label: str
    position: int
    replicate: int = 0

    @property
    def key(self) -> tuple[int, int, str]:
        """What makes it one stimulus of the study."""
        return (self.scene.pk, self.render.pk, self.role)


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
    shown: dict[tuple[int, int], Picture] = {}
    for grid in grids:
        labels = {c.condition_id: c for c in grid.conditions.all()}
        cells = grid.cells.select_related("scene", "render__image", "render__condition", "condition")
        for cell in cells:
            problem = _unusable(cell.render, f"{labels[cell.condition_id].label} of {cell.scene} in the grid “{grid}”")
            if problem:
                problems.append(problem)
                continue
            control = cell.condition.role == Condition.Role.CONTROL
            if control and not study.show_photograph:
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
    if problems:
        raise StudyError(*problems)
    by_scene: dict[int, list[Picture]] = defaultdict(list)
    for picture in shown.values():
        by_scene[picture.scene.pk].append(picture)
    if not study.show_photograph and (real := [q for q in questions if q.preset == Question.Preset.REAL]):
        problems.append(
            f"The study asks “{real[0]}”, but shows no photograph. Tick “Show photograph”, or remove the question."
        )
    for pictures in by_scene.values():
        problems += _add_photographs(study, pictures, {q.reference: str(q) for q in questions if q.reference})
        problems += _check_scene(pictures)
    shown_all = [picture for pictures in by_scene.values() for picture in pictures]
    if not problems and (study.practice_trials or study.catch_trials):
        catches, problems = _catches(by_scene, questions)
        shown_all += catches
    if problems:
        raise StudyError(*problems)
    if study.strategy == Study.Strategy.ALL_PAIRS:
        if (every := pairs_offered(shown_all) * len(questions)) > MOST_PAIRS:
            raise StudyError(
                f"All pairs of these pictures are {every}, and one person can be asked {MOST_PAIRS} at most. "
                "Choose the strategy “balanced”, or fewer pictures."
            )
        return shown_all
    if study.trials_per_session > (most := pairs_offered(shown_all) * len(questions)):
        raise StudyError(_too_many(study.trials_per_session, pairs_offered(shown_all), len(questions), most))
    return shown_all


def pairs_offered(pictures: Iterable[Picture]) -> int:
    """How many different pairs each question can be asked about: those of the same scene and replicate."""
    own: Counter[tuple[int, int]] = Counter()
    controls: Counter[int] = Counter()
    for picture in pictures:
        if picture.role == Stimulus.Role.CONTROL:
            controls[picture.scene.pk] += 1
        elif picture.role == Stimulus.Role.GRID:
            own[picture.scene.pk, picture.replicate] += 1
    # A control meets every replicate; two controls of a scene meet in each of them, which is one pair all the same.
    met = {(scene, replicate): comb(n + controls[scene], 2) for (scene, replicate), n in own.items()}
    twice = Counter(scene for scene, _replicate in own)
    return sum(met.values()) - sum((n - 1) * comb(controls[scene], 2) for scene, n in twice.items())


def _too_many(trials: int, pairs: int, questions: int, most: int) -> str:
    different = "1 pair" if pairs == 1 else f"{pairs} different pairs"
    asked = "" if questions == 1 else f", so {most} with its {questions} questions"
    return (
        f"One person would be shown {trials} pairs, but the pictures offer {different} per question{asked}. "
        f"Set “trials per session” to {most} or less, or choose grids with more pictures."
    )


def _unusable(render: Render, name: str) -> str:
    if render.image_id is None and render.status == Render.Status.PLANNED:
        return f"{name} is not rendered yet. Run the grid (manage.py render --worker) and open the study again."
    if render.image_id is None or render.status == Render.Status.FAILED:
        return (
            f"{name} has no picture: {render.reason or 'rendering failed'} "
            "Run “manage.py render GRID.toml --retry” with the grid's file, or leave that condition out of the grid."
        )
    return ""


def _add_photographs(study: Study, pictures: list[Picture], references: dict[str, str]) -> Iterable[str]:
    """Append the control and the reference pictures of one scene; yields problems."""
    try:
        yield from _photographs(study, pictures, references)
    except (ArtifactMissing, ParameterError) as error:
        yield f"The photograph of {pictures[0].scene} cannot be shown: {error}"


def _photographs(study: Study, pictures: list[Picture], references: dict[str, str]) -> Iterable[str]:
    scene = pictures[0].scene
    image = pictures[0].render.image
    size = max(image.width or 0, image.height or 0) if image else 0
    last = max(p.position for p in pictures)
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
                pictures.append(Picture(scene, render, Stimulus.Role.CONTROL, PHOTOGRAPH, last + 1))
    for reference, question in references.items():
        source: Artifact | None = scene.style if reference == "style" else scene.content
        if source is None:
            yield (
                f"The question “{question}” shows the {reference} picture, but {scene} has none. "
                "Remove the question, or choose grids whose scenes have one."
            )
        else:
            render = photo_of_source(artifact=source, size=size)
            pictures.append(Picture(scene, render, Stimulus.Role.REFERENCE, reference, last + 2))


def _catches(by_scene: dict[int, list[Picture]], questions: list[Question]) -> tuple[list[Picture], list[str]]:
    """The pictures of practice and catch pairs of all scenes that can have them; problems where a question has none."""
    made: dict[tuple[int, str], Picture] = {}
    problems: list[str] = []
    for question in questions:
        methods, why, found = CATCHES[Question.Preset(question.preset)], "", False
        for pk, pictures in by_scene.items():
            try:
                for method in methods:
                    if (pk, method) not in made:
                        made[pk, method] = _catch(pictures, method)
                found = True
            except (ArtifactMissing, ParameterError) as error:
                why = str(error)
        if not found:
            problems.append(
                f"No pair with a known answer can be made for “{question}”: {why} "
                "Set practice and catch trials to 0, or choose grids whose scenes have their sources."
            )
    # A scene for which one of the two could not be made has no use for the other.
    needed = {method for question in questions for method in CATCHES[Question.Preset(question.preset)]}
    whole = {pk for pk in by_scene if all((pk, method) in made for method in needed)}
    return [picture for (pk, _method), picture in made.items() if pk in whole], problems


def _catch(pictures: list[Picture], method: str) -> Picture:
    first = pictures[0]
    image = first.render.image
    size = max(image.width or 0, image.height or 0) if image else 0
    render = photo_render(scene=first.scene, size=size, method=method)
    return Picture(first.scene, render, Stimulus.Role.CATCH, f"catch: {method}", max(p.position for p in pictures) + 3)


def known_pairs(study: Study, stimuli: Iterable[Stimulus]) -> dict[int, list[tuple[Stimulus, Stimulus]]]:
    """Question's pk -> pairs (better, worse) for practice and catch trials, among the published ``stimuli``."""
    by_label = {(s.scene_id, s.label): s for s in stimuli if s.role == Stimulus.Role.CATCH}
    scenes = sorted({scene for scene, _label in by_label})
    pairs = {}
    for question in study.questions.all():
        better, worse = (f"catch: {method}" for method in CATCHES[Question.Preset(question.preset)])
        pairs[question.pk] = [(by_label[scene, better], by_label[scene, worse]) for scene in scenes]
    return pairs


def _baseline(scene: Scene) -> str:
    """The method of the control: what the scene's task compares with; the photograph where nothing else is known."""
    task = task_of(scene.task)
    return IDENTITY if task is None else task.baseline


def _check_scene(pictures: list[Picture]) -> Iterable[str]:
    scene = pictures[0].scene
    compared = [p for p in pictures if p.role != Stimulus.Role.REFERENCE]
    if len({p.label for p in compared}) < 2:
        yield f"{scene} has a single condition, and a pair needs two. Choose a grid with two conditions or more."
    sizes = {(p.render.image.width, p.render.image.height) for p in compared if p.render.image}
    if len(sizes) > 1:
        words = ", ".join(f"{w} × {h}" for w, h in sorted(sizes, key=str))
        yield f"The pictures of {scene} differ in size ({words}), which people would see. Render them at one size."


def pictures_publish(*, study: Study, pictures: list[Picture]) -> dict[tuple[int, int, str], Stimulus]:
    """Write the files of the pictures that have none yet; returns all stimuli by key, the new ones not saved.

    Files are written in one shuffled order and the new rows come in that order too, so neither names nor ids nor dates
    tell what a picture is. A file without a row (a transaction that failed later) harms nobody: its name is unknown.
    """
    storage = storages["stimuli"]
    stimuli = {(s.scene_id, s.render_id, str(s.role)): s for s in study.stimuli.all()}
    new = [picture for picture in pictures if picture.key not in stimuli]
    random.SystemRandom().shuffle(new)
    for picture in new:
        pixels = images.decode(artifact_bytes(picture.render.image_id or ""), str(picture.render))
        stimulus = Stimulus(
            study=study,
            render=picture.render,
            role=picture.role,
            scene=picture.scene,
            replicate=picture.replicate,
            label=picture.label,
            position=picture.position,
            public_name=random_token(),
            height=pixels.shape[0],
            width=pixels.shape[1],
        )
        storage.save(stimulus.path, ContentFile(images.encode_png(pixels)))
        stimuli[picture.key] = stimulus
    return stimuli
