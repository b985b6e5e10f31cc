"""The study's form: what it asks, in the order in which a study is made, each field with a word of help."""

from typing import TYPE_CHECKING, Any

from django import forms

from generation.models import Cell, GridCondition
from studyplatform.voting.models import Study

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldsetSpec as Fieldsets

    StudyFormBase = forms.ModelForm[Study]
    RowsBase = forms.ModelMultipleChoiceField[Any]
else:
    StudyFormBase, RowsBase = forms.ModelForm, forms.ModelMultipleChoiceField

FIXED = "Fixed from the pilot on."
# How far a study is: there is nothing to say of a new one.
HEAD = ("pair", "people", "links")

# "questions" and "panel" are rows of their own; the template puts them below the set that names them.
FIELDSETS: "Fieldsets" = [
    ("What is asked", {"fields": [*HEAD, "title", "slug"], "classes": ["asks"]}),
    (
        "Which pictures are shown",
        {
            "fields": ["grids", "show_photograph"],
            "description": f"People compare pictures of one scene with each other, never of two scenes. {FIXED}",
        },
    ),
    (
        "Scenes and conditions to leave out",
        {
            "fields": ["left_out_scenes", "left_out_conditions"],
            "classes": ["collapse"],
            "description": "Everything that the grids hold is shown unless it stands here on the right. Save the study "
            "with its grids first: what they hold is offered then.",
        },
    ),
    (
        "What participants read",
        {
            "fields": ["introduction", "consent", "instructions"],
            "description": "In this order, before the first pair. Leave the prepared texts as they are, and people who "
            "read German see them in German; what you write yourself is shown as you wrote it.",
        },
    ),
    (
        "How pairs are shown",
        {
            "fields": [
                ("trials_per_session", "strategy"),
                ("layout", "phone_layout"),
                ("exposure_ms", "reference_place"),
                ("allow_ties", "allow_undo"),
                "break_every",
                ("practice_trials", "practice_feedback"),
            ],
        },
    ),
    (
        "Quality",
        {
            "fields": [
                ("catch_trials", "repeat_trials"),
                ("flag_catch_rate", "flag_side_p"),
                ("flag_run", "flag_fast_share"),
                ("check_window", "check_brightness", "check_colour"),
                "screen_out",
            ],
            "description": "How to know who paid attention. The rules that flag a participant are written down before "
            "the first vote; leaving somebody out stays your decision, with a reason.",
        },
    ),
    (
        "Who and when",
        {
            "fields": [
                "sessions_planned",
                ("opens_at", "ends_at"),
                ("reward", "currency", "panel_fee_percent"),
            ],
            "classes": ["people"],
            "description": "Dates and cost may change while people take part; each change is in the log.",
        },
    ),
    (
        "Pauses, and the end of a session",
        {
            "fields": [
                ("resume", "resume_after_minutes"),
                ("hold_minutes", "grace_hours"),
                ("ask_debrief", "show_own_result"),
            ],
            "classes": ["collapse"],
        },
    ),
    (
        "Preregistration",
        {
            "fields": ["hypothesis", ("alpha", "margin"), "prereg_notes", "frozen_design"],
            "description": "What you commit to before anybody votes. The page “Preregistration” shows the whole text.",
        },
    ),
    (
        "Rehearsal and report",
        {"fields": ["simulated", "seed", "public_report", "data_licence"], "classes": ["collapse"]},
    ),
]

HELP = {
    "title": "As a paper would name it. Participants see it, so it must not tell what you expect.",
    "slug": "The end of the study's address, /s/ and this. Letters, digits and hyphens.",
    "grids": "Rendered grids to draw from: each scene is shown under the conditions of its grid. Choose on the left, "
    "and move to the right with the arrow.",
    "show_photograph": "Show the unprocessed photograph (and other controls of the grid) among the pictures, to see "
    "how far the best of them is from it. It is no rival of the minimum.",
    "left_out_scenes": "A scene on the right is not shown to anybody.",
    "left_out_conditions": "A condition on the right is shown in no scene, and is no rival of the minimum.",
    "introduction": "The first thing people read, below the title. Say what they will do and how long it takes; not "
    "what you expect.",
    "consent": "What people agree to before the first pair. Your ethics board may have its own wording.",
    "instructions": "Extra words before the first pair, for example what “natural” is to mean. The keys are explained "
    "there by themselves.",
    "trials_per_session": "How many pairs one person is shown. Thirty take about four minutes. With “all pairs” the "
    "pictures decide, and this number is not used.",
    "strategy": "“Balanced” is right for most studies. “Focused” finds out sooner whether the minimum wins, and tells "
    "less about the others. “All pairs” needs few pictures and patient people.",
    "layout": "“Side by side” is right for most studies. Flipping shows small differences; “timed” asks for the first "
    "impression.",
    "phone_layout": "On phones held upright, where two pictures side by side would be too small. Only the layout “side "
    "by side” uses it.",
    "exposure_ms": "For how long each picture of a pair is seen, in milliseconds. Only the layout “timed” uses it.",
    "reference_place": "Where the third picture is seen. Only questions about a style or a content show one; others do "
    "not use this.",
    "allow_ties": "Offer “no preference” under each pair. Without it people must decide, which tells more per pair.",
    "allow_undo": "Let people take back their last answer, once. Both answers are kept; the last one counts.",
    "break_every": "Offer a rest after so many pairs; 0 for none. Useful from about fifty pairs on.",
    "practice_trials": "Pairs with a known answer before the first one that counts; two or three suffice. Made by "
    "themselves.",
    "practice_feedback": "Say after each practice pair whether it was right. Nothing is said after pairs that count.",
    "catch_trials": "Pairs with a known answer (a picture against a spoilt one) among those that count, made by "
    "themselves. Three or more let you tell who answers at random.",
    "repeat_trials": "Pairs shown a second time with sides swapped: how consistent people are.",
    "flag_catch_rate": "As a share: .7 is 70 %. Who fails two or more pairs with a known answer and passes a smaller "
    "share than this is flagged; one slip is human.",
    "flag_side_p": "Somebody who chooses without looking often stays on one side. Flagged is whose share of left would "
    "come about by chance more seldom than this.",
    "flag_run": "So many answers in a row on one side flag a participant.",
    "flag_fast_share": "As a share: .5 is half of the answers. Two pictures cannot be compared in half a second.",
    "check_window": "Before the pairs: match a bank card on the screen, so that you know how large the pictures were.",
    "check_brightness": "Before the pairs: count faint shapes, so that you know whether dark parts could be seen.",
    "check_colour": "Before the pairs: read colour plates. It is no diagnosis. For questions about colours.",
    "screen_out": "Who fails a check twice is thanked and leaves before the first pair. Without this, failing is only "
    "recorded.",
    "sessions_planned": "How many people you want. The page “Plan” says how many a preference needs to be found.",
    "opens_at": "Nobody starts earlier. Empty: as soon as the study is open.",
    "ends_at": "Nobody starts later; who has begun may finish. Empty: until you close the study.",
    "reward": "What one participant is paid, to reckon the cost. Participants are not shown it.",
    "currency": "Three letters, like EUR.",
    "panel_fee_percent": "What the panel adds to each reward, in percent.",
    "resume": "What somebody may do who comes back after a long pause.",
    "resume_after_minutes": "How long a pause may be, in minutes, before that applies.",
    "hold_minutes": "After so many minutes without an answer the pairs of a participant are given to the next one; "
    "of one who has not answered at all, after 30.",
    "grace_hours": "For so many hours after closing, answers of those who had begun still count.",
    "ask_debrief": "Two questions after the last pair: what did not work, and what people looked at.",
    "show_own_result": "Tell people at the end how often they chose the picture with the lower loss, and how often "
    "others did. Whoever finishes then knows which way the study goes.",
    "hypothesis": "What you expect, in one sentence. For example: “The condition with the lowest total loss is not the "
    "one that people prefer.”",
    "alpha": "How often a test may find what is not there; .05 (1 of 20) is usual.",
    "margin": "From which win rate on a rival counts as better. .55: who wins less than 55 of 100 meetings against the "
    "minimum is no better in practice.",
    "prereg_notes": "What the preregistration should say besides what follows from this form.",
    "simulated": "A rehearsal: programs vote, people's votes do not count, and every page and figure says SIMULATED.",
    "seed": "Where the draw of pairs, order and sides begins. Any number will do; the same gives the same plans.",
    "public_report": "Show the report to everybody who has the link, once the study is closed.",
    "data_licence": "Under which others may use the data, for example CC0-1.0 or CC-BY-4.0. It stands in each export.",
}


class RowsField(RowsBase):
    """Scenes or conditions, called what the study's grids call them."""

    names: dict[int, str]

    def label_from_instance(self, obj: Any) -> str:
        """The name in the grids; what they call differently has all its names."""
        return self.names.get(obj.pk, str(obj))


class StudyForm(StudyFormBase):
    """The form of a study, in words for somebody who makes their first."""

    class Meta:
        help_texts = HELP
        labels = {"slug": "Address", "exposure_ms": "Exposure in milliseconds"}
        error_messages = {"slug": {"unique": "This address is taken; choose another."}}

    def clean(self) -> dict[str, Any] | None:
        """Left out is only what the chosen grids hold; the rest is dropped."""
        cleaned = super().clean()
        data = self.cleaned_data
        if "grids" in data:
            cells = Cell.objects.filter(grid__in=data["grids"])
            for name, of in (("left_out_scenes", "scene"), ("left_out_conditions", "condition")):
                if name in data:
                    data[name] = data[name].filter(pk__in=cells.values(of))
        return cleaned


def condition_names(grids: Any) -> dict[int, str]:
    """Condition -> its labels in ``grids`` (a query of them), in one query."""
    found: dict[int, list[str]] = {}
    rows = GridCondition.objects.filter(grid__in=grids).order_by("position", "pk")
    for condition, label in rows.values_list("condition", "label"):
        labels = found.setdefault(condition, [])
        if label not in labels:
            labels.append(label)
    return {condition: " or ".join(labels) for condition, labels in found.items()}
