"""The pictures that a grid file written in a page may name: those of its owner, and those that come with the project.

No path of this machine is ever followed from such a file: names are looked up in the library, and in two lists of
files that were made from folders of the project (and, for photographs to train on, of ``photographs/`` beside the
masters).
"""

import errno
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.contrib.auth.models import User

from generation.core.grid import GridError, Source
from generation.core.grid.photographs import DATA, MASKS, STYLES
from generation.core.spec import sha256_bytes
from generation.models import SourceImage
from generation.services.artifacts import ArtifactMissing, artifact_bytes
from generation.services.sources import SUFFIXES

#: Folders of the project whose pictures every grid file may name.
SHIPPED = ("sources", "colour/scenes", "defects/scenes")
#: Folders that come with the project, by where a grid file names one.
_OWN_FOLDERS: Mapping[str, str] = {
    DATA: "../colour/photographs (photographs) or ../defects/learning/pictures (a fleece with defects)",
    MASKS: "../defects/learning/masks (those of ../defects/learning/pictures)",
    STYLES: "../sources (pictures that come with the project)",
}


class Library:
    """The pictures of one owner by name and by SHA-256, as they are now."""

    def __init__(self, owner: User) -> None:
        rows = SourceImage.objects.filter(owner=owner, artifact__stored=True).values_list("name", "artifact")
        self._by_name: Mapping[str, str] = {name.lower(): sha for name, sha in rows}
        self._shas = frozenset(self._by_name.values())

    def reader(self, sources: Mapping[str, Source]) -> Callable[[str], bytes]:
        """``read(file)`` for ``grid_layout``: the bytes of the picture that one of ``sources`` means by its file."""
        by_file = {source.file: source for source in sources.values()}
        return lambda file: self.picture(by_file[file])

    def picture(self, source: Source) -> bytes:
        """The bytes of a picture. Raises ``OSError`` whose words say what is missing."""
        if source.sha256 in self._shas:
            return _stored(source.sha256)
        stem = PurePosixPath(source.file).stem.lower()
        names = [source.file.lower(), source.name.lower(), stem]
        shipped = _shipped().get(stem)
        # A path is of a file that came with the project, where one is called so; a bare name is first the owner's.
        if "/" in source.file and shipped is not None:
            return shipped.read_bytes()
        for name in names:
            if name in self._by_name:
                return _stored(self._by_name[name])
        if shipped is not None:
            return shipped.read_bytes()
        raise OSError(errno.ENOENT, "there is no such picture in your library, nor among those of the project")

    def problem(self, source: Source) -> str:
        """Why the picture of ``source`` cannot be taken; empty where it can."""
        where = f"[sources.{source.name}] file = {source.file!r}"
        try:
            data = self.picture(source)
        except OSError as error:
            return f"{where}: {error.strerror}. Add it under “Add pictures”, or correct the name."
        if source.sha256 and sha256_bytes(data) != source.sha256:
            return f"{where}: the picture is not the one the grid names (its SHA-256 differs)."
        return ""


def photographs_folder(named: str, where: str) -> Path:
    """The folder that a file written in a page means at ``where`` (``[data] folder``). Raises ``GridError`` for any
    other than these.

    Either one that comes with the project (:data:`_OWN_FOLDERS`) or a folder of ``photographs/``, which whoever runs
    the server fills.
    """
    project = (settings.BASE_DIR / "fixtures").resolve()
    own = (settings.VAR / "photographs").resolve()
    for root, place in ((project, project / "grids" / named), (own, own / named)):
        found = place.resolve()
        if found.is_relative_to(root) and found != root and found.is_dir():
            return found
    raise GridError(
        f"{where} = {named!r}: there is no such folder for grids written here. Write {_OWN_FOLDERS[where]}, or the "
        "name of a folder that whoever runs the server put into photographs/ of the data folder."
    )


def shipped_names() -> list[str]:
    """The names of the pictures that come with the project."""
    return sorted(_shipped())


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in SHIPPED:
        for path in sorted((settings.BASE_DIR / "fixtures" / folder).glob("*")):
            if path.suffix in SUFFIXES:
                found.setdefault(path.stem.lower(), path)
    return found


def _stored(sha256: str) -> bytes:
    try:
        return artifact_bytes(sha256)
    except ArtifactMissing as error:
        raise OSError(errno.ENOENT, str(error).rstrip(".")) from None
