"""The admin's two pages that bring in renders made elsewhere: the files, then what each column means."""

import secrets
from pathlib import PurePosixPath

from django.contrib import admin, messages
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generation.forms import ColumnsForm, UploadForm
from generation.services.import_table import ImportRefused, table_columns
from generation.services.imports import renders_import

TEMPLATE = "generation/admin_import.html"


def upload(request: HttpRequest) -> HttpResponse:
    """First page: keep the files under a random name until the columns are declared."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        token, storage = secrets.token_hex(16), storages["default"]
        storage.save(f"imports/{token}/table.csv", ContentFile(form.cleaned_data["table"].encode()))
        storage.save(f"imports/{token}/title.txt", ContentFile(form.cleaned_data["title"].encode()))
        for picture in form.cleaned_data["pictures"]:
            storage.save(f"imports/{token}/pictures/{PurePosixPath(picture.name).name}", picture)
        return redirect("admin:generation_grid_import_columns", token=token)
    return _page(request, form, "Import renders: the files", "Next: what the columns mean")


def columns(request: HttpRequest, token: str) -> HttpResponse:
    """Second page: direction and comparability are asked, never guessed."""
    storage, folder = storages["default"], f"imports/{token}"
    if not storage.exists(f"{folder}/table.csv"):
        raise Http404("This import is over. Begin a new one.")
    table = _read(f"{folder}/table.csv").decode()
    form = ColumnsForm(request.POST or None, names=table_columns(table))
    if request.method == "POST" and form.is_valid():
        try:
            grid = renders_import(
                owner=request.user,  # type: ignore[arg-type]  # the admin lets nobody anonymous in
                title=_read(f"{folder}/title.txt").decode(),
                table=table,
                read=lambda file: _read(f"{folder}/pictures/{PurePosixPath(file).name}"),
                columns=form.columns(),
                primary=form.cleaned_data["primary"],
            )
        except ImportRefused as error:
            form.add_error(None, f"{error} Nothing was stored.")
        else:
            _forget(folder)
            messages.success(request, f"{grid.cells.count()} pictures imported.")
            return redirect("admin:generation_grid_change", grid.pk)
    return _page(request, form, "Import renders: the columns", "Import")


def _read(name: str) -> bytes:
    with storages["default"].open(name) as file:
        data: bytes = file.read()
    return data


def _forget(folder: str) -> None:
    storage = storages["default"]
    for name in storage.listdir(f"{folder}/pictures")[1]:
        storage.delete(f"{folder}/pictures/{name}")
    for name in ("table.csv", "title.txt"):
        storage.delete(f"{folder}/{name}")


def _page(request: HttpRequest, form: UploadForm | ColumnsForm, title: str, button: str) -> HttpResponse:
    context = {**admin.site.each_context(request), "form": form, "title": title, "button": button}
    return render(request, TEMPLATE, {**context, "grids": reverse("admin:generation_grid_changelist")})
