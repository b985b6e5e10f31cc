"""What a file is, is decided by its content; what is no picture is refused with a sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from generation.core import images
from generation.core.picture_files import PNG_SIGNATURE

from .conftest import drawn


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


PICTURE = Image.fromarray(drawn(3, 40, 60))
GOOD = _saved(PICTURE, "PNG")

HOSTILE = {
    "empty": (b"", "not a PNG, JPEG or WebP"),
    "text": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG, JPEG or WebP"),
    "gif": (_saved(PICTURE, "GIF"), "not a PNG, JPEG or WebP"),
    "eps": (_saved(PICTURE, "EPS"), "not a PNG, JPEG or WebP"),
    "tiff": (_saved(PICTURE, "TIFF"), "not a PNG, JPEG or WebP"),
    "psd": (b"8BPS\x00\x01" + bytes(6) + b"\x00\x03" + bytes(60), "not a PNG, JPEG or WebP"),
    "png signature on rubbish": (PNG_SIGNATURE + b"rubbish" * 20, "damaged or cut off"),
    "truncated png": (GOOD[:-200], "damaged or cut off"),
    "truncated jpeg": (_saved(PICTURE, "JPEG")[:-300], "damaged or cut off"),
    "truncated webp": (_saved(PICTURE, "WEBP")[:-300], "damaged or cut off"),
    "flipped bit": (GOOD[:60] + bytes([GOOD[60] ^ 1]) + GOOD[61:], "damaged or cut off"),
    "polyglot": (GOOD + b"PK\x03\x04 and a zip", "bytes after its end"),
    "half the rows": (_png(60, 40, bytes(20 * 181)), "rows its header announces"),
    "too many rows": (_png(60, 40, bytes(80 * 181)), "rows its header announces"),
    "bomb of 88 megapixels": (_png(11_000, 8_000, b""), "11000 x 8000 pixels"),
    "bomb of 400 megapixels": (_png(20_000, 20_000, b""), "far too large; at most 40 megapixels"),
    "one pixel high": (_png(4_000_000, 1, b""), "4000000 x 1 pixels"),
    "tiny": (_png(4, 4, bytes(4 * 13)), "at least 8"),
    "animated png": (_saved(PICTURE, "PNG", save_all=True, append_images=[PICTURE.rotate(180)]), "animated"),
    "animated webp": (_saved(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(180)]), "animated"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_sentence_that_names_it(name: str) -> None:
    data, words = HOSTILE[name]
    with pytest.raises(images.ImageError, match=words) as caught:
        images.decode(data, "holiday.png")
    assert "'holiday.png'" in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("padding", [b"\r\n", b" ", bytes(100_000)])
def test_padding_behind_the_end_is_taken_and_nothing_behind_the_padding(kind: str, padding: bytes) -> None:
    data = _saved(PICTURE, kind)
    assert np.array_equal(images.decode(data + padding), images.decode(data))
    with pytest.raises(images.ImageError, match=f"carries {len(padding) + 2} bytes after its end"):
        images.decode(data + padding + b"PK")


def test_a_picture_whose_companions_were_cut_off_is_one_picture() -> None:
    both = _saved(PICTURE, "MPO", save_all=True, append_images=[PICTURE.rotate(180)])
    with pytest.raises(images.ImageError, match="after its end"):
        images.decode(both)
    second = both.index(b"\xff\xd8\xff", 1000)
    alone = both[:second].rstrip(b"\0")
    assert alone.endswith(b"\xff\xd9")
    assert images.decode(alone).shape == (40, 60, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_kinds_are_taken_whatever_the_name_says(kind: str) -> None:
    assert images.decode(_saved(PICTURE, kind), "wrong.gif").shape == (40, 60, 3)


def test_png_round_trip_keeps_every_pixel_and_gives_the_same_bytes() -> None:
    image = drawn(4)
    data = images.encode_png(image)
    assert np.array_equal(images.decode(data), image)
    assert images.encode_png(images.decode(data)) == data
    assert b"tEXt" not in data


def test_a_cut_png_is_refused() -> None:
    with pytest.raises(images.ImageError, match="damaged or cut off"):
        images.decode(images.encode_png(drawn(4))[:-20], "x")


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter
    assert images.decode(_saved(PICTURE, "JPEG", exif=exif)).shape == (60, 40, 3)


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    assert (images.decode(_saved(clear, "PNG")) == 255).all()


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    decoded = images.decode(_saved(Image.fromarray(ramp), "PNG"))
    assert np.abs(decoded[..., 0].ravel().astype(int) - np.arange(256)).max() <= 1


def test_an_icc_profile_is_converted_to_srgb_and_an_srgb_one_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = images.decode(_saved(PICTURE, "PNG", icc_profile=srgb))
    assert np.abs(same.astype(int) - np.asarray(PICTURE).astype(int)).max() <= 1
    lab = ImageCms.createProfile("LAB")
    unfit = images.decode(_saved(PICTURE, "PNG", icc_profile=ImageCms.ImageCmsProfile(lab).tobytes()))
    assert np.array_equal(unfit, np.asarray(PICTURE)), "a profile that does not fit is ignored"


@pytest.mark.parametrize("shape", [(72, 96), (96, 72), (50, 400), (33, 97)])
def test_resizing_keeps_the_aspect_to_a_rounded_pixel(shape: tuple[int, int]) -> None:
    scaled = images.resize_longest(drawn(5, *shape), 64)
    assert max(scaled.shape[:2]) == 64
    assert abs(scaled.shape[0] - shape[0] * 64 / max(shape)) <= 0.5
    assert abs(scaled.shape[1] - shape[1] * 64 / max(shape)) <= 0.5


def test_thumbnail_is_a_small_webp_and_never_enlarges() -> None:
    assert images.decode(images.thumbnail(drawn(6, 300, 600), 128)).shape == (64, 128, 3)
    assert images.decode(images.thumbnail(drawn(6, 30, 60), 128)).shape == (30, 60, 3)


def test_grey_has_no_colour_and_keeps_luma() -> None:
    flat = images.grey(np.full((8, 8, 3), (255, 0, 0), np.uint8))
    assert (flat == 76).all()  # 0.299 * 255
