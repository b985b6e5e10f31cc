"""Photographs and folders that tests of packs are made of."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from generation.core import images
from generation.core.photographs import (
    PackOptions,
    pack,
)
from tests.generation.core.conftest import drawn

PHOTOS = Path(__file__).resolve().parents[5] / "shared" / "assets" / "photos"
Files = list[tuple[str, Callable[[], bytes]]]


def saved(pixels: images.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@cache
def photograph(number: int, height: int = 30, width: int = 40) -> bytes:
    return saved(drawn(number, height, width))


def as_files(contents: dict[str, bytes]) -> Files:
    return [(name, lambda data=data: data) for name, data in contents.items()]


def folder(*numbers: int) -> dict[str, bytes]:
    return {f"{number:03}.png": photograph(number) for number in numbers}


def header(contents: dict[str, bytes], options: PackOptions, **more: Any) -> dict[str, Any]:
    return pack(as_files(contents), options, **more).listing


def sides(contents: dict[str, bytes], options: PackOptions) -> dict[str, str]:
    return {file["name"]: file["split"] for file in header(contents, options)["files"]}


def lighter(image: images.Image, levels: int) -> images.Image:
    return (image.astype(int) + levels).clip(0, 255).astype(np.uint8)


def coded(height: int, width: int) -> images.Image:
    """A photograph in which a pixel's red says how far right it is (0 to 249) and its green how far down."""
    right = np.broadcast_to(np.arange(width) * 250 // width, (height, width))
    down = np.broadcast_to((np.arange(height) * 250 // height)[:, None], (height, width))
    return np.stack([right, down, np.full((height, width), 90)], axis=-1).astype(np.uint8)
