"""What a pack looks like: its schema, where its files lie, and the error that says what is wrong with one."""

import stat
from pathlib import Path

from generation.core.archives import MAX_MEMBER

SCHEMA = 1
#: Kind of an artifact -> folder and suffix of its file. Trained networks are not packed: they are large, and their
#: recipe is (manage.py render trains them again).
FOLDERS = {"image": ("images", "png"), "curve": ("curves", "npz")}


class PackError(ValueError):
    """A pack that cannot be read (or a grid that cannot be packed); the text names the file and the mend."""


def file_name(kind: str, sha256: str) -> str:
    """The place of an artifact's file in a pack."""
    folder, suffix = FOLDERS[kind]
    return f"{folder}/{sha256}.{suffix}"


def read_file(folder: Path, place: str) -> bytes:
    """The bytes of a plain file of a pack, or of a folder beside it, where the pictures of several packs may lie.

    Raises :class:`PackError` for a place elsewhere, a link, a device, and a file that is far too large or not there.
    """
    path = folder / place
    try:
        if not path.resolve().is_relative_to(folder.resolve().parent):
            raise PackError(f"{place!r} leads out of the pack. Nothing was read.")
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise PackError(f"{path} is a link, a folder or a device, not a file. Nothing was read.")
        if found.st_size > MAX_MEMBER:
            raise PackError(f"{path} has more than {MAX_MEMBER // 1_000_000} MB. Nothing was read.")
        return path.read_bytes()
    except OSError as error:
        raise PackError(f"{path}: {error.strerror}. The pack is incomplete; nothing was read.") from None
    except ValueError as error:
        if isinstance(error, PackError):
            raise
        raise PackError(f"{place!r} is not the name of a file. Nothing was read.") from None
