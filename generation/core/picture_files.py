"""What a sound PNG, JPEG or WebP file is around its pixels: decoders forgive what is refused here.

Checked on the bytes alone, before any decoder sees them: chunks, segments and checksums, how many parts there are, and
that nothing but padding lies behind the picture's end (no second file that another programme would find).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8\xff"
#: Pictures have tens of parts, or one for every few kilobytes; millions of empty ones only cost time.
MAX_PARTS = 50_000
#: A progressive JPEG has about ten scans; each one is a pass over the whole picture.
MAX_SCANS = 32
#: What cameras fill a file up with, and what a transfer as text puts behind it.
_PADDING = b"\0\r\n "
_AGAIN = "Export it again as PNG or JPEG."
_PIECE = 1 << 20  # bytes unpacked at a time
#: The next marker of a JPEG: no stuffed byte, no restart, no fill byte (ITU-T T.81, B.1.1).
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_SCAN, _END = 0xDA, 0xD9
#: The last bytes of an IHDR: deflate, the five filters, plain or interlaced. There are no others.
_METHODS = (b"\0\0\0", b"\0\0\1")


class ImageError(ValueError):
    """A file that is no usable picture; the text names the file, what is wrong, and the mend."""


def check_file(data: bytes, label: str) -> None:
    """Check the structure of a file by what its first bytes say it is; ``label`` begins the sentence of the error."""
    if data.startswith(PNG_SIGNATURE):
        end = _png_end(data, label)
    elif data.startswith(_JPEG_SIGNATURE):
        end = _jpeg_end(data, label)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        length = int.from_bytes(data[4:8], "little")
        end = 8 + length + length % 2
    else:
        raise ImageError(
            f"{label} is not a PNG, JPEG or WebP picture, whatever its name says. Export it as PNG or JPEG."
        )
    if end > len(data):
        raise ImageError(f"{label} is damaged or cut off (it ends before the picture does). {_AGAIN}")
    if (count := len(data.rstrip(_PADDING)) - end) > 0:
        more = f"{count} byte{'s' * (count > 1)}"
        raise ImageError(f"{label} carries {more} after its end, as some phones append. {_AGAIN}")


def check_png_rows(data: bytes, label: str) -> None:
    """Check that the image data of a sound PNG unpack to exactly the rows that its header announces."""
    chunks = list(_png_chunks(data))
    expected = _png_raw_length(bytes(chunks[0][1]))
    unpacker, found = zlib.decompressobj(), 0
    for packed in (piece for kind, body in chunks if kind == b"IDAT" for piece in _pieces(body)):
        rest: bytes | memoryview = packed
        while rest and found <= expected:
            found += len(unpacker.decompress(rest, _PIECE))
            rest = unpacker.unconsumed_tail
    while found <= expected and (last := unpacker.decompress(b"", _PIECE)):  # what is packed may be in before it is out
        found += len(last)
    if found != expected or not unpacker.eof or unpacker.unused_data:
        raise ImageError(f"{label} does not hold the rows its header announces. {_AGAIN}")


def _pieces(body: memoryview) -> Iterator[memoryview]:
    return (body[at : at + _PIECE // 16] for at in range(0, len(body), _PIECE // 16))


def _png_end(data: bytes, label: str) -> int:
    """Where the IEND chunk ends, once the chunks before it and their checksums are right."""
    at, parts = len(PNG_SIGNATURE), 0
    for kind, body in _png_chunks(data):
        crc = data[at + 8 + len(body) : at + 12 + len(body)]
        if len(crc) < 4 or zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(crc, "big"):
            raise ImageError(f"{label} is damaged or cut off (a checksum is wrong). {_AGAIN}")
        first = at == len(PNG_SIGNATURE)
        if (kind == b"IHDR") != first or (first and (len(body) != 13 or bytes(body[10:]) not in _METHODS)):
            raise ImageError(f"{label} is damaged or cut off (its header is not one of a PNG). {_AGAIN}")
        at, parts = at + 12 + len(body), parts + 1
        _check_parts(parts, label)
        if kind == b"IEND":
            return at
    raise ImageError(f"{label} is damaged or cut off (it ends before the picture does). {_AGAIN}")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and body of each chunk, until IEND or the last byte; the last body may be shorter than it says."""
    at, view = len(PNG_SIGNATURE), memoryview(data)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], view[at + 8 : at + 8 + length]
        if data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + length


def _jpeg_end(data: bytes, label: str) -> int:
    """Where the end marker (EOI) ends. Thumbnails lie inside segments and are passed over with them."""
    at, parts, scans = 2, 0, 0
    while found := _MARKER.search(data, at):
        at, marker, parts = found.end(), found.group(1)[0], parts + 1
        _check_parts(parts, label)
        if marker == _END:
            return at
        scans += marker == _SCAN
        if scans > MAX_SCANS:
            raise ImageError(f"{label} has more than {MAX_SCANS} scans; an ordinary JPEG has ten. {_AGAIN}")
        if marker != 0x01:  # TEM stands alone
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    raise ImageError(f"{label} is damaged or cut off (it ends before the picture does). {_AGAIN}")


def _check_parts(parts: int, label: str) -> None:
    if parts > MAX_PARTS:
        raise ImageError(f"{label} is built of more than {MAX_PARTS:,} parts, as no picture is. {_AGAIN}")


def _png_raw_length(header: bytes) -> int:
    """Bytes of the unpacked image data that an IHDR announces (PNG specification, filter byte per row, Adam7)."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    if not interlaced:
        passes = [(width, height)]
    else:
        steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        passes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in steps]
    return sum(h * (1 + (w * bits + 7) // 8) for w, h in passes if w > 0 and h > 0)
