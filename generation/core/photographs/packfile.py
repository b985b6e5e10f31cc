"""The file that photographs are packed into.

One after the other: :data:`MAGIC`; the SHA-256 of all that follows (32 bytes); the length of the header (8 bytes,
little-endian); the header, canonical JSON; the pixels, uint8 RGB of side x side x 3 for each picture, those to train on
first, then those to validate on; where the header says ``masks``, the mask of each in the same order, uint8 of side x
side, 0 or 1. Nothing stands in it that does not decide a training: no names, no times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from generation.core import images
from generation.core.masks import Mask
from generation.core.photographs.options import PhotographsError
from generation.core.spec import canonical_json

MAGIC = b"EYEPACK1"
_DIGEST, _LENGTH = 32, 8


@dataclass(frozen=True)
class Photographs:
    """Pictures to train on (uint8, N x S x S x 3, read-only), pictures to validate on (M x S x S x 3), the header.

    Header: ``side`` and ``options``; ``train`` and ``validation``, the numbers of pictures; ``split``, "by photograph"
    or "by place"; ``masks``, true where each picture has one. The masks: uint8, N x S x S and M x S x S, 1 where
    marked; None in a pack without.
    """

    train: images.Image
    validation: images.Image
    header: dict[str, Any]
    train_masks: Mask | None = None
    validation_masks: Mask | None = None


def written(header: Mapping[str, Any], pictures: Sequence[images.Image], masks: Sequence[Mask] = ()) -> bytes:
    """The bytes of a pack whose ``pictures``, and their ``masks`` if any, stand in their final order."""
    text = canonical_json(header).encode("ascii")
    parts: list[bytes | memoryview] = [len(text).to_bytes(_LENGTH, "little"), text]
    parts += [np.ascontiguousarray(pixels).data for pixels in (*pictures, *masks)]
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    return b"".join([MAGIC, checksum.digest(), *parts])


def read(data: bytes) -> Photographs:
    """The pictures of a pack, without copying them; a damaged or foreign file raises :class:`PhotographsError`."""
    if not data.startswith(MAGIC):
        raise PhotographsError("The file is no pack of photographs. Pack the folder again.")
    body = len(MAGIC) + _DIGEST
    if hashlib.sha256(memoryview(data)[body:]).digest() != data[len(MAGIC) : body]:
        raise PhotographsError("The pack of photographs is damaged or cut off. Pack the folder again.")
    start = body + _LENGTH + int.from_bytes(data[body : body + _LENGTH], "little")
    header = json.loads(data[body + _LENGTH : start])
    side, train, count = header["side"], header["train"], header["train"] + header["validation"]
    end = count * side * side * 3
    pixels = np.frombuffer(data, np.uint8, offset=start)
    pictures = pixels[:end].reshape(count, side, side, 3)
    if not header.get("masks"):
        return Photographs(pictures[:train], pictures[train:], header)
    masks = pixels[end:].reshape(count, side, side)
    return Photographs(pictures[:train], pictures[train:], header, masks[:train], masks[train:])
