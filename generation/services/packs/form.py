"""What a pack looks like: its schema, where its files lie, and the error that says what is wrong with one."""

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
