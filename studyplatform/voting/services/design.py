"""What the design of a study is made of, and its frozen form."""

from typing import Any

from studyplatform.voting.models import Question, Study, Trial
from studyplatform.voting.services.pictures import Picture, pairs_offered

# What the design is made of; fixed from the pilot on. The rest (who may see the report) may change at any time.
DESIGN_FIELDS = (
    "slug", "title", "introduction", "consent", "instructions", "trials_per_session", "sessions_planned",
    "allow_ties", "show_photograph", "strategy", "hypothesis", "simulated", "seed", "grace_hours", "practice_trials",
    "practice_feedback", "catch_trials", "repeat_trials", "layout", "phone_layout", "reference_place", "exposure_ms",
    "break_every", "allow_undo", "check_window", "check_brightness", "check_colour", "screen_out", "ask_debrief",
    "show_own_result", "resume", "resume_after_minutes", "hold_minutes", "prereg_notes", "alpha", "margin",
    "flag_catch_rate", "flag_side_p", "flag_run", "flag_fast_share",
)  # fmt: skip

# What decides which pictures are shown; fixed with the design, which names every one of them.
PICTURE_FIELDS = ("grids", "left_out_scenes", "left_out_conditions")

# What may change at any time; each change is in the audit log.
FREE_FIELDS = ("public_report", "data_licence", "opens_at", "ends_at", "reward", "currency", "panel_fee_percent")


def is_frozen(study: Study) -> bool:
    """Whether the design may no longer be edited: from the pilot on."""
    return study.state != Study.State.DRAFT


def design_of(study: Study, pictures: list[Picture]) -> dict[str, Any]:
    """The design as plain JSON: all that decides what participants are shown and asked; no random name, no id."""
    return {
        "version": 1,
        "study": {name: getattr(study, name) for name in DESIGN_FIELDS},
        "questions": [_question(q) for q in study.questions.all()],
        "grids": [{"slug": g.slug, "digest": g.digest} for g in study.grids.order_by("slug")],
        "session": session_plan(study, pictures),
        "stimuli": sorted(
            (
                {
                    "scene": p.scene.digest,
                    "render": p.render.digest,
                    "image": p.render.image_id,
                    "role": str(p.role),
                    "label": p.label,
                    "position": p.position,
                    "replicate": p.replicate,
                }
                for p in pictures
            ),
            key=lambda s: (s["scene"], s["role"], s["position"], s["replicate"], s["render"]),
        ),
    }


def _question(question: Question) -> dict[str, str]:
    """A question as the design has it; the kind of its main trials is said where it is another."""
    plain = {"preset": question.preset, "text": question.text, "reference": question.reference}
    return plain | ({"kind": str(Trial.Kind.REAL_FAKE)} if question.asks_which_is_real else {})


def session_plan(study: Study, pictures: list[Picture]) -> dict[str, int]:
    """How many pairs of each kind one person is shown; ``main``: under all questions together."""
    main = study.trials_per_session
    if study.strategy == Study.Strategy.ALL_PAIRS:
        main = sum(pairs_offered(study, question, pictures) for question in study.questions.all())
    kinds = {"practice": study.practice_trials, "catch": study.catch_trials, "repeat": study.repeat_trials}
    return {"main": main, **kinds}
