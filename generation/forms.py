"""Forms of the admin's own pages: pictures, what is brought in from elsewhere, what is measured."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from django import forms

from generation.core import catalogue
from generation.models import Metric, SourceImage
from generation.services.import_table import Column, ImportRefused, table_columns, table_files

MAX_TABLE = 5_000_000  # bytes


class ManyFiles(forms.ClearableFileInput):
    """A file input that takes many."""

    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """Many uploaded pictures, as a list; what they are is decided by their content, later."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = (data if isinstance(data, list | tuple) else [data]) or [None]  # none at all is said like one
        return [super(PicturesField, self).clean(file, initial) for file in files]


class WholeWords:
    """A form whose browser cuts nothing off what is pasted: what is too long is said instead."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("licence", "credit"):
            self.fields[name].widget.attrs.pop("maxlength", None)
            self.fields[name].error_messages["max_length"] = (
                f"The {name} has %(show_value)d characters; at most %(limit_value)d are kept. Write it shorter."
            )


class SourcesForm(WholeWords, forms.Form):
    """Pictures for the library, with one licence and credit."""

    pictures = PicturesField(
        label="Pictures", help_text="PNG, JPEG or WebP, as many as you like; or zip archives of pictures."
    )
    licence = forms.CharField(
        max_length=120, required=False, help_text="Of all of them, for example: CC0, public domain, CC BY 4.0."
    )
    credit = forms.CharField(
        max_length=300,
        required=False,
        help_text="Who made them, as a paper would say it. Both can be changed for each picture later.",
    )


class SourceForm(WholeWords, forms.ModelForm):  # type: ignore[type-arg]
    """What is said about a picture; its bytes stay what they are."""

    class Meta:
        model = SourceImage
        fields = ["name", "title", "licence", "credit"]

    def clean_name(self) -> str:
        """A name is one picture of its owner, so that a grid file means one thing."""
        name: str = self.cleaned_data["name"]
        others = SourceImage.objects.filter(owner_id=self.instance.owner_id, name=name).exclude(pk=self.instance.pk)
        if other := others.first():
            raise forms.ValidationError(
                f"Your picture “{other.title}” is called {name!r} already. Choose another name."
            )
        return name


class UploadForm(forms.Form):
    """Pictures made elsewhere, with the table that names them or with names that say what they show."""

    title = forms.CharField(max_length=200, help_text="What a paper would call this grid.")
    table = forms.FileField(
        label="scores.csv",
        required=False,
        help_text="Where you have numbers already: columns file, scene, condition; if wanted content (file of the "
        "photograph) and seed; then your own. Leave it out to have the pictures measured here.",
    )
    pictures = PicturesField(
        label="Pictures",
        help_text="PNG, JPEG or WebP. With a table: all files that it names. Without one: files called "
        "scene__condition.png, or a zip archive of folders with scene/condition.png. A file called "
        "scene__photograph.png is what the scene’s pictures were made of.",
    )

    def clean_table(self) -> str:
        """The table as text with the required columns; empty where there is none."""
        file = self.cleaned_data["table"]
        if not file:
            return ""
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
        pictures: list[Any] = self.cleaned_data["pictures"]
        try:
            _one_of_each_name((picture.name for picture in pictures), "You upload")
        except ImportRefused as error:
            raise forms.ValidationError(str(error)) from None
        return pictures

    def clean(self) -> dict[str, Any]:
        """Every picture that the table names is among the uploads."""
        data = super().clean() or {}
        if data.get("table") and "pictures" in data:
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
    """What each column is; for each metric then its direction and scope, and which one is put to the test.

    Nothing is preset. The questions about metrics are there as soon as a column is one in ``chosen`` (what was sent);
    ``asks_anew`` says that they were not there before.
    """

    def __init__(self, *args: Any, names: list[str], chosen: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.data if chosen is None else chosen
        self.names = names
        self.asks_anew = False
        ask = [("", "choose …")]
        kinds = [*ask, ("parameter", "a parameter of the rendering"), ("metric", "a metric of the image")]
        metrics = []
        for number, name in enumerate(names):
            self.fields[f"kind_{number}"] = forms.ChoiceField(choices=kinds, label=f"“{name}” is")
            if chosen.get(f"kind_{number}") != "metric":
                continue
            metrics.append(name)
            self.asks_anew |= f"direction_{number}" not in chosen
            self.fields[f"direction_{number}"] = forms.ChoiceField(
                choices=[*ask, *Metric.Direction.choices], label=f"“{name}”: which is better?"
            )
            self.fields[f"scope_{number}"] = forms.ChoiceField(
                choices=[*ask, *Metric.Scope.choices], label=f"“{name}”: two values compare"
            )
        if metrics:
            self.asks_anew |= "primary" not in chosen
            self.fields["primary"] = forms.ChoiceField(
                choices=[*ask, *((n, n) for n in metrics)], label="The metric whose minimum is put to the test"
            )

    def columns(self) -> list[Column]:
        """What was said about each column."""
        data = self.cleaned_data
        return [
            Column(name, data[f"kind_{i}"], data[f"direction_{i}"], data[f"scope_{i}"])
            if data[f"kind_{i}"] == "metric"
            else Column(name, data[f"kind_{i}"])
            for i, name in enumerate(self.names)
        ]


class MeasureForm(forms.Form):
    """Metrics of the catalogue for the pictures of a grid, and which of them is put to the test where none is yet."""

    metrics = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, label="Measure")
    primary = forms.ChoiceField(
        label="Put to the test",
        required=False,
        help_text="The metric whose best picture is compared with what people prefer. It is chosen once.",
    )

    def __init__(
        self, *args: Any, possible: Iterable[catalogue.PictureMetric], known: Iterable[str], ask: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        possible, have = list(possible), set(known)
        tested = [(m.key, m.label) for m in possible if m.role != Metric.Role.DESCRIPTOR]
        describing = [m for m in possible if m.role == Metric.Role.DESCRIPTOR]
        groups = {
            "May be put to the test": [m for m in possible if m not in describing],
            "Only describe a picture": describing,
        }
        self.fields["metrics"].choices = [  # type: ignore[attr-defined]
            (words, [(m.key, _metric_words(m)) for m in group]) for words, group in groups.items() if group
        ]
        self.initial.setdefault("metrics", [m.key for m in possible if not m.network or m.key in have])
        if ask and tested:
            self.fields["primary"].choices = [("", "choose …"), *tested]  # type: ignore[attr-defined]
            self.fields["primary"].required = True
        else:
            del self.fields["primary"]

    def clean(self) -> dict[str, Any]:
        """What is put to the test is measured."""
        data = super().clean() or {}
        if data.get("primary") and data["primary"] not in data.get("metrics", []):
            self.add_error("primary", "Tick this metric above too: what is put to the test must be measured.")
        return data


def _metric_words(metric: catalogue.PictureMetric) -> str:
    better = "" if metric.role == Metric.Role.DESCRIPTOR else f", {metric.direction.removesuffix('_better')} is better"
    return f"{metric.label}{better}" + (f" (needs the network {metric.network})" if metric.network else "")
