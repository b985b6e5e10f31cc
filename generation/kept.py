"""Files that are made of rows on the first look and kept until the rows change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.core.files.base import ContentFile
from django.core.files.storage import storages


def kept(folder: str, key: str, make: Callable[[], Mapping[str, bytes]], last: str) -> str:
    """The folder below ``folder`` with the files that ``make`` gives for the rows whose digest is ``key``.

    They are made unless ``last`` is there, which is written behind all others; what lay there of other rows goes.
    """
    storage, here = storages["default"], f"{folder}/{key[:32]}"
    if not storage.exists(f"{here}/{last}"):
        files = make()
        for name in sorted(files, key=lambda n: n == last):
            storage.save(f"{here}/{name}", ContentFile(files[name]))
        _forget(folder, here)
    return here


def read(name: str) -> bytes | None:
    """A kept file; None where there is none of that name."""
    storage = storages["default"]
    if not storage.exists(name):
        return None
    with storage.open(name) as stored:
        data: bytes = stored.read()
    return data


def _forget(folder: str, here: str) -> None:
    """Remove what was made of earlier rows."""
    storage = storages["default"]
    for old in storage.listdir(folder)[0]:
        if f"{folder}/{old}" != here:
            for file in storage.listdir(f"{folder}/{old}")[1]:
                storage.delete(f"{folder}/{old}/{file}")
            storage.delete(f"{folder}/{old}")
