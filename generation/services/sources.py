"""Pictures that people bring in: many at a time, with one licence and credit; named once per owner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import PurePosixPath
from typing import IO, Any, cast

from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import ProtectedError, Q
from django.utils.text import slugify

from generation.core import images
from generation.core.archives import MAX_MEMBER, ArchiveError, is_archive, members
from generation.models import Artifact, Cell, Grid, SourceImage
from generation.services.artifacts import Master, master_name, master_store, source_row

#: What a picture in an archive is called; loose files are judged by their content alone.
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class SourceInUse(ValueError):  # noqa: N818  (reads as what it says)
    """A picture that cannot be deleted; the text names what uses it."""


@dataclass
class Uploaded:
    """What became of uploaded files: pictures that are new, pictures that were known, names with the reason why not."""

    added: list[SourceImage] = field(default_factory=list)
    known: list[SourceImage] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def sources_upload(*, owner: User, files: Iterable[UploadedFile[Any]], licence: str = "", credit: str = "") -> Uploaded:
    """Bring in pictures and zip archives of pictures, each decoded strictly.

    A file that is no usable picture is refused by name and the others are kept. An archive comes in whole or not at
    all: where it is hostile, or one of its pictures is bad, nothing of it is stored.
    """
    result = Uploaded()
    for file in files:
        name = PurePosixPath(str(file.name or "picture").replace("\\", "/")).name
        head = file.read(8)
        file.seek(0)
        if is_archive(head):
            _archive(result, owner, file, name, licence, credit)
        elif (file.size or 0) > MAX_MEMBER:
            result.refused.append((name, f"{name!r} is larger than 100 MB. Scale it down first."))
        else:
            data = file.read()
            try:
                images.decode(data, name)  # under the name that the uploader knows it by
            except images.ImageError as error:
                result.refused.append((name, str(error)))
            else:
                master = master_store(data=data, kind=Artifact.Kind.IMAGE)
                _take(result, owner, master, name, licence, credit)
    return result


def _archive(result: Uploaded, owner: User, file: UploadedFile[Any], name: str, licence: str, credit: str) -> None:
    """All pictures of an archive or none. It is read twice: whether all of it is sound, is known before any is kept.

    The rows come last, in a transaction of their own: a gigabyte takes longer to decode and to write than votes wait.
    """
    bad: list[tuple[str, str]] = []
    passed_over: list[tuple[str, str]] = []
    is_empty = True
    try:
        for path, data in members(cast(IO[bytes], file.file), name):
            is_empty = False
            if not path.lower().endswith(SUFFIXES):
                passed_over.append((path, f"{path!r} is not called a picture and was passed over."))
                continue
            try:
                images.decode(data, path)
            except images.ImageError as error:
                bad.append((path, str(error)))
    except ArchiveError as error:
        result.refused.append((name, f"{error} Nothing of it was stored."))
        return
    if bad:
        result.refused += bad
        result.refused.append((name, f"Nothing of {name!r} was stored, because of the pictures named before."))
        return
    if is_empty:
        result.refused.append((name, f"{name!r} holds no pictures: the archive is empty."))
    result.refused += passed_over
    stored = [
        (PurePosixPath(path).name, master_store(data=data, kind=Artifact.Kind.IMAGE))
        for path, data in members(cast(IO[bytes], file.file), name)
        if path.lower().endswith(SUFFIXES)
    ]
    with transaction.atomic():
        for picture, master in stored:
            _take(result, owner, master, picture, licence, credit)


def _take(result: Uploaded, owner: User, master: Master, file: str, licence: str, credit: str) -> None:
    known = SourceImage.objects.filter(owner=owner, artifact=master.sha256).first()
    title = PurePosixPath(file).stem.replace("_", " ").replace("-", " ").strip() or "Picture"
    name = slugify(PurePosixPath(file).stem)[:70].strip("-_") or "picture"
    source = source_row(owner=owner, master=master, name=name, title=title[:200], licence=licence, credit=credit)
    (result.known if known else result.added).append(source)


def source_uses(source: SourceImage) -> list[str]:
    """Titles of the owner's laid grids that show the picture."""
    roles = ("scene__content", "scene__style", "scene__mask")
    shown = Cell.objects.filter(reduce(or_, (Q(**{role: source.artifact_id}) for role in roles)))
    grids = Grid.objects.filter(owner_id=source.owner_id, pk__in=shown.values("grid"))
    return list(grids.order_by("title").values_list("title", flat=True))


@transaction.atomic
def source_delete(*, source: SourceImage) -> None:
    """Take a picture out of the library, and its bytes with it when nothing else shows them.

    Raises :class:`SourceInUse` where a grid of the owner shows it: its licence and credit belong to that.
    """
    if uses := source_uses(source):
        more = f" and {len(uses) - 1} more" if len(uses) > 1 else ""
        raise SourceInUse(f"“{source}” is used by the grid “{uses[0]}”{more} and stays with it.")
    artifact, sha256 = source.artifact, source.artifact_id
    source.delete()
    try:
        with transaction.atomic():
            artifact.delete()
    except ProtectedError:
        return  # a scene of somebody else's grid, or somebody else's library
    transaction.on_commit(lambda: _forget(sha256))


def _forget(sha256: str) -> None:
    if not Artifact.objects.filter(pk=sha256).exists():
        storages["masters"].delete(master_name(sha256))
