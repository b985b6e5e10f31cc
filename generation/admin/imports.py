"""Two pages that bring in renders made elsewhere: the files, then what each column of their table means."""

import secrets
from pathlib import PurePosixPath

from django.contrib import admin, messages
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generation.admin.access import sent
from generation.forms import ColumnsForm, UploadForm
from generation.services.folders import folder_import
from generation.services.import_table import ImportRefused, table_columns
from generation.services.imports import renders_import

TEMPLATE = "generation/admin/import.html"
#: Written last: an import that has it is whole.
OWNER = "owner.txt"


def upload(request: HttpRequest) -> HttpResponse:
    """First page. Pictures without a table are a grid at once; with one, they wait until its columns are declared."""
    form = UploadForm(sent(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        if data["table"]:
            return redirect("admin:generation_grid_import_columns", token=_keep(request, data))
        try:
            grid = folder_import(owner=request.user, title=data["title"], files=data["pictures"])  # type: ignore[arg-type]
        except ImportRefused as error:
            form.add_error(None, f"{error} Nothing was stored.")
        else:
            messages.success(request, f"{grid.cells.count()} pictures imported. Say now what is measured on them.")
            return redirect("admin:generation_grid_measure", grid.pk)
    return _page(request, form, "Import renders: the files", "Next")


def columns(request: HttpRequest, token: str) -> HttpResponse:
    """Second page: direction and comparability are asked, never guessed."""
    folder = f"imports/{token}"
    # Under the importer's own name: a token that somebody else saw opens nothing.
    if not storages["default"].exists(f"{folder}/{OWNER}") or _read(f"{folder}/{OWNER}") != _name(request):
        raise Http404("This import is over. Begin a new one.")
    table = _read(f"{folder}/table.csv").decode()
    form = ColumnsForm(sent(request), names=table_columns(table))
    if request.method == "POST" and form.asks_anew:
        # The kinds that were chosen stand; what follows from them was never asked, so nothing of it is wrong yet.
        form = ColumnsForm(initial=dict(request.POST.items()), names=table_columns(table), chosen=request.POST)
        messages.info(request, "Now say whether lower_better or higher_better is meant for each metric.")
    elif request.method == "POST" and form.is_valid():
        try:
            grid = renders_import(
                owner=request.user,  # type: ignore[arg-type]  # the admin lets nobody anonymous in
                title=_read(f"{folder}/title.txt").decode(),
                table=table,
                read=lambda file: _read(f"{folder}/pictures/{PurePosixPath(file).name}"),
                columns=form.columns(),
                primary=form.cleaned_data.get("primary", ""),
            )
        except ImportRefused as error:
            form.add_error(None, f"{error} Nothing was stored.")
        else:
            _forget(folder)
            messages.success(request, f"{grid.cells.count()} pictures imported.")
            return redirect("admin:generation_grid_change", grid.pk)
    return _page(request, form, "Import renders: the columns", "Next" if not request.POST else "Import")


def _keep(request: HttpRequest, data: dict[str, object]) -> str:
    """Put the files of an import under a random name until the columns are declared; returns that name."""
    token, storage = secrets.token_hex(16), storages["default"]
    for picture in data["pictures"]:  # type: ignore[attr-defined]
        storage.save(f"imports/{token}/pictures/{PurePosixPath(picture.name).name}", picture)
    kept = {"table.csv": str(data["table"]).encode(), "title.txt": str(data["title"]).encode(), OWNER: _name(request)}
    for name, content in kept.items():
        storage.save(f"imports/{token}/{name}", ContentFile(content))
    return token


def _name(request: HttpRequest) -> bytes:
    return str(request.user.pk).encode()


def _read(name: str) -> bytes:
    with storages["default"].open(name) as file:
        data: bytes = file.read()
    return data


def _forget(folder: str) -> None:
    storage = storages["default"]
    for name in storage.listdir(f"{folder}/pictures")[1]:
        storage.delete(f"{folder}/pictures/{name}")
    for name in ("table.csv", "title.txt", OWNER):
        storage.delete(f"{folder}/{name}")


def _page(request: HttpRequest, form: UploadForm | ColumnsForm, title: str, button: str) -> HttpResponse:
    context = {**admin.site.each_context(request), "form": form, "title": title, "button": button}
    context |= {"grids": reverse("admin:generation_grid_changelist"), "files": isinstance(form, UploadForm)}
    return render(request, TEMPLATE, context)
