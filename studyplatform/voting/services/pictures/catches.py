"""The pictures of practice and catch pairs, made of each scene's own sources."""

from collections.abc import Iterable

from generation.core.tasks import ParameterError
from generation.services import photo_render
from generation.services.artifacts import ArtifactMissing
from studyplatform.voting.models import Question, Stimulus, Study
from studyplatform.voting.services.pictures.photographs import IDENTITY, size_of
from studyplatform.voting.services.pictures.picture import Picture

# Of each question, the two pictures of a catch pair as methods: the one that answers it, and one that cannot.
# Everybody sees which is which without being told; early renders would not do, for they begin at the photograph.
CATCHES = {
    Question.Preset.NATURAL: (IDENTITY, "scrambled"),
    Question.Preset.CONTENT: (IDENTITY, "scrambled"),
    Question.Preset.REAL: (IDENTITY, "scrambled"),
    Question.Preset.COLOURS: (IDENTITY, "grey"),
    Question.Preset.STYLE: ("style", IDENTITY),
}


def catches(by_scene: dict[int, list[Picture]], questions: list[Question]) -> tuple[list[Picture], list[str]]:
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
    scene = pictures[0].scene
    render = photo_render(scene=scene, size=size_of(pictures), method=method)
    return Picture(scene, render, Stimulus.Role.CATCH, f"catch: {method}", max(p.position for p in pictures) + 3)


def known_pairs(study: Study, stimuli: Iterable[Stimulus]) -> dict[int, list[tuple[Stimulus, Stimulus]]]:
    """Question's pk -> pairs (better, worse) for practice and catch trials, among the published ``stimuli``."""
    by_label = {(s.scene_id, s.label): s for s in stimuli if s.role == Stimulus.Role.CATCH}
    scenes = sorted({scene for scene, _label in by_label})
    pairs = {}
    for question in study.questions.all():
        better, worse = (f"catch: {method}" for method in CATCHES[Question.Preset(question.preset)])
        pairs[question.pk] = [(by_label[scene, better], by_label[scene, worse]) for scene in scenes]
    return pairs
