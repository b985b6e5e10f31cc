"""A study as one file: the page that gives it, and the page that takes one, or one that comes with Eyeballot."""

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import panel_of
from studyplatform.voting.services import StudyError
from studyplatform.voting.services.study_file import LONGEST, ready_studies, ready_text, study_file, study_import
from studyplatform.voting.services.study_file.ready import SUFFIX


def file(request: HttpRequest, study: Study) -> HttpResponseBase:
    """What the file holds, and the link to it."""
    grids = study.grids.order_by("slug")
    context = {
        "name": study.slug + SUFFIX,
        "without_file": [grid for grid in grids if not grid.toml],
        "panel": panel_of(study),
    }
    return study_page(request, study, "admin/voting/study/pages/file.html", context, page="file")


def download(request: HttpRequest, study: Study) -> HttpResponseBase:  # noqa: ARG001
    """The file."""
    response = HttpResponse(study_file(study), content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{study.slug}{SUFFIX}"'
    return response


register(StudyPage("file", "File", file, order=82))
register(StudyPage("file_download", "File", download, path="file/download/", tab=False))


class ImportForm(forms.Form):
    """A study file from one's disk."""

    file = forms.FileField(
        label="Study file",
        help_text=f"A file that ends in {SUFFIX}, as the page “File” of a study gives it. Nothing is stored unless all "
        "of it can be read.",
    )

    def clean_file(self) -> "UploadedFile[bytes]":
        """Far too large a file is not even read."""
        sent: UploadedFile[bytes] = self.cleaned_data["file"]
        if (sent.size or 0) > LONGEST:
            raise forms.ValidationError(f"The file has {sent.size:,} bytes; a study file has at most {LONGEST:,}.")
        return sent


def import_page(request: HttpRequest) -> HttpResponse:
    """Take a study file, or one of the ready studies by its name (POST); else show both."""
    ready = request.POST.get("ready")
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" and ready is None else ImportForm()
    if request.method == "POST" and (ready is not None or form.is_valid()):
        assert isinstance(request.user, User)  # noqa: S101  (tells the type checker; the admin lets nobody else in)
        try:
            data = ready_text(ready) if ready is not None else form.cleaned_data["file"].read()
            made = study_import(data=data, by=request.user)
        except StudyError as error:
            for problem in error.problems:
                form.add_error("file", problem) if form.is_bound else messages.error(request, problem)
        else:
            messages.success(
                request, f"“{made.study}” is imported. It is a draft of yours; look at it, then preview it."
            )
            for note in made.notes:
                messages.warning(request, note)
            return redirect("admin:voting_study_change", made.study.pk)
    context = {
        **admin.site.each_context(request),
        "opts": Study._meta,
        "title": "Import a study",
        "form": form,
        "ready": ready_studies(),
    }
    return render(request, "admin/voting/study/import.html", context, status=400 if form.errors else 200)
