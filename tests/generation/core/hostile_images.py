"""Pictures and what pretends to be one, drawn by code: each with the decision that is right by how it was made."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageCms

from generation.core.picture_files import MAX_PARTS, MAX_SCANS, PNG_SIGNATURE

from .conftest import drawn

WIDTH, HEIGHT = 60, 40


@dataclass(frozen=True)
class Case:
    """One file: what it is called, how it is drawn, and whether it is a picture that can be used."""

    what: str
    taken: bool
    draw: Callable[[], bytes]
    name: str = "holiday.png"
    costly: bool = False  # some seconds to draw


@cache
def picture() -> Image.Image:
    """The picture that most cases hold or held."""
    return Image.fromarray(drawn(3, HEIGHT, WIDTH))


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    """The picture (or ``image``) as Pillow writes it."""
    stream = io.BytesIO()
    (image or picture()).save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes, crc: int | None = None) -> bytes:
    """A chunk of a PNG; its checksum is right unless another is given."""
    return (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) if crc is None else crc)
    )


def header(
    width: int = WIDTH, height: int = HEIGHT, depth: int = 8, colour: int = 2, methods: bytes = bytes(3)
) -> bytes:
    """The IHDR chunk of a PNG."""
    return chunk(b"IHDR", struct.pack(">IIBB", width, height, depth, colour) + methods)


def png(*chunks: bytes) -> bytes:
    """Signature, chunks, end."""
    return PNG_SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


def flat(width: int, height: int, depth: int = 8, colour: int = 2, *extra: bytes, rows: int | None = None) -> bytes:
    """A black PNG of any size, its rows packed one by one: megapixels cost kilobytes. ``rows``: how many it holds."""
    row = bytes(1 + (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8)
    packer = zlib.compressobj(6)
    packed = b"".join(packer.compress(row) for _ in range(height if rows is None else rows)) + packer.flush()
    return png(header(width, height, depth, colour), *extra, chunk(b"IDAT", packed))


def zeros(size: int) -> bytes:
    """So many zero bytes, packed, without ever being there at once."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)) + packer.flush()


def zipped() -> bytes:
    """A small zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inside.txt", "nobody asked for this")
    return stream.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def into_jpeg(*segments: bytes) -> bytes:
    """The picture as a JPEG with segments behind its start."""
    data = saved("JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def rows_said(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header says another size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def scans(times: int) -> bytes:
    """A progressive JPEG of 36 megapixels whose last scan is there so many times."""
    data = saved("JPEG", Image.new("L", (6000, 6000)), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * times + data[-2:]


def lossless_webp_of(width: int, height: int) -> bytes:
    """A lossless WebP whose header says another size (14 bits each, RFC 9649, 3.4)."""
    data = bytearray(saved("WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    bits = int.from_bytes(data[at : at + 4], "little") >> 28 << 28 | (height - 1) << 14 | (width - 1)
    data[at : at + 4] = bits.to_bytes(4, "little")
    return bytes(data)


def interlaced() -> bytes:
    """A black grey PNG of 16 x 16 in the seven passes of Adam7 (PNG specification, 8.2), by hand."""
    passes = ((2, 2), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8))
    packed = zlib.compress(bytes(sum(rows * (1 + width) for width, rows in passes)))
    return png(header(16, 16, 8, 0, b"\0\0\1"), chunk(b"IDAT", packed))


def rows() -> bytes:
    """The rows of the picture as a PNG packs them, without filter."""
    line, pixels = WIDTH * 3, picture().tobytes()
    return b"".join(b"\0" + pixels[at : at + line] for at in range(0, len(pixels), line))


def png_of(packed: bytes, *extra: bytes) -> bytes:
    """A PNG of the picture's size around packed rows."""
    return png(header(), *extra, chunk(b"IDAT", packed))


def with_text(*extra: bytes) -> bytes:
    """The picture as a PNG with chunks of other things before its rows."""
    return png_of(zlib.compress(rows()), *extra)


@cache
def srgb() -> bytes:
    """An ICC profile."""
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "taken at home", 6
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)  # GPS latitude
    return bytes(exif.tobytes())


def _cut(kind: str, places: Sequence[int | float]) -> Iterator[Case]:
    """A file cut off at a share of its length, or so many bytes before its end."""
    for at in places:
        where = f"at {at:.0%}" if isinstance(at, float) else f"{-at} bytes short"

        def draw(at: int | float = at) -> bytes:
            data = saved(kind)
            return data[: int(len(data) * at)] if isinstance(at, float) else data[:at]

        yield Case(f"{kind} cut off {where}", False, draw)


def _refused(**drawing: Callable[[], bytes]) -> Iterator[Case]:
    return (Case(what.replace("_", " "), False, draw) for what, draw in drawing.items())


def _taken(**drawing: Callable[[], bytes]) -> Iterator[Case]:
    return (Case(what.replace("_", " "), True, draw) for what, draw in drawing.items())


SCRIPT = b"<script>alert(1)</script>"
MOVED = {"save_all": True, "append_images": [Image.new("RGB", (WIDTH, HEIGHT))]}

CASES: list[Case] = [
    *_refused(
        nothing=lambda: b"",
        one_byte=lambda: b"\x89",
        words=lambda: b"hello",
        zero_bytes=lambda: bytes(100_000),
        SVG=lambda: b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>",
        packed_SVG=lambda: gzip.compress(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        HTML=lambda: b"<!doctype html>" + SCRIPT,
        PDF=lambda: saved("PDF"),
        EPS=lambda: saved("EPS"),
        PSD=lambda: b"8BPS\0\1" + bytes(6) + b"\0\3" + struct.pack(">IIHH", HEIGHT, WIDTH, 8, 3) + bytes(14 + 7200),
        TIFF=lambda: saved("TIFF"),
        BMP=lambda: saved("BMP"),
        ICO=lambda: saved("ICO"),
        PPM_of_3600_megapixels=lambda: b"P6 60000 60000 255\n" + bytes(100),
        GIF=lambda: saved("GIF"),
        moving_GIF=lambda: saved("GIF", **MOVED),
        HEIC=lambda: b"\0\0\0\x18ftypheic" + bytes(64),
        AVIF=lambda: b"\0\0\0\x18ftypavif" + bytes(64),
        JPEG_2000=lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
        zip_archive=zipped,
        moving_PNG=lambda: saved("PNG", **MOVED),
        moving_WebP=lambda: saved("WEBP", **MOVED),
        JPEG_of_several_pictures=lambda: saved("MPO", **MOVED),
    ),
    *_cut("PNG", (0.01, 0.1, 0.5, 0.9, -13, -12, -4, -1)),
    *_cut("JPEG", (0.01, 0.1, 0.5, 0.9, -16, -2, -1)),
    *_cut("WEBP", (0.1, 0.5, 0.9, -2)),
    *_refused(
        PNG_signature_on_rubbish=lambda: PNG_SIGNATURE + b"rubbish" * 20,
        JPEG_signature_on_rubbish=lambda: b"\xff\xd8\xff" + b"rubbish" * 20,
        WebP_signature_on_rubbish=lambda: b"RIFF" + struct.pack("<I", 104) + b"WEBP" + bytes(100),
        half_the_rows=lambda: flat(WIDTH, HEIGHT, rows=HEIGHT // 2),
        one_row_too_many=lambda: flat(WIDTH, HEIGHT, rows=HEIGHT + 1),
        one_byte_too_few=lambda: png_of(zlib.compress(rows()[:-1])),
        rows_that_never_end=lambda: png_of(zeros(300_000_000)),
        packed_rows_cut_off=lambda: png_of(zlib.compress(rows())[:-20]),
        packed_rows_with_a_wrong_sum=lambda: png_of(zlib.compress(rows())[:-1] + b"\xff"),
        packed_rows_and_more_behind=lambda: png_of(zlib.compress(rows()) + zipped()),
        rows_that_are_not_packed=lambda: png_of(rows()),
        wrong_sum_of_the_header=lambda: saved("PNG").replace(header()[-4:], b"\0\1\2\3"),
        wrong_sum_of_the_rows=lambda: png(header(), chunk(b"IDAT", zlib.compress(rows()), crc=1)),
        wrong_sum_of_a_text=lambda: with_text(chunk(b"tEXt", b"a\0b", crc=1)),
        a_flipped_bit=lambda: saved("PNG")[:60] + bytes([saved("PNG")[60] ^ 1]) + saved("PNG")[61:],
        no_header=lambda: png(chunk(b"IDAT", zlib.compress(rows()))),
        two_headers=lambda: png_of(zlib.compress(rows()), header()),
        a_short_header=lambda: png(chunk(b"IHDR", bytes(12)), chunk(b"IDAT", zlib.compress(rows()))),
        no_rows=lambda: png(header()),
        no_pixels=lambda: png(header(0, 0), chunk(b"IDAT", zlib.compress(b""))),
        a_depth_that_is_none=lambda: png(header(depth=3), chunk(b"IDAT", zlib.compress(rows()))),
        a_colour_that_is_none=lambda: png(header(colour=5), chunk(b"IDAT", zlib.compress(rows()))),
        a_packing_that_is_none=lambda: png(header(methods=b"\1\0\0"), chunk(b"IDAT", zlib.compress(rows()))),
        too_small=lambda: flat(4, 4),
    ),
    *_refused(
        bomb_of_88_megapixels=lambda: flat(11_000, 8_000),
        bomb_of_160_megapixels=lambda: flat(16_000, 10_000),
        bomb_of_400_megapixels=lambda: flat(20_000, 20_000, rows=0),
        bomb_of_all_the_header_can_say=lambda: png(header(2**31 - 1, 2**31 - 1), chunk(b"IDAT", zlib.compress(b""))),
        four_million_pixels_wide=lambda: flat(4_000_000, 1),
        four_million_pixels_high=lambda: flat(1, 4_000_000),
        a_side_too_long=lambda: flat(20_000, 100),
        JPEG_of_88_megapixels=lambda: saved("JPEG", Image.new("L", (11_000, 8_000))),
        JPEG_that_says_65500_squared=lambda: rows_said(saved("JPEG"), 65_500, 65_500),
        JPEG_of_a_thousand_scans=lambda: scans(1_000),
        JPEG_of_many_empty_parts=lambda: into_jpeg(segment(0xFE, b"") * (MAX_PARTS + 1)),
        PNG_of_many_empty_parts=lambda: with_text(chunk(b"prVt", b"") * (MAX_PARTS + 1)),
        WebP_that_says_16383_squared=lambda: lossless_webp_of(16_383, 16_383),
        bomb_in_a_text=lambda: with_text(chunk(b"zTXt", b"a\0\0" + zeros(200_000_000))),
        bomb_in_an_international_text=lambda: with_text(chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(200_000_000))),
        bomb_in_a_profile=lambda: with_text(chunk(b"iCCP", b"a\0\0" + zeros(200_000_000))),
    ),
    *_refused(
        PNG_and_zip=lambda: saved("PNG") + zipped(),
        PNG_and_HTML=lambda: saved("PNG") + SCRIPT,
        PNG_and_one_byte=lambda: saved("PNG") + b"x",
        JPEG_and_HTML=lambda: saved("JPEG") + SCRIPT,
        JPEG_and_zip=lambda: saved("JPEG") + zipped(),
        JPEG_and_JPEG=lambda: saved("JPEG") * 2,
        WebP_and_zip=lambda: saved("WEBP") + zipped(),
        zip_and_PNG=lambda: zipped() + saved("PNG"),
        HTML_and_PNG=lambda: SCRIPT + saved("PNG"),
        GIF_and_script=lambda: b"GIF89a=1;/*" + bytes(20) + b"*/alert(1)",
    ),
    Case("bad, with a path for a name", False, lambda: b"x", "../../etc/passwd.png"),
    Case("bad, with a NUL in its name", False, lambda: b"x", "a\0b.png"),
    Case("bad, with a line in its name", False, lambda: b"x", "a\nb.png"),
    Case("bad, with a name that reads backwards", False, lambda: b"x", "gpj.\u202egnp.exe"),
    *_taken(
        PNG=lambda: saved("PNG"),
        JPEG=lambda: saved("JPEG"),
        WebP=lambda: saved("WEBP"),
        lossless_WebP=lambda: saved("WEBP", lossless=True),
        progressive_JPEG=lambda: saved("JPEG", progressive=True),
        as_many_scans_as_are_taken=lambda: scans(MAX_SCANS - 5),
        JPEG_with_restarts=lambda: saved("JPEG", restart_marker_blocks=1),
        CMYK_JPEG=lambda: saved("JPEG", picture().convert("CMYK")),
        grey_JPEG=lambda: saved("JPEG", picture().convert("L")),
        palette=lambda: saved("PNG", picture().convert("P")),
        clear_palette=lambda: saved("PNG", picture().convert("P"), transparency=3),
        one_bit=lambda: saved("PNG", picture().convert("1")),
        grey_with_transparency=lambda: saved("PNG", picture().convert("LA")),
        transparent=lambda: saved("PNG", picture().convert("RGBA")),
        sixteen_bits_grey=lambda: flat(WIDTH, HEIGHT, 16, 0),
        sixteen_bits_colour=lambda: flat(WIDTH, HEIGHT, 16, 2),
        sixteen_bits_transparent=lambda: flat(WIDTH, HEIGHT, 16, 6),
        interlaced=interlaced,
        JPEG_that_a_camera_filled_up=lambda: saved("JPEG") + bytes(4_096),
        PNG_and_a_line_end=lambda: saved("PNG") + b"\r\n",
        the_smallest=lambda: flat(8, 8),
        the_longest=lambda: flat(16_384, 8),
        rows_in_many_chunks=lambda: png(
            header(), *(chunk(b"IDAT", bytes([byte])) for byte in zlib.compress(rows())), chunk(b"IDAT", b"")
        ),
        script_in_a_text=lambda: with_text(chunk(b"tEXt", b"Comment\0" + SCRIPT)),
        script_in_a_comment=lambda: into_jpeg(segment(0xFE, SCRIPT)),
        five_megabytes_of_text=lambda: with_text(chunk(b"tEXt", b"a\0" + b"x" * 5_000_000)),
        zip_in_a_private_chunk=lambda: with_text(chunk(b"prVt", zipped())),
        end_of_a_JPEG_in_a_comment=lambda: into_jpeg(segment(0xFE, b"\xff\xd9\xff\xda")),
        places_in_the_EXIF=lambda: saved("JPEG", exif=_exif()),
        rubbish_in_the_EXIF=lambda: into_jpeg(segment(0xE1, b"Exif\0\0MM\0\x2a" + b"\xff" * 60_000)),
        rubbish_in_the_EXIF_of_a_PNG=lambda: with_text(chunk(b"eXIf", b"\x13" * 500_000)),
        rubbish_for_a_profile=lambda: with_text(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"\x13" * 500_000))),
        profile_in_many_parts=lambda: saved("JPEG", icc_profile=srgb() + bytes(300_000)),
    ),
    Case("good, called by another kind", True, lambda: saved("PNG"), "holiday.jpg"),
    Case("good, called a programme", True, lambda: saved("JPEG"), "holiday.exe"),
    Case("good, with a path for a name", True, lambda: saved("PNG"), "../../etc/passwd"),
    Case("good, with a long name", True, lambda: saved("PNG"), "x" * 5_000 + ".png"),
    *_taken(
        forty_megapixels_with_a_profile=lambda: flat(
            8_000, 5_000, 8, 6, chunk(b"iCCP", b"a\0\0" + zlib.compress(srgb()))
        ),
        forty_megapixels_of_sixteen_bits=lambda: flat(8_000, 5_000, 16, 0),
        JPEG_of_forty_megapixels=lambda: saved("JPEG", Image.new("L", (8_000, 5_000)), progressive=True, exif=_exif()),
    ),
    Case(
        "WebP of 25 megapixels", True, lambda: saved("WEBP", Image.new("RGBA", (6_250, 4_000)), method=0), costly=True
    ),
]
