"""The vote and the loss in one row: ``derived/votes_analysis.csv`` (specs/evaluation.md 3.2)."""

from __future__ import annotations

from evaluation.core.ballots import SHARE_LEFT, analysis_set
from evaluation.core.bundle import csv_bytes, csv_cell
from evaluation.core.dataset import StudyData, Trial

NAME = "derived/votes_analysis.csv"
WIN = {"left": 1, "right": 0}


def votes_analysis(data: StudyData) -> bytes:
    """One row per vote that enters the analysis, by trial, with every metric of the two pictures it chose between.

    ``y`` is 1 for left, 0 for right, 0.5 for a tie; ``win_left`` is empty for a tie (as R's binomial wants it).
    ``<metric>_left`` and ``<metric>_right`` are the values as stored, ``d_<metric>`` is left minus right; all three are
    empty where a value is missing. ``param_<name>_left`` and ``_right`` are the parameters.
    """
    data = data.canonical()
    condition, stimulus = data.condition, data.stimulus
    values = {(s.stimulus, s.metric): s.value for s in data.scores}
    names = _metric_names(data)
    params = sorted({name for c in data.conditions for name in c.params})
    head = ["trial_id", "question_id", "participant_id", "scene_id", "stimulus_left", "stimulus_right"]
    head += ["condition_left", "condition_right", "choice", "win_left", "y", "rt_ms", "simulated"]
    head += [f"param_{name}_{side}" for name in params for side in ("left", "right")]
    head += [column for name in names.values() for column in (f"{name}_left", f"{name}_right", f"d_{name}")]

    def row(trial: Trial) -> list[str]:
        left, right = stimulus[trial.left], stimulus[trial.right]
        labels = (condition[left.condition].label, condition[right.condition].label)
        cells = [csv_cell(v) for v in (trial.id, trial.question, trial.participant, trial.scene, left.id, right.id)]
        cells += [csv_cell(label) for label in labels]
        answer = (trial.choice, WIN.get(trial.choice), SHARE_LEFT[trial.choice], trial.rt_ms, data.simulated)
        cells += [csv_cell(v) for v in answer]
        for name in params:
            cells += [csv_cell(condition[s.condition].params.get(name)) for s in (left, right)]
        for metric in names:
            a, b = values.get((left.id, metric)), values.get((right.id, metric))
            cells += [csv_cell(a), csv_cell(b), csv_cell(None if a is None or b is None else a - b)]
        return cells

    votes = [t for q in data.questions for t in analysis_set(data, q.id)[0]]
    return csv_bytes([head, *(row(t) for t in sorted(votes, key=lambda t: t.id))])


def _metric_names(data: StudyData) -> dict[str, str]:
    """Metric id -> its key, or key and id where two metrics share a key."""
    keys = [m.key for m in data.metrics]
    return {m.id: m.key if keys.count(m.key) == 1 else f"{m.key}_{m.id}" for m in data.metrics}
