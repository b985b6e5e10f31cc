"""Zip archives that would do harm, drawn by code: each holds two good pictures, which must not come in either."""

import io
import struct
import warnings
import zipfile
from collections.abc import Callable

from tests.generation.gamma_task import picture

Member = tuple[str | zipfile.ZipInfo, bytes]
GOOD: list[Member] = [("harbour/fast.png", picture(1)), ("harbour/slow.png", picture(2))]
EVIL = picture(3)
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def packed(*members: Member, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of the good pictures and ``members``."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as archive:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, data in [*GOOD, *members]:
            archive.writestr(name, data, compress_type=None if isinstance(name, str) else method)
    return stream.getvalue()


def named(name: str, mode: int = 0) -> zipfile.ZipInfo:
    """A member whose name is not mended by this Python; ``mode``: what kind of file Unix takes it for."""
    info = zipfile.ZipInfo("x")
    info.filename, info.external_attr = name, mode << 16
    return info


def changed(data: bytes, local: int, central: int, value: bytes) -> bytes:
    """An archive whose last member has other bytes in its local header and in the directory."""
    out = bytearray(data)
    for signature, offset in ((LOCAL, local), (CENTRAL, central)):
        at = out.rindex(signature) + offset
        out[at : at + len(value)] = value
    return bytes(out)


def nul_in_a_name() -> bytes:
    """``scene/evil?png`` with a NUL for the question mark; Python cuts the name there."""
    return packed(("scene/evil?png", EVIL)).replace(b"scene/evil?png", b"scene/evil\0png")


def many(entries: int) -> bytes:
    """An archive whose directory names its last member so many times."""
    data = packed(("scene/evil.png", EVIL))
    entry, end = data.rindex(CENTRAL), data.rindex(END)
    directory = data[entry:end] * entries
    words = struct.pack("<HHHHIIH", 0, 0, entries % 65_536, entries % 65_536, len(directory), entry, 0)
    return data[:entry] + directory + END + words


def on_top_of_each_other() -> bytes:
    """The directory has its last member at the place of the first."""
    data = bytearray(packed(("scene/evil.png", EVIL), method=zipfile.ZIP_STORED))
    at = data.rindex(CENTRAL) + 42
    data[at : at + 4] = bytes(4)
    return bytes(data)


def with_a_far_end() -> bytes:
    """An archive that says, as ZIP64 does, that its real end is elsewhere."""
    data = packed()
    at = data.rindex(END)
    return data[:at] + b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1) + data[at:]


def of_bombs() -> bytes:
    """Like 42.zip: one layer of archives, each of which would unpack to a hundred megabytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.dll", bytes(100_000_000))
    return stream.getvalue()


BOMB = bytes(50_000_000)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "a path that climbs out": lambda: packed(("../../evil.png", EVIL)),
    "a path that climbs out from inside": lambda: packed(("scene/../../evil.png", EVIL)),
    "an absolute path": lambda: packed((named("/etc/evil.png"), EVIL)),
    "a path of Windows": lambda: packed((named("..\\evil.png"), EVIL)),
    "a drive": lambda: packed((named("C:evil.png"), EVIL)),
    "a share": lambda: packed((named("//server/evil.png"), EVIL)),
    "a dot": lambda: packed((named("."), EVIL)),
    "a NUL in a name": nul_in_a_name,
    "a link": lambda: packed((named("scene/evil.png", 0o120777), b"/etc/passwd")),
    "a device": lambda: packed((named("scene/evil.png", 0o020666), EVIL)),
    "a pipe": lambda: packed((named("scene/evil.png", 0o010666), EVIL)),
    "a name twice": lambda: packed(("harbour/fast.png", EVIL)),
    "a name twice but for capitals": lambda: packed(("Harbour/FAST.png", EVIL)),
    "a name twice but for its accents": lambda: packed(("scene/\u00e9.png", EVIL), ("scene/e\u0301.png", EVIL)),
    "a folder and a file of one name": lambda: packed(("harbour/fast.png/", b""), ("scene/x.png", EVIL)),
    "a member with a password": lambda: changed(packed(("scene/evil.png", EVIL)), 6, 8, b"\1"),
    "an unusual packing": lambda: packed((named("scene/evil.png"), EVIL), method=zipfile.ZIP_LZMA),
    "a size that is too small": lambda: changed(packed(("scene/evil.png", EVIL)), 22, 24, struct.pack("<I", 10)),
    "a size that is too large": lambda: changed(packed(("scene/evil.png", EVIL)), 22, 24, struct.pack("<I", 90_000)),
    "a size of four gigabytes": lambda: changed(packed(("scene/evil.png", EVIL)), 22, 24, b"\xfe\xff\xff\xff"),
    "a wrong checksum": lambda: changed(packed(("scene/evil.png", EVIL)), 14, 16, b"\1\2\3\4"),
    "another name inside than outside": lambda: packed(("scene/evil.png", EVIL)).replace(
        b"scene/evil", b"scene/good", 1
    ),
    "a bomb": lambda: packed(("scene/evil.png", BOMB)),
    "a bomb in small pieces": lambda: packed(*((f"scene/{n}.png", bytes(900_000)) for n in range(100))),
    "pictures on top of each other": on_top_of_each_other,
    "too many files": lambda: packed(*((f"scene/{n}.png", b"") for n in range(2_000))),
    "a hundred thousand files": lambda: many(100_000),
    "a far end": with_a_far_end,
    "no end": lambda: packed(("scene/evil.png", EVIL))[:-30],
    "nothing but a beginning": lambda: LOCAL + b" and then nothing",
    "one bad picture": lambda: packed(("scene/evil.png", EVIL[:200])),
    "a page called a picture": lambda: packed(("scene/evil.png", b"<script>alert(1)</script>")),
}
