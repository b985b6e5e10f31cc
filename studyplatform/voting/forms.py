"""What the participant's plain forms send."""

from django import forms

from studyplatform.voting.services import CHOICES


class BallotForm(forms.Form):
    """An answer sent without a script."""

    trial = forms.IntegerField(min_value=0, max_value=2**63 - 1)
    uuid = forms.UUIDField()
    choice = forms.ChoiceField(choices=[(str(c), str(c)) for c in CHOICES])


class WindowForm(forms.Form):
    """The size of the window, if the browser told."""

    width = forms.IntegerField(min_value=1, max_value=100_000, required=False)
    height = forms.IntegerField(min_value=1, max_value=100_000, required=False)
    ratio = forms.FloatField(min_value=0.1, max_value=20, required=False)
