"""A pair of a study's pictures, for cards and lists."""

from dataclasses import dataclass

from django.core.files.storage import storages

from studyplatform.voting.models import Stimulus, Study


@dataclass(frozen=True)
class Pair:
    """Two published pictures of one scene, by address."""

    left: str
    right: str


def study_pair(study: Study) -> Pair | None:
    """Two pictures of the study's first scene, in the order of their random names (which tells nothing)."""
    stimuli = study.stimuli.filter(role=Stimulus.Role.GRID).order_by("scene", "public_name")
    first = stimuli.first()
    if first is None:
        return None
    left, right = stimuli.filter(scene=first.scene)[:2]
    storage = storages["stimuli"]
    return Pair(storage.url(left.path), storage.url(right.path))
