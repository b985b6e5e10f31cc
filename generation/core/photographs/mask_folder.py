"""The masks of a folder, by the names of the photographs they belong to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from generation.core import images
from generation.core.masks import Mask, MaskError, read, unlike
from generation.core.photographs.folder import SUFFIXES, Read
from generation.core.spec import sha256_bytes


@dataclass(frozen=True)
class Found:
    """The mask of a photograph. ``pixels``: uint8, H x W, 1 where it marks."""

    name: str
    sha256: str
    pixels: Mask


class MaskFolder:
    """Files (name, function that reads it); that of ``a/one.jpg`` is ``a/one`` with any suffix of a picture."""

    def __init__(self, files: Iterable[tuple[str, Read]]) -> None:
        self._files: dict[str, list[tuple[str, Read]]] = {}
        for name, reader in sorted(files, key=lambda file: file[0]):
            if name.lower().endswith(SUFFIXES):
                self._files.setdefault(_stem(name), []).append((name, reader))

    def of(self, name: str, image: images.Image) -> Found | str:
        """The mask of the photograph ``name``, or why it cannot be used without one."""
        files = self._files.get(_stem(name), [])
        if not files:
            return "it has no mask of its name"
        if len(files) > 1:
            return f"it has several masks ({', '.join(file for file, _ in files)})"
        ((file, reader),) = files
        try:
            data = reader()
            pixels = read(data)
        except OSError as error:
            return f"its mask {file} cannot be read ({error.strerror or error})"
        except (images.ImageError, MaskError) as error:
            return f"its mask {file}: {_inside(str(error))}"
        if words := unlike(pixels, image):
            return f"its mask {file} does not fit: {words}"
        return Found(file, sha256_bytes(data), pixels)

    def left(self, names: Collection[str]) -> list[str]:
        """The files that are the mask of none of the photographs ``names``."""
        stems = set(map(_stem, names))
        return [file for stem, files in self._files.items() if stem not in stems for file, _ in files]


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _inside(sentence: str) -> str:
    """A sentence within another."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")
