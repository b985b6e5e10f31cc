"""Marks of who was erased, outside the database: they outlive its loss, and every older copy of it.

A mark is an empty file named by a hash of the participant's token, without a study. The token is 128 random bits, so
the hash tells nothing to whoever has no copy in which that participant still is.
"""

import hashlib

from django.core.files.base import ContentFile
from django.core.files.storage import storages

FOLDER = "erased"


def mark_leave(token: str) -> None:
    """Note that whoever has this token is erased; before the rows go, so that a crash between leaves the mark."""
    storages["default"].save(f"{FOLDER}/{_name(token)}", ContentFile(b""))


def marked(tokens: dict[str, int]) -> list[int]:
    """Of participants by token, the rows that have a mark."""
    try:
        _, names = storages["default"].listdir(FOLDER)
    except FileNotFoundError:
        return []
    marks = set(names)
    return [pk for token, pk in tokens.items() if _name(token) in marks]


def _name(token: str) -> str:
    return hashlib.sha256(f"erased:{token}".encode()).hexdigest()
