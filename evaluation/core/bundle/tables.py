"""The files of a bundle: their columns, types and keys; how a value becomes a cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evaluation.core.ballots import SHARE_LEFT
from evaluation.core.dataset import (
    METRIC_ROLES,
    Condition,
    LossPoint,
    MetricInfo,
    Participant,
    Question,
    Scene,
    Score,
    Stimulus,
    Trial,
)

#: Ids name files too, so they hold nothing a path could be made of (specs/evaluation.md 3.1).
ID = re.compile(r"(?!\.)[A-Za-z0-9_.:-]+")


class BundleError(ValueError):
    """A bundle that cannot be read; the text names the file, the row and the column, and what would mend it."""


@dataclass(frozen=True)
class Column:
    """A column: its name in the file, the field it holds, its type (s, i, f, b) and whether people wrote it.

    ``among``: the only words allowed. ``to``: the table whose ids it holds. ``empty``: whether a number may be missing
    (a cell that is no number is then read as missing, and said). ``needed``: a file without it cannot be read; every
    other column may be left out (docs/bundle.md says what it then is).
    """

    name: str
    field: str
    type: str = "s"
    free: bool = False
    among: tuple[str, ...] = ()
    to: str = ""
    empty: bool = False
    needed: bool = False


@dataclass(frozen=True)
class Table:
    """A file: its name, the rows it holds in the study, their class, and its columns.

    ``needed``: a bundle without the file cannot be read. ``repeats``: columns that exports carry for readers' comfort
    and that reading passes over, because other columns say the same.
    """

    name: str
    field: str
    row: Callable[..., Any]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    needed: bool = False
    repeats: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where the file lies in a bundle."""
        return f"data/{self.name}.csv"


def _c(name: str, field: str = "", type: str = "s", **more: Any) -> Column:  # noqa: A002
    return Column(name, field or name, type, **more)


def _need(name: str, field: str = "", type: str = "s", **more: Any) -> Column:  # noqa: A002
    return _c(name, field, type, needed=True, **more)


TABLES = (
    Table(
        "questions", "questions", Question,
        (_need("question_id", "id"), _c("text", free=True), _c("position", type="i")),
        ("id",),
    ),
    Table(
        "scenes", "scenes", Scene,
        (_need("scene_id", "id"), _c("scene_label", "label", free=True), _c("position", type="i"), _c("task"),
         _c("content_image_sha256"), _c("style_image_sha256")),
        ("id",),
    ),
    Table(
        "conditions", "conditions", Condition,
        (_need("condition_id", "id"), _c("condition_label", "label", free=True), _c("position", type="i"), _c("method"),
         _c("role", among=("grid", "control", "catch")), _c("is_default", type="b"), _c("objective_id")),
        ("id",),
    ),
    Table(
        "stimuli", "stimuli", Stimulus,
        (_need("stimulus_id", "id"), _need("scene_id", "scene", to="scenes"),
         _need("condition_id", "condition", to="conditions"), _c("replicate", type="i"),
         _c("role", among=("grid", "control", "catch")), _c("seed", type="i"), _c("width_px", type="i"),
         _c("height_px", type="i"), _c("image_sha256"), _c("image_path"), _c("n_steps", type="i"), _c("network")),
        ("id",),
        needed=True,
    ),
    Table(
        "metrics", "metrics", MetricInfo,
        (_need("metric_id", "id"), _c("key"), _c("label", free=True),
         _c("direction", among=("lower_better", "higher_better")), _c("role", among=METRIC_ROLES),
         _c("comparable_within", among=("all", "scene", "objective", "run")), _c("reference"), _c("unit", free=True),
         _c("version"), _c("weights_sha256"), _c("config_json"), _c("network")),
        ("id",),
        needed=True,
    ),
    Table(
        "scores", "scores", Score,
        (_need("stimulus_id", "stimulus", to="stimuli"), _need("metric_id", "metric", to="metrics"),
         _need("value", type="f", empty=True), _c("status", among=("ok", "nan", "failed", "unavailable"))),
        ("stimulus", "metric"),
        needed=True,
    ),
    Table(
        "loss_curves", "curves", LossPoint,
        (_need("stimulus_id", "stimulus", to="stimuli"), _need("step", type="i"), _need("term"),
         _need("raw_value", "raw", "f", empty=True), _c("weight", type="f")),
        ("stimulus", "step", "term"),
        repeats=("weighted_value",),
    ),
    Table(
        "participants", "participants", Participant,
        (_need("participant_id", "id"), _c("is_bot", type="b"), _c("is_pilot", type="b"), _c("is_preview", type="b"),
         _c("design_digest"), _c("started_at"), _c("finished_at"),
         _c("outcome", among=("", "complete", "screened_out", "no_consent", "failed")),
         _c("exclusion_reason", free=True), _c("panel_hash")),
        ("id",),
        repeats=("left_rate", "longest_run", "median_rt_ms", "share_fast"),
    ),
    Table(
        "trials", "trials", Trial,
        (_need("trial_id", "id"), _need("participant_id", "participant", to="participants"),
         _c("question_id", "question", to="questions"), _c("trial_index", "position", "i"),
         _c("kind", among=("main", "catch", "repeat", "practice", "real_fake")), _c("scene_id", "scene", to="scenes"),
         _need("stimulus_left", "left", to="stimuli"),
         _need("stimulus_right", "right", to="stimuli"),
         _need("choice", among=(*SHARE_LEFT, "skip", "timeout", "")),
         _c("expected_choice", "expected", among=("left", "right", "")), _c("repeat_of"),
         _c("rt_ms", type="i", empty=True), _c("shown_at"), _c("submitted_at"), _c("late", type="b"),
         _c("superseded", type="b"), _c("design", "strategy"), _c("design_prob", type="f")),
        ("id",),
        needed=True,
        repeats=("simulated", "condition_left", "condition_right"),
    ),
)  # fmt: skip


def table_named(name: str) -> Table:
    """The table called ``name``; ``KeyError`` with a sentence that lists the known ones."""
    for table in TABLES:
        if table.name == name:
            return table
    raise KeyError(f"There is no table {name!r}. Tables: {', '.join(t.name for t in TABLES)}.")
