"""The pictures of practice and catch pairs, made of each scene's own sources."""

from collections.abc import Iterable
from typing import TypeVar

from generation.core.photo import methods_of_sources
from generation.core.tasks import ParameterError
from generation.models import Render
from generation.services import photo_render
from generation.services.artifacts import ArtifactMissing, photos_made
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
    Question.Preset.MARKING: ("true_marking", IDENTITY),
}

Shown = TypeVar("Shown", Picture, Stimulus)


def catches(by_scene: dict[int, list[Picture]], questions: list[Question]) -> tuple[list[Picture], list[str]]:
    """The pictures of practice and catch pairs of all scenes that can have them; problems where a question has none."""
    needed = list(dict.fromkeys(method for q in questions for method in CATCHES[Question.Preset(q.preset)]))
    wanted = [(ps[0].scene, size_of(ps), method) for ps in by_scene.values() for method in needed]
    made = {key: _catch(by_scene[key[0]], render, key[1]) for key, render in photos_made(wanted).items()}
    problems: list[str] = []
    for question in questions:
        methods, why, found = CATCHES[Question.Preset(question.preset)], "", False
        for pk, pictures in by_scene.items():
            try:
                for method in methods:
                    if (pk, method) not in made:
                        render = photo_render(scene=pictures[0].scene, size=size_of(pictures), method=method)
                        made[pk, method] = _catch(pictures, render, method)
                found = True
            except (ArtifactMissing, ParameterError) as error:
                why = str(error)
        if not found:
            problems.append(
                f"No pair with a known answer can be made for “{question}”: {why} "
                "Set practice and catch trials to 0, or choose grids whose scenes have their sources."
            )
    # A scene for which one of the two could not be made has no use for the other.
    whole = [pk for pk in by_scene if all((pk, method) in made for method in needed)]
    return [made[pk, method] for pk in whole for method in needed], problems


def _catch(pictures: list[Picture], render: Render, method: str) -> Picture:
    scene = pictures[0].scene
    return Picture(scene, render, Stimulus.Role.CATCH, f"catch: {method}", max(p.position for p in pictures) + 3)


def known_words(question: Question) -> str:
    """What the pairs with a known answer are for a question: “The photograph itself beside …”."""
    methods = methods_of_sources()
    better, worse = (methods[method].label for method in CATCHES[Question.Preset(question.preset)])
    return f"{better} beside {worse[:1].lower()}{worse[1:]}: the first is the right answer."


def known_pairs(study: Study, shown: Iterable[Shown]) -> dict[int, list[tuple[Shown, Shown]]]:
    """Question's pk -> pairs (better, worse) for practice and catch trials, among what is shown."""
    by_label = {(s.scene_id, s.label): s for s in shown if s.role == Stimulus.Role.CATCH}
    scenes = sorted({scene for scene, _label in by_label})
    pairs = {}
    for question in study.questions.all():
        better, worse = (f"catch: {method}" for method in CATCHES[Question.Preset(question.preset)])
        pairs[question.pk] = [(by_label[scene, better], by_label[scene, worse]) for scene in scenes]
    return pairs
