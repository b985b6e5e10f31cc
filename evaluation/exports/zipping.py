"""A zip that is sent while it is made."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator

#: The zip format has no room for "no date" and a real one would change the bytes.
NO_DATE = (1980, 1, 1, 0, 0, 0)
#: Pictures are compressed already.
STORED = (".png", ".webp", ".jpg")


class _Passing(io.RawIOBase):
    """A file that forgets what it was given as soon as it is taken; it cannot be sought in."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        self._held.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        """What came since."""
        found = b"".join(self._held)
        self._held.clear()
        return found


def zipped(parts: Iterable[tuple[str, Iterable[bytes]]], *, large: bool = False) -> Iterator[bytes]:
    """Files (path, pieces) as a zip, piece by piece; the same parts give the same bytes. ``large``: a file may have
    more than 2 GB, which not every program can open."""
    out = _Passing()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in parts:
            info = zipfile.ZipInfo(path, NO_DATE)
            info.compress_type = zipfile.ZIP_STORED if path.endswith(STORED) else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=large) as file:
                for piece in content:
                    file.write(piece)
                    if sent := out.take():
                        yield sent
            if sent := out.take():
                yield sent
    yield out.take()
