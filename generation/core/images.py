"""Strict ingest and plain handling of pictures: Pillow and numpy, nothing else.

What a file is, is decided by its content. Everything that passes :func:`decode` is an sRGB array of pixels; nothing
else of the file (metadata, profiles, trailing bytes) survives.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps

Image = npt.NDArray[np.uint8]

MAX_PIXELS = 40_000_000
MAX_SIDE = 16_384
MIN_SIDE = 8
_FORMATS = ("PNG", "JPEG", "WEBP")
_LIMITS = f"at most {MAX_PIXELS // 1_000_000} megapixels and {MAX_SIDE} on a side are taken. Scale it down first."
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class ImageError(ValueError):
    """A file that is no usable picture; the text names the file, what is wrong, and the mend."""


def decode(data: bytes, name: str = "") -> Image:
    """Return the pixels of a PNG, JPEG or WebP file: uint8, H x W x 3, sRGB.

    EXIF orientation is applied, an ICC profile is converted to sRGB, transparency is laid on white. Raises
    :class:`ImageError` for other formats, animations, truncated or oversized files; the size is read from the header,
    so a bomb is refused before anything of it is unpacked.
    """
    label = repr(name) if name else "The file"
    _check_kind(data, label)
    try:
        # Pillow warns of bombs only above its own limit; ours is below it and counts.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture:
                _check_header(picture, label)
                if picture.format == "PNG":
                    _check_png(data, label)
                picture.load()
                pixels = np.asarray(_to_srgb(ImageOps.exif_transpose(picture)))
    except ImageError:
        raise
    except Pillow.DecompressionBombError as error:  # Pillow's own limit, far above ours, comes before our look
        raise ImageError(f"{label} is far too large; {_LIMITS}") from error
    except Exception as error:  # Pillow's decoders raise what they like; whatever it is, the file is at fault
        raise ImageError(f"{label} is damaged or cut off ({error}). Export it again as PNG or JPEG.") from error
    return np.ascontiguousarray(pixels, dtype=np.uint8)


def encode_png(image: Image) -> bytes:
    """PNG bytes of an H x W x 3 uint8 array: pixels only, no metadata, the same bytes for the same pixels."""
    stream = io.BytesIO()
    Pillow.fromarray(_pixels(image)).save(stream, "PNG", compress_level=6)
    return stream.getvalue()


def resize_longest(image: Image, size: int) -> Image:
    """Scale so that the longest side has ``size`` pixels, the other by the same factor rounded to whole pixels (>= 1).

    Lanczos with Pillow's antialiasing on 8-bit values: sharp, deterministic on every machine, torch-free.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    return resize_to(image, max(1, round(height * scale)), max(1, round(width * scale)))


def resize_to(image: Image, height: int, width: int) -> Image:
    """Scale to exactly ``height`` x ``width`` (Lanczos); the array itself when it has that size."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Pillow.fromarray(_pixels(image)).resize((width, height), Pillow.Resampling.LANCZOS))


def thumbnail(image: Image, size: int = 256) -> bytes:
    """WebP bytes of a picture no larger than ``size`` on its longest side; for lists, never for a vote."""
    small = image if max(image.shape[:2]) <= size else resize_longest(image, size)
    stream = io.BytesIO()
    Pillow.fromarray(_pixels(small)).save(stream, "WEBP", quality=82, method=4)
    return stream.getvalue()


def grey(image: Image) -> Image:
    """The picture without colour: Rec. 601 luma (Pillow's mode L) in all three channels."""
    luma = np.asarray(Pillow.fromarray(_pixels(image)).convert("L"))
    return np.ascontiguousarray(np.repeat(luma[:, :, None], 3, axis=2))


def _pixels(image: Image) -> Image:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise TypeError(f"A picture is uint8 of H x W x 3, not {image.dtype} of {image.shape}.")
    return np.ascontiguousarray(image)


def _check_kind(data: bytes, label: str) -> None:
    known = data.startswith((_PNG_SIGNATURE, b"\xff\xd8\xff")) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    if not known:
        raise ImageError(
            f"{label} is not a PNG, JPEG or WebP picture, whatever its name says. Export it as PNG or JPEG."
        )


def _check_header(picture: Pillow.Image, label: str) -> None:
    width, height = picture.size
    if getattr(picture, "n_frames", 1) != 1:
        raise ImageError(f"{label} is animated. Export a single frame as PNG or JPEG.")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageError(f"{label} has {width} x {height} pixels; {_LIMITS}")
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{label} has {width} x {height} pixels; a picture has at least {MIN_SIDE} on each side.")


def _check_png(data: bytes, label: str) -> None:
    """Check what libpng forgives: chunk CRCs, the exact length of the unpacked rows, bytes after the end."""
    at, packed, header, ended = len(_PNG_SIGNATURE), bytearray(), b"", False
    while at + 12 <= len(data) and not ended:
        length = int.from_bytes(data[at : at + 4], "big")
        kind, rest = data[at + 4 : at + 8], data[at + 8 : at + 12 + length]
        body, crc = rest[:length], rest[length:]
        if len(crc) < 4 or zlib.crc32(kind + body) != int.from_bytes(crc, "big"):
            raise ImageError(f"{label} is damaged or cut off (a checksum is wrong). Export it again as PNG or JPEG.")
        header = body if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        ended = kind == b"IEND"
        at += 12 + length
    if not ended or len(header) != 13:
        raise ImageError(f"{label} is cut off. Export it again as PNG or JPEG.")
    if at != len(data):
        raise ImageError(f"{label} carries {len(data) - at} bytes after its end. Export it again as PNG or JPEG.")
    expected = _png_raw_length(header)
    unpacker = zlib.decompressobj()
    found = len(unpacker.decompress(bytes(packed), expected + 1))
    if found != expected or not unpacker.eof:
        raise ImageError(f"{label} does not hold the rows its header announces. Export it again as PNG or JPEG.")


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


def _to_srgb(picture: Pillow.Image) -> Pillow.Image:
    """RGB in sRGB on white. 16-bit greys are scaled to 8 bits (Pillow would clip them)."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture, dtype=np.float64) / 257.0
        return Pillow.fromarray(values.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    if profile := picture.info.get("icc_profile"):
        base = picture.convert("RGB") if picture.mode in ("RGBA", "P", "PA", "RGBX") else picture
        base = base.convert("L") if base.mode in ("LA", "La", "1") else base
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(base, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            rgb = converted if converted is not None else base.convert("RGB")
        except ImageCms.PyCMSError:
            # A profile that does not fit its own file says nothing about the colours; browsers ignore it too.
            rgb = base.convert("RGB")
    else:
        rgb = picture.convert("RGB")
    if alpha is None:
        return rgb
    white = Pillow.new("RGB", rgb.size, (255, 255, 255))
    white.paste(rgb, mask=alpha)
    return white
