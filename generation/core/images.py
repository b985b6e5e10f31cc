"""Strict ingest and plain handling of pictures: Pillow and numpy, nothing else.

What a file is, is decided by its content. Everything that passes :func:`decode` is an sRGB array of pixels; nothing
else of the file (metadata, profiles, trailing bytes) survives.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageCms, UnidentifiedImageError
from PIL import Image as Pillow

from generation.core.picture_files import ImageError as ImageError
from generation.core.picture_files import check_file, check_png_rows

Image = npt.NDArray[np.uint8]

MAX_PIXELS = 40_000_000
MAX_WEBP_PIXELS = 25_000_000  # Pillow's decoder needs 16 bytes for each
MAX_SIDE = 16_384
MIN_SIDE = 8
_FORMATS = ("PNG", "JPEG", "WEBP")
_LIMITS = f"at most {MAX_PIXELS // 1_000_000} megapixels and {MAX_SIDE} on a side are taken. Scale it down first."
#: Modes of 16 bits and more.
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_STRIP = 256  # rows converted at a time


def decode(data: bytes, name: str = "") -> Image:
    """Return the pixels of a PNG, JPEG or WebP file: uint8, H x W x 3, sRGB.

    EXIF orientation is applied, an ICC profile is converted to sRGB, transparency is laid on white; an orientation or
    a profile that cannot be read is passed over. At most 600 MB of memory are needed on the way. Raises
    :class:`ImageError` for other formats, animations, truncated or oversized files; the size is read from the header,
    so a bomb is refused before anything of it is unpacked.
    """
    label = repr(name) if name else "The file"
    check_file(data, label)
    try:
        # Pillow warns of bombs only above its own limit; ours is below it and counts.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture:
                _check_header(picture, label)
                if picture.format == "PNG":
                    check_png_rows(data, label)
                picture.load()
                orientation, pixels = _orientation(picture), _to_srgb(picture)
    except ImageError:
        raise
    except Pillow.DecompressionBombError as error:  # Pillow's own limit, far above ours, comes before our look
        raise ImageError(f"{label} is far too large; {_LIMITS}") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{label} is damaged: its header makes no sense. Export it again as PNG or JPEG.") from error
    except Exception as error:  # Pillow's decoders raise what they like; whatever it is, the file is at fault
        raise ImageError(f"{label} is damaged or cut off ({error}). Export it again as PNG or JPEG.") from error
    return _turned(pixels, orientation)


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


def _check_header(picture: Pillow.Image, label: str) -> None:
    width, height = picture.size
    # An MPO that got here is only an index of further pictures, which were cut off: nothing lies behind the first one.
    if getattr(picture, "n_frames", 1) != 1 and picture.format != "MPO":
        raise ImageError(f"{label} is animated or holds several pictures. Export a single frame as PNG or JPEG.")
    if picture.format == "WEBP" and width * height > MAX_WEBP_PIXELS:
        raise ImageError(
            f"{label} has {width} x {height} pixels; of WebP at most {MAX_WEBP_PIXELS // 1_000_000} megapixels are "
            "taken. Export it as PNG or JPEG, or scale it down first."
        )
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageError(f"{label} has {width} x {height} pixels; {_LIMITS}")
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{label} has {width} x {height} pixels; a picture has at least {MIN_SIDE} on each side.")


def _turned(pixels: Image, orientation: int) -> Image:
    """The picture as its EXIF orientation (1 to 8) says it is to be seen; a copy in order, whatever it was."""
    mirrored = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(mirrored[::rows, ::columns])


def _orientation(picture: Pillow.Image) -> int:
    """The EXIF orientation; 1 where what is said of it cannot be read, as browsers have it."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # the reader of EXIF raises what it likes; the pixels are sound all the same
        return 1


def _to_srgb(picture: Pillow.Image) -> Image:
    """H x W x 3 in sRGB on white, strip by strip: a whole picture in every mode on the way would need a gigabyte."""
    width, height = picture.size
    transform = _profile(picture)
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP):
        strip = picture.crop((0, top, width, min(top + _STRIP, height)))
        pixels[top : top + _STRIP] = np.asarray(_strip_to_srgb(strip, transform))
    return pixels


def _strip_to_srgb(picture: Pillow.Image, transform: ImageCms.ImageCmsTransform | None) -> Pillow.Image:
    """RGB in sRGB on white. 16-bit greys are scaled to 8 bits (Pillow would clip them)."""
    if picture.mode in _DEEP:
        values = np.asarray(picture, dtype=np.float64) / 257.0
        return Pillow.fromarray(values.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    rgb = picture.convert("RGB")
    if transform is not None:
        rgb = ImageCms.applyTransform(_plain(picture), transform) or rgb
    if alpha is None:
        return rgb
    white = Pillow.new("RGB", rgb.size, (255, 255, 255))
    white.paste(rgb, mask=alpha)
    return white


def _profile(picture: Pillow.Image) -> ImageCms.ImageCmsTransform | None:
    """From the picture's ICC profile to sRGB, if it has one that fits.

    A profile that does not fit its own file says nothing about the colours; browsers ignore it too.
    """
    if picture.mode in _DEEP or not (profile := picture.info.get("icc_profile")):
        return None
    mode = _plain(picture.crop((0, 0, 1, 1))).mode
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


def _plain(picture: Pillow.Image) -> Pillow.Image:
    """The picture in a mode that profiles are for: without palette and transparency."""
    if picture.mode in ("RGBA", "P", "PA", "RGBX"):
        return picture.convert("RGB")
    return picture.convert("L") if picture.mode in ("LA", "La", "1") else picture
