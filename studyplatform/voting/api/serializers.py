"""Shapes of requests and answers. Plain serializers: on the vote path a model's default checks would race and cost."""

from typing import Any

from rest_framework import serializers

from studyplatform.voting.services import CHOICES


class Shape(serializers.Serializer[Any]):
    """A plain object in JSON."""


class Problem(Shape):
    """Why something was not done."""

    code = serializers.CharField(help_text="For programs.")
    detail = serializers.CharField(help_text="For people.")
    expected = serializers.IntegerField(required=False, allow_null=True, help_text="The pair to answer next.")


class Progress(Shape):
    """Where a session stands."""

    step = serializers.CharField(help_text="consent, instructions, trial, thanks or withdrawn")
    answered = serializers.IntegerField()
    total = serializers.IntegerField()


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


class Plan(Shape):
    """All pairs of a session, in order."""

    allow_ties = serializers.BooleanField()
    trials = Pair(many=True)


class Circumstances(Shape):
    """How the answer was given; all optional, and nothing that identifies a person."""

    input = serializers.ChoiceField(choices=["keyboard", "mouse", "touch", "pen", "form", "script"], required=False)
    key = serializers.CharField(max_length=20, required=False)
    viewport = serializers.ListField(child=serializers.IntegerField(min_value=0), max_length=2, required=False)
    shown = serializers.ListField(child=serializers.IntegerField(min_value=0), max_length=2, required=False)
    dpr = serializers.FloatField(min_value=0, max_value=20, required=False)
    load_ms = serializers.IntegerField(min_value=0, max_value=86_400_000, required=False)
    blur_ms = serializers.IntegerField(min_value=0, max_value=86_400_000, required=False)


class Ballot(Shape):
    """The answer to one pair. The client makes the UUID once per pair, so that sending again is the same vote."""

    uuid = serializers.UUIDField()
    trial = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    choice = serializers.ChoiceField(choices=[str(c) for c in CHOICES])
    rt_ms = serializers.IntegerField(min_value=0, max_value=86_400_000, required=False, allow_null=True)
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


class Completion(Shape):
    """The code that proves a complete session."""

    code = serializers.CharField()


class StudyRow(Shape):
    """A study in the researcher's list: how far it is, never which way it goes."""

    slug = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    simulated = serializers.BooleanField()
    design_digest = serializers.CharField()
    started = serializers.IntegerField()
    finished = serializers.IntegerField()
    votes = serializers.IntegerField()
    planned = serializers.IntegerField()
