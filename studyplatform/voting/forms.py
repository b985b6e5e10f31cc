"""What the participant's plain forms send."""

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest

from studyplatform.voting.core.screens import PLATES
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


class BackForm(forms.Form):
    """How many seconds ago the last answer was given that the browser kept and sent only now."""

    idle = forms.IntegerField(min_value=0, max_value=366 * 86_400, required=False)

    @property
    def away(self) -> timedelta:
        """That time; none where nothing was kept, or nothing can be read."""
        return timedelta(seconds=(self.is_valid() and self.cleaned_data["idle"]) or 0)


class ChecksForm(forms.Form):
    """The answers to the screen checks; what is not asked for is not there."""

    tries = forms.IntegerField(min_value=0, max_value=10, required=False)
    px_per_mm = forms.FloatField(min_value=0.5, max_value=100, required=False)
    shapes = forms.IntegerField(min_value=0, max_value=100, required=False)

    def found(self, request: HttpRequest) -> dict[str, Any]:
        """The arguments of ``services.checks_answer``; what cannot be read counts as not answered."""
        self.is_valid()
        plates = tuple(request.POST.get(f"plate{number}", "")[:10] for number in range(PLATES))
        return {"tries": None, "px_per_mm": None, "shapes": None, **self.cleaned_data, "plates": plates}
