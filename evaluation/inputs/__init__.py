"""ORM -> StudyData. The only place that knows both the rows and the plain data."""

from evaluation.core.dataset import Erasure, Question, StudyData
from evaluation.inputs import people, pictures
from evaluation.inputs.cells import time
from evaluation.inputs.people import trials_of
from studyplatform.voting import models as voting
from studyplatform.voting.core.claims import ALPHA, MARGIN
from studyplatform.voting.core.flags import Rules
from studyplatform.voting.selectors.preregistration import prereg_departures, prereg_remarks

__all__ = ["study_data", "trials_of"]


def study_data(study: voting.Study, *, curves: bool = True, trials: bool = True) -> StudyData:
    """The study as plain data, in canonical order. Reads a constant number of queries, whatever its size.

    Without ``curves`` no file is opened, and without them or without ``trials`` (:func:`trials_of` gives them person by
    person) the digest is not the one of the study.
    """
    shown = list(study.stimuli.select_related("render__condition", "render__scene", "scene").order_by("pk"))
    stimuli = [s for s in shown if s.role != voting.Stimulus.Role.REFERENCE]
    metrics, names, primary = pictures.metrics(study, stimuli)
    planned = (study.design or {}).get("study", {})
    return StudyData(
        slug=study.slug,
        title=study.title,
        simulated=study.simulated,
        networks=pictures.networks(stimuli, metrics),
        primary_metric=names.get(primary, "") if primary is not None else "",
        design_digest=study.design_digest,
        frozen_at=time(study.preregistration.frozen_at if hasattr(study, "preregistration") else None),
        alpha=planned.get("alpha", ALPHA),
        margin=planned.get("margin", MARGIN),
        screening=Rules.planned(planned),
        departures=tuple(prereg_departures(study)),
        remarks=tuple(prereg_remarks(study)),
        questions=tuple(
            Question(q.preset, q.text, q.position, q.retired) for q in voting.Question.everything.filter(study=study)
        ),
        scenes=pictures.scenes(study, stimuli),
        conditions=pictures.conditions(study, stimuli),
        stimuli=tuple(pictures.stimulus_of(s) for s in stimuli),
        metrics=tuple(pictures.metric_of(m, names[m.pk]) for m in metrics),
        scores=pictures.scores(stimuli, metrics, names),
        participants=people.participants(study),
        trials=people.trials(study) if trials else (),
        curves=pictures.curves(stimuli) if curves else (),
        erasures=tuple(
            Erasure(f"{number:04d}", hole.day.isoformat(), hole.trials, hole.votes)
            for number, hole in enumerate(study.tombstones.order_by("pk"), start=1)
        ),
    ).canonical()
