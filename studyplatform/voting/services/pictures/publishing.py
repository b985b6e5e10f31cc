"""Publication of a study's pictures: pixels only, under names that tell nothing."""

import random

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from generation.core import images
from generation.services.artifacts import ArtifactMissing, artifact_bytes
from studyplatform.voting.models import Stimulus, Study, random_token
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.pictures.picture import Picture


def pictures_publish(*, study: Study, pictures: list[Picture]) -> dict[tuple[int, int, str], Stimulus]:
    """Write the files of the pictures that have none yet; returns all stimuli by key, the new ones not saved.

    Files are written in one shuffled order and the new rows come in that order too, so neither names nor ids nor dates
    tell what a picture is. A file without a row (a transaction that failed later) harms nobody: its name is unknown.
    Where a file cannot be written, those before it are taken back: they would fill a full disk for good.
    """
    stimuli = {(s.scene_id, s.render_id, str(s.role)): s for s in study.stimuli.all()}
    new = [picture for picture in pictures if picture.key not in stimuli]
    random.SystemRandom().shuffle(new)
    written: list[str] = []
    for picture in new:
        stimuli[picture.key] = stimulus = stimulus_of(study, picture)
        try:
            stimulus_file(stimulus)
        except StudyError:
            for path in written:
                storages["stimuli"].delete(path)
            raise
        written.append(stimulus.path)
    return stimuli


def stimulus_of(study: Study, picture: Picture) -> Stimulus:
    """The row of a picture under a new random name: not saved, its file not written."""
    image = picture.render.image
    return Stimulus(
        study=study,
        render=picture.render,
        role=picture.role,
        scene=picture.scene,
        replicate=picture.replicate,
        label=picture.label,
        position=picture.position,
        public_name=random_token(),
        height=(image and image.height) or 0,
        width=(image and image.width) or 0,
    )


def stimulus_file(stimulus: Stimulus) -> None:
    """Write the file of a stimulus, and set its size by the pixels.

    Raises :class:`StudyError` without its master, or where the storage does not take the file.
    """
    try:
        master = artifact_bytes(stimulus.render.image_id or "")
    except ArtifactMissing as error:
        raise StudyError(f"The picture “{stimulus.render}” cannot be shown. {error}") from error
    pixels = images.decode(master, str(stimulus.render))
    stimulus.height, stimulus.width = pixels.shape[:2]
    try:
        storages["stimuli"].save(stimulus.path, ContentFile(images.encode_png(pixels)))
    except OSError as error:
        raise StudyError(
            f"The picture “{stimulus.render}” cannot be written for the participants: {error.strerror or error}. Mend "
            "that in the folder of the stimuli, and repeat the step; nothing was changed."
        ) from error
