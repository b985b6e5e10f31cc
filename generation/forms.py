"""Forms of the renders' import: first the files, then what each column means."""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from django import forms

from generation.models import Metric
from generation.services.import_table import Column, ImportRefused, table_columns, table_files

MAX_TABLE = 5_000_000  # bytes


class ManyFiles(forms.ClearableFileInput):
    """A file input that takes many."""

    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """Many uploaded pictures, as a list; what they are is decided by their content, later."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(PicturesField, self).clean(file, initial) for file in files]


class UploadForm(forms.Form):
    """The table and the pictures it names."""

    title = forms.CharField(max_length=200, help_text="What a paper would call this grid.")
    table = forms.FileField(
        label="scores.csv",
        help_text="Columns file, scene, condition; if wanted content (file of the photograph) and seed; then your own.",
    )
    pictures = PicturesField(label="pictures", help_text="All files that the table names: PNG, JPEG or WebP.")

    def clean_table(self) -> str:
        """The table as text with the required columns."""
        file = self.cleaned_data["table"]
        if file.size > MAX_TABLE:
            raise forms.ValidationError("The table is larger than 5 MB. Split it into several grids.")
        try:
            text: str = file.read().decode("utf-8")
            table_columns(text)
            _one_of_each_name(table_files(text), "The table names")
        except UnicodeDecodeError:
            raise forms.ValidationError("The table is not UTF-8 text. Save it as CSV in UTF-8.") from None
        except ImportRefused as error:
            raise forms.ValidationError(str(error)) from None
        return text

    def clean_pictures(self) -> list[Any]:
        """Uploads lose their folders, so a name may stand there once."""
        try:
            _one_of_each_name((picture.name for picture in self.cleaned_data["pictures"]), "You upload")
        except ImportRefused as error:
            raise forms.ValidationError(str(error)) from None
        pictures: list[Any] = self.cleaned_data["pictures"]
        return pictures

    def clean(self) -> dict[str, Any]:
        """Every picture that the table names is among the uploads."""
        data = super().clean() or {}
        if "table" in data and "pictures" in data:
            have = {PurePosixPath(picture.name).name for picture in data["pictures"]}
            lacking = sorted({PurePosixPath(file).name for file in table_files(data["table"])} - have)
            if lacking:
                more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
                raise forms.ValidationError(f"The table names {lacking[0]}{more}, which you do not upload.")
        return data


def _one_of_each_name(files: Iterable[str], who: str) -> None:
    names = Counter(PurePosixPath(file).name for file in files)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ImportRefused(
            f"{who} {twice[0]} twice, from different folders. Give every picture a name of its own, or import the "
            f"folder with manage.py import_renders."
        )


class ColumnsForm(forms.Form):
    """One row for each column: parameter or metric, and for a metric its direction and scope. Nothing is preset."""

    def __init__(self, *args: Any, names: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = names
        ask = [("", "choose …")]
        kinds = [*ask, ("parameter", "a parameter of the rendering"), ("metric", "a metric of the image")]
        for number, name in enumerate(names):
            self.fields[f"kind_{number}"] = forms.ChoiceField(choices=kinds, label=f"“{name}” is")
            self.fields[f"direction_{number}"] = forms.ChoiceField(
                choices=[*ask, *Metric.Direction.choices], label=f"“{name}”: which is better?", required=False
            )
            self.fields[f"scope_{number}"] = forms.ChoiceField(
                choices=[*ask, *Metric.Scope.choices], label=f"“{name}”: two values compare", required=False
            )
        self.fields["primary"] = forms.ChoiceField(
            choices=[*ask, *((n, n) for n in names)], label="The metric whose minimum is put to the test"
        )

    def columns(self) -> list[Column]:
        """What was said about each column. Raises ``ImportRefused`` where a metric lacks its direction or scope."""
        data = self.cleaned_data
        return [
            Column(name, data[f"kind_{i}"], data[f"direction_{i}"], data[f"scope_{i}"])
            if data[f"kind_{i}"] == "metric"
            else Column(name, data[f"kind_{i}"])
            for i, name in enumerate(self.names)
        ]
