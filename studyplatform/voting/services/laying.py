"""The plans of a study laid over its pictures, once those are rows."""

from collections.abc import Collection

from studyplatform.voting.models import Stimulus, Study
from studyplatform.voting.selectors import losses_of
from studyplatform.voting.services.blocks import blocks_lay
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.pictures import known_pairs


def plans_lay(*, study: Study, stimuli: Collection[Stimulus]) -> int:
    """Lay a plan for each planned session over ``stimuli``, all of the study's own; returns how many.

    Raises :class:`StudyError` where the strategy needs losses that are not there, or no plan can be laid.
    """
    losses = {pk: loss.value for pk, loss in losses_of(study).items() if loss.in_scene}
    measured = {s.scene for s in stimuli if s.pk in losses}
    unmeasured = {s.scene for s in stimuli if s.role == Stimulus.Role.GRID} - measured
    if study.strategy == Study.Strategy.FOCUSED and unmeasured:
        scenes = ", ".join(sorted(map(str, unmeasured)))
        raise StudyError(
            "The strategy “focused” needs the picture with the minimum loss of each scene, and the primary metric of "
            f"the grid has no comparable values for {scenes}. Measure it, or choose the strategy “balanced”."
        )
    try:
        return blocks_lay(
            study=study,
            stimuli=[s for s in stimuli if s.role in (Stimulus.Role.GRID, Stimulus.Role.CONTROL)],
            known=known_pairs(study, stimuli) if study.practice_trials or study.catch_trials else {},
            losses=losses,
        )
    except ValueError as error:
        raise StudyError(f"No plan can be laid: {error}") from error
