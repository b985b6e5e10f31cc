"""The study as plain data: what the analysis sees, whether it comes from the live database or from a bundle of CSVs.

Ids are strings; rows carry no order of their own, so every reader of a :class:`StudyData` gets them sorted
(:meth:`StudyData.canonical`) and two sources of the same study give the same bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from evaluation.core.digests import LATER, Digest
from studyplatform.voting.core.claims import ALPHA, MARGIN
from studyplatform.voting.core.flags import Rules

Scalar = str | int | float | bool
#: What a metric is to the generator; the order in which reports list them. A descriptor says what a picture is like: it
#: is kept with the data and never tested as what people prefer.
METRIC_ROLES = ("reference_objective", "objective", "objective_part", "independent", "descriptor")
#: The exclusion reason of those who withdrew: their votes are gone for good, whatever an analysis would like to see.
WITHDREW = "withdrew"


@dataclass(frozen=True)
class Question:
    """What was asked about each pair, word for word. ``retired``: in a pilot alone, so that nothing is analysed."""

    id: str
    text: str
    position: int = 0
    retired: bool = False


@dataclass(frozen=True)
class Scene:
    """What is depicted. ``licence`` and ``credit``: of its source pictures, each once."""

    id: str
    label: str
    position: int = 0
    task: str = "other"
    content_image_sha256: str = ""
    style_image_sha256: str = ""
    mask_image_sha256: str = field(default="", metadata=LATER)
    licence: str = ""
    credit: str = ""


@dataclass(frozen=True)
class Condition:
    """One point of the grid. ``objective_id``: same id = same weights of the loss, hence comparable totals."""

    id: str
    label: str
    position: int = 0
    method: str = ""
    role: str = "grid"
    is_default: bool = False
    objective_id: str = ""
    params: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stimulus:
    """A render in the study. ``role``: grid, control, reference or catch; only grid enters the minimiser's test.
    ``network``: the feature network it was rendered with, 'random-shallow' where that was never trained. ``device``,
    ``render_wall_s``, ``created_at``: on what, in how many seconds and when it was made."""

    id: str
    scene: str
    condition: str
    replicate: int = 0
    role: str = "grid"
    seed: int = 0
    width_px: int = 0
    height_px: int = 0
    image_sha256: str = ""
    image_path: str = ""
    n_steps: int = 0
    network: str = ""
    final_step_reason: str = ""
    device: str = ""
    render_wall_s: float | None = None
    created_at: str = ""


@dataclass(frozen=True)
class MetricInfo:
    """A number about a stimulus: its direction, its role and within what its values may be compared.
    ``network``: the feature network that measures it, empty where it has none of its own."""

    id: str
    key: str
    label: str
    direction: str = "lower_better"
    role: str = "independent"
    comparable_within: str = "scene"
    reference: str = "none"
    unit: str = ""
    version: str = "1"
    weights_sha256: str = ""
    config_json: str = "{}"
    network: str = ""

    @property
    def sign(self) -> float:
        """Factor that makes lower mean 'predicted better'."""
        return -1.0 if self.direction == "higher_better" else 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """The value of a metric for a stimulus, or None and a status that says why. ``run``: the training within which it
    may be compared."""

    stimulus: str
    metric: str
    value: float | None
    status: str = "ok"
    run: str = ""
    computed_at: str = ""


@dataclass(frozen=True)
class Participant:
    """Somebody (or a bot) who started. ``exclusion_reason`` is empty for those who stay in.

    ``outcome``: complete, screened_out, no_consent, failed, or empty where the session has not ended. ``panel_hash``:
    the id at a panel, salted and hashed; empty where no panel sent them. ``source``: the panel, ``direct`` or
    ``simulated``. ``consent_version``: of the text they agreed to. ``viewport_w_px``, ``viewport_h_px``,
    ``pixel_ratio``: of their window, in CSS pixels. ``colour_vision``: pass, fail or not_tested.
    """

    id: str
    is_bot: bool = False
    is_pilot: bool = False
    is_preview: bool = False
    design_digest: str = ""
    exclusion_reason: str = ""
    started_at: str = ""
    finished_at: str = ""
    outcome: str = ""
    panel_hash: str = ""
    source: str = ""
    language: str = ""
    consent_version: str = ""
    device_type: str = ""
    viewport_w_px: int | None = None
    viewport_h_px: int | None = None
    pixel_ratio: float | None = None
    colour_vision: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A served pair and its answer: ``choice`` is left, right, tie, skip, timeout, or empty where none came.

    ``position``: place among the participant's pairs as they were made. ``turn``: place in the order of answering; a
    pair that was taken back and asked again keeps that of the first; None where it is not known. ``expected``: the
    right answer, where there is one. ``repeat_of``: of a repeat, the id of the trial whose pair it shows a second time
    with sides swapped. ``superseded``: whether an answer that came later counts in its place. ``block``: number of the
    plan it belongs to. What the browser told of the answer: ``input`` (mouse, keyboard ...), ``zoomed``,
    ``focus_lost_ms`` away from the window, ``load_ms`` until both images were there.
    """

    id: str
    participant: str
    question: str
    position: int
    scene: str
    left: str
    right: str
    choice: str
    kind: str = "main"
    rt_ms: int | None = None
    expected: str = ""
    repeat_of: str = ""
    superseded: bool = False
    late: bool = False
    strategy: str = ""
    design_prob: float = 1.0
    shown_at: str = ""
    submitted_at: str = ""
    block: int | None = None
    input: str = ""
    zoomed: bool | None = None
    focus_lost_ms: int | None = None
    load_ms: int | None = None
    turn: int | None = None

    @property
    def place(self) -> int:
        """Place in the order of answering, as far as it is known."""
        return self.position if self.turn is None else self.turn


@dataclass(frozen=True, slots=True)
class LossPoint:
    """A term of the loss at a step of the optimiser: ``raw``, without its weight, None where it was not finite. The
    total is a weighted sum already and weighs 1."""

    stimulus: str
    step: int
    term: str
    raw: float | None
    weight: float = 1.0


@dataclass(frozen=True)
class Erasure:
    """The hole that somebody left whose rows were erased: the day, and how many trials and votes went."""

    id: str
    day: str
    trials: int
    votes: int


@dataclass(frozen=True, kw_only=True)
class StudyData:
    """A whole study. ``networks``: names of the feature networks behind the losses. ``frozen_at``: when its design was
    frozen (ISO 8601, UTC), empty where it never was. ``alpha``, ``margin``: level of the tests and win probability of
    the margin of equivalence as written down before the votes, those of the house where nothing was; so ``screening``,
    the rules that flag a participant. ``departures``: a sentence on everything that is not as it was preregistered;
    ``remarks``: what a reader should know besides."""

    slug: str
    title: str
    simulated: bool
    networks: tuple[str, ...] = ()
    primary_metric: str = ""
    design_digest: str = ""
    frozen_at: str = ""
    alpha: float = ALPHA
    margin: float = MARGIN
    screening: Rules = field(default_factory=Rules)
    departures: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    questions: tuple[Question, ...]
    scenes: tuple[Scene, ...]
    conditions: tuple[Condition, ...]
    stimuli: tuple[Stimulus, ...]
    metrics: tuple[MetricInfo, ...]
    scores: tuple[Score, ...]
    participants: tuple[Participant, ...]
    trials: tuple[Trial, ...]
    curves: tuple[LossPoint, ...] = ()
    erasures: tuple[Erasure, ...] = ()

    @property
    def asked(self) -> tuple[Question, ...]:
        """The questions that have an analysis."""
        return tuple(q for q in self.questions if not q.retired)

    @property
    def random_features(self) -> bool:
        """Whether a loss was measured by a network that was never trained."""
        return any(name.startswith("random") for name in self.networks)

    @cached_property
    def confirmatory(self) -> bool:
        """Whether design and primary metric were frozen before anybody answered a main pair."""
        return self.frozen_first and bool(self.primary_metric)

    @cached_property
    def frozen_first(self) -> bool:
        """Whether the design was frozen before anybody answered a pair that counts."""
        # Pilots come before a design is frozen and are not analysed.
        asked = {p.id for p in self.participants if not (p.is_pilot or p.is_preview) and p.is_bot == self.simulated}
        counts = (t for t in self.trials if t.kind in ("main", "real_fake") and t.choice and t.participant in asked)
        first = min((t.submitted_at for t in counts), default="")
        return bool(self.frozen_at and (not first or self.frozen_at <= first))

    def canonical(self) -> Self:
        """The same study with every table in its one order."""
        return dataclasses.replace(
            self,
            networks=tuple(sorted(self.networks)),
            questions=tuple(sorted(self.questions, key=lambda q: (q.position, q.id))),
            scenes=tuple(sorted(self.scenes, key=lambda s: (s.position, s.id))),
            conditions=tuple(sorted(self.conditions, key=lambda c: (c.position, c.id))),
            stimuli=tuple(sorted(self.stimuli, key=lambda s: s.id)),
            metrics=tuple(sorted(self.metrics, key=lambda m: m.id)),
            scores=tuple(sorted(self.scores, key=lambda s: (s.stimulus, s.metric))),
            participants=tuple(sorted(self.participants, key=lambda p: p.id)),
            trials=tuple(sorted(self.trials, key=lambda t: t.id)),
            curves=tuple(sorted(self.curves, key=lambda p: (p.stimulus, p.term, p.step))),
            erasures=tuple(sorted(self.erasures, key=lambda e: e.id)),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (64 hex digits) of the canonical study; input order does not matter."""
        study = self.canonical()
        found = Digest(study)
        for trial in study.trials:
            found.add(trial)
        return found.hexdigest()

    @cached_property
    def stimulus(self) -> dict[str, Stimulus]:
        """Stimuli by id."""
        return {s.id: s for s in self.stimuli}

    @cached_property
    def condition(self) -> dict[str, Condition]:
        """Conditions by id."""
        return {c.id: c for c in self.conditions}
