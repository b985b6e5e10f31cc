"""The mark of a restore under way: while it stands, somebody who was erased may be back in the database.

A file in the media storage and not a row: it outlives the database that a restore replaces.
"""

from django.core.files.base import ContentFile
from django.core.files.storage import storages

MARK = "restoring"
SENTENCE = (
    "A restore is under way or was cut off, so people who were erased may be back in the database. Wait for its end, "
    "or run manage.py restore again; only a restore that came to its end lets the server start."
)


def begin() -> None:
    """Set the mark; one that stands already stays."""
    if not under_way():
        storages["default"].save(MARK, ContentFile(b""))


def under_way() -> bool:
    """Whether the mark stands."""
    return storages["default"].exists(MARK)


def end() -> None:
    """Take the mark away."""
    storages["default"].delete(MARK)
