"""Publication of a study's pictures: pixels only, under names that tell nothing."""

import random

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from generation.core import images
from generation.services import artifact_bytes
from studyplatform.voting.models import Stimulus, Study, random_token
from studyplatform.voting.services.pictures.picture import Picture


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
