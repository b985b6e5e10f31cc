"""Shapes of requests and answers. Plain serializers: on the vote path a model's default checks would race and cost."""

import math
import re
from typing import Any

from rest_framework import serializers

from studyplatform.voting.core.screens import PLATES
from studyplatform.voting.models import Event, Study
from studyplatform.voting.services import CHOICES

DAY_MS = 86_400_000


class Shape(serializers.Serializer[Any]):
    """A plain object in JSON."""


class Problem(Shape):
    """Why something was not done."""

    code = serializers.CharField(help_text="For programs.")
    detail = serializers.CharField(help_text="For people.")
    expected = serializers.IntegerField(required=False, allow_null=True, help_text="The pair to answer next.")


class Progress(Shape):
    """Where a session stands."""

    step = serializers.CharField(
        help_text="consent, checks, instructions, trial, debrief, thanks, ended (see outcome) or withdrawn"
    )
    outcome = serializers.CharField(help_text="complete, screened_out, no_consent, failed, or empty")
    answered = serializers.IntegerField(help_text="Pairs that count and are answered.")
    total = serializers.IntegerField()
    code = serializers.CharField(allow_blank=True, help_text="Of a session that ended otherwise: what to hand in.")
    url = serializers.CharField(allow_blank=True, help_text="Of such a session: the way back to the panel.")
    practice_answered = serializers.IntegerField()
    practice_total = serializers.IntegerField()


class Arrival(Shape):
    """How somebody came: the parameters of the address by which a panel sent them, and a number of this start."""

    parameters = serializers.DictField(child=serializers.CharField(max_length=300), required=False)
    press = serializers.UUIDField(
        required=False,
        help_text="Made once by the client for a start: if the answer is lost, the same sent again is the same "
        "participant. A panel's id does that by itself.",
    )


class Start(Shape):
    """A started session, with the texts to show before the first pair."""

    key = serializers.CharField(help_text="Send it as `Authorization: Bearer <key>`.")
    title = serializers.CharField()
    introduction = serializers.CharField()
    consent = serializers.CharField()
    instructions = serializers.CharField()
    allow_ties = serializers.BooleanField()
    simulated = serializers.BooleanField()
    total = serializers.IntegerField()


class Window(Shape):
    """The size of the participant's window, in CSS pixels."""

    width = serializers.IntegerField(required=False, min_value=1, max_value=100_000)
    height = serializers.IntegerField(required=False, min_value=1, max_value=100_000)
    ratio = serializers.FloatField(required=False, min_value=0.1, max_value=20)


class Picture(Shape):
    """A picture by its address."""

    src = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class Pair(Shape):
    """A pair to choose from. Nothing tells what made either picture."""

    id = serializers.IntegerField()
    position = serializers.IntegerField()
    question = serializers.CharField()
    left = Picture()
    right = Picture()
    reference = Picture(allow_null=True)
    answered = serializers.BooleanField()
    practice = serializers.BooleanField(help_text="Whether it is for practice and does not count.")


class Plan(Shape):
    """The pairs of a session in the order in which they are to be answered, and how they are to be shown."""

    allow_ties = serializers.BooleanField()
    layout = serializers.ChoiceField(choices=Study.Layout.choices)
    phone_layout = serializers.ChoiceField(choices=Study.PhoneLayout.choices)
    reference_place = serializers.ChoiceField(choices=Study.ReferencePlace.choices)
    exposure_ms = serializers.IntegerField(help_text="Timed layout: how long each picture is shown.")
    break_every = serializers.IntegerField(help_text="Offer a rest after so many pairs; 0 for none.")
    allow_undo = serializers.BooleanField()
    undoable = serializers.BooleanField(help_text="Whether the last answer can be taken back now.")
    feedback = serializers.BooleanField(help_text="Whether practice pairs say if they were answered right.")
    trials = Pair(many=True)


def milliseconds() -> serializers.IntegerField:
    """A duration of at most a day."""
    return serializers.IntegerField(min_value=0, max_value=DAY_MS, required=False)


def count() -> serializers.IntegerField:
    """How often something was done."""
    return serializers.IntegerField(min_value=0, max_value=100_000, required=False)


def lengths() -> serializers.ListField:
    """Width and height in CSS pixels."""
    length = serializers.IntegerField(min_value=0, max_value=100_000)
    return serializers.ListField(child=length, max_length=2, required=False)


class Circumstances(Shape):
    """How the answer was given; all optional, and nothing that identifies a person."""

    input = serializers.ChoiceField(choices=["keyboard", "mouse", "touch", "pen", "form", "script"], required=False)
    key = serializers.CharField(max_length=20, required=False)
    layout = serializers.ChoiceField(choices=[*Study.Layout.values, "stacked"], required=False)
    viewport = lengths()
    shown = lengths()
    dpr = serializers.FloatField(min_value=0, max_value=20, required=False)
    load_ms = milliseconds()
    blur_ms = milliseconds()
    visible_ms = milliseconds()
    reference_ms = milliseconds()
    blurs = count()
    flips = count()
    zooms = count()


class Ballot(Shape):
    """The answer to one pair. The client makes the UUID once per pair, so that sending again is the same vote."""

    uuid = serializers.UUIDField()
    trial = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    choice = serializers.ChoiceField(choices=[str(c) for c in CHOICES])
    rt_ms = serializers.IntegerField(min_value=0, max_value=DAY_MS, required=False, allow_null=True)
    shown_at = serializers.DateTimeField(required=False, allow_null=True)
    client = Circumstances(required=False)


class Receipt(Shape):
    """The vote that stands."""

    trial = serializers.IntegerField()
    uuid = serializers.CharField()
    choice = serializers.CharField()
    submitted_at = serializers.CharField()
    late = serializers.BooleanField()
    replayed = serializers.BooleanField()
    correct = serializers.BooleanField(allow_null=True, help_text="After a practice pair, if the study tells.")
    appended = Pair(allow_null=True, help_text="After a skip: the pair as it is asked again at the end.")


class Undone(Shape):
    """The pair to answer again, before all others."""

    trial = Pair()
    answered = serializers.IntegerField()


class Note(Shape):
    """Something that happened besides votes."""

    kind = serializers.ChoiceField(choices=[str(k) for k in Event.Kind if k not in (Event.Kind.UNDO, Event.Kind.GAP)])
    at = serializers.DateTimeField()
    data = serializers.DictField(child=serializers.FloatField(), default=dict)  # type: ignore[assignment]

    def validate_data(self, data: dict[str, float]) -> dict[str, float]:
        """A few finite numbers: what people type or where they are has no place here."""
        plain = all(math.isfinite(number) and re.fullmatch(r"\w{1,20}", name) for name, number in data.items())
        if len(data) > 8 or not plain:
            raise serializers.ValidationError("At most 8 finite numbers, each under a short name.")
        return data


class Notes(Shape):
    """Events in the order in which they happened."""

    events = Note(many=True)

    def validate_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One request carries what gathered since the last."""
        if len(events) > 100:
            raise serializers.ValidationError("At most 100 events in one request.")
        return events


class Stretch(Shape):
    """A window of the plan."""

    start = serializers.IntegerField(min_value=0, max_value=10_000, required=False, default=0)
    count = serializers.IntegerField(min_value=1, max_value=1000, required=False)


class Stored(Shape):
    """How many rows were written."""

    stored = serializers.IntegerField()


class Checks(Shape):
    """The screen checks of a study and the addresses of their pictures."""

    wanted = serializers.ListField(child=serializers.CharField())
    tries = serializers.IntegerField()
    shapes = serializers.CharField(allow_blank=True)
    plates = serializers.ListField(child=serializers.CharField())


class Checked(Shape):
    """The answers to the screen checks."""

    tries = serializers.IntegerField(min_value=0, max_value=10, help_text="As the checks said it.")
    px_per_mm = serializers.FloatField(min_value=0.5, max_value=100, required=False, allow_null=True)
    shapes = serializers.IntegerField(min_value=0, max_value=100, required=False, allow_null=True)
    plates = serializers.ListField(
        child=serializers.CharField(max_length=10, allow_blank=True), max_length=PLATES, required=False
    )


class Debrief(Shape):
    """The answers to the two questions at the end."""

    trouble = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    looked_at = serializers.CharField(max_length=2000, allow_blank=True, required=False)


class Result(Shape):
    """In how many per cent of the pairs the picture with the lower loss was chosen."""

    own = serializers.IntegerField()
    others = serializers.IntegerField(allow_null=True)


class Completion(Shape):
    """The code that proves a complete session, and the way back to the panel."""

    code = serializers.CharField()
    url = serializers.CharField(allow_blank=True, help_text="Where a panel's participant is sent back to.")
    result = Result(allow_null=True, help_text="If the study tells.")


class StudyRow(Shape):
    """A study in the researcher's list: how far it is, never which way it goes."""

    slug = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    simulated = serializers.BooleanField()
    design_digest = serializers.CharField()
    started = serializers.IntegerField()
    finished = serializers.IntegerField(help_text="Complete and not withdrawn.")
    votes = serializers.IntegerField(
        help_text="Answers that stand to main pairs, of those who count, have not withdrawn and are not left out."
    )
    planned = serializers.IntegerField()


class Page(Shape):
    """A stretch of rows."""

    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)
    count = serializers.IntegerField(min_value=1, max_value=1000, default=1000)


class StimulusRow(Picture):
    """A published picture, as its researchers know it. Fields are called as the columns of exports."""

    stimulus_id = serializers.CharField()
    scene_id = serializers.CharField()
    scene_label = serializers.CharField()
    condition_id = serializers.CharField()
    condition_label = serializers.CharField()
    role = serializers.CharField(help_text="grid, control, reference or catch")
    replicate = serializers.IntegerField()
    render = serializers.CharField(help_text="The digest of the render: the same in the grid and in every export.")


class TrialRow(Shape):
    """A served pair. Fields are called as the columns of exports; see /api/v1/dictionary/."""

    row = serializers.IntegerField(help_text="Ask for what comes after it.")
    trial_id = serializers.CharField()
    participant_id = serializers.CharField()
    question_id = serializers.CharField()
    trial_index = serializers.IntegerField()
    turn = serializers.IntegerField(help_text="Place in the order of answering.")
    kind = serializers.CharField()
    scene_id = serializers.CharField()
    stimulus_left = serializers.CharField()
    stimulus_right = serializers.CharField()
    expected_choice = serializers.CharField(allow_blank=True)
    repeat_of = serializers.CharField(allow_blank=True)
    supersedes = serializers.CharField(
        allow_blank=True, help_text="The trial whose answer was taken back for this one."
    )
    reasks = serializers.CharField(allow_blank=True, help_text="The skipped trial whose pair is asked again here.")
    design = serializers.CharField()
    design_prob = serializers.FloatField()
    block = serializers.IntegerField(allow_null=True)
    is_bot = serializers.BooleanField()
    is_pilot = serializers.BooleanField()
    is_preview = serializers.BooleanField()
    exclusion_reason = serializers.CharField(allow_blank=True, help_text="Of the participant.")
    reserved_at = serializers.DateTimeField(help_text="When it was laid out.")


class VoteRow(Shape):
    """The answer to a trial. Fields are called as the columns of exports."""

    trial_id = serializers.CharField()
    choice = serializers.CharField()
    rt_ms = serializers.IntegerField(allow_null=True)
    shown_at = serializers.DateTimeField(allow_null=True)
    submitted_at = serializers.DateTimeField()
    late = serializers.BooleanField()
    client = serializers.DictField(help_text="All that the page told of the answer.")


class ExportRow(Shape):
    """An export that was taken."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    contents = serializers.CharField(help_text="everything, everything but the choices, or what else was taken.")
    data_digest = serializers.CharField(help_text="Of the data in it; empty for one table or a broken-off export.")
