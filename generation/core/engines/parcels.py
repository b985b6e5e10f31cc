"""Bring a Dask worker the bytes that it lacks, in blocks, verified there by their SHA-256."""

from __future__ import annotations

import io
import uuid
from collections.abc import Collection, Mapping
from typing import Any, BinaryIO

import distributed

from generation.core import received, weights
from generation.core.engines.dask_worker import lacking

BLOCK = 16 << 20  # bytes; a whole network in one message would lie in the scheduler's memory


class Undelivered(Exception):  # noqa: N818  (reads as what it says)
    """A worker did not keep what it was sent; a sentence."""


def deliver(
    client: distributed.Client, worker: str, digests: Collection[str], artifacts: Mapping[str, bytes]
) -> tuple[int, frozenset[str]]:
    """Send the worker what it still lacks of ``digests``: bytes from ``artifacts``, or networks found here.

    Returns the bytes sent and the digests that are not here either. Raises :class:`Undelivered`, and ``OSError`` or
    ``KeyError`` when the worker is gone.
    """
    total, without = 0, set()
    pictures = sorted(sha256 for sha256 in digests if sha256 in artifacts)
    networks = sorted(set(digests) - set(pictures))
    for sha256 in client.run(lacking, pictures, networks, workers=[worker])[worker]:
        if sha256 in artifacts:
            total += _send(client, worker, sha256, "", {}, io.BytesIO(artifacts[sha256]))
        elif (network := weights.held(sha256)) is not None and network.path is not None:
            try:
                stream: BinaryIO = network.path.open("rb")
            except OSError as error:
                raise Undelivered(f"{network.path} cannot be read: {error.strerror or error}.") from None
            with stream:
                total += _send(client, worker, sha256, network.path.suffix, weights.about(network), stream)
        else:
            without.add(sha256)
    return total, frozenset(without)


def _send(
    client: distributed.Client, worker: str, sha256: str, suffix: str, about: Mapping[str, Any], stream: BinaryIO
) -> int:
    size, delivery, offset = stream.seek(0, io.SEEK_END), uuid.uuid4().hex, 0
    stream.seek(0)
    while True:
        try:
            block = stream.read(BLOCK)
        except OSError as error:
            raise Undelivered(f"The file {sha256[:12]} cannot be read: {error.strerror or error}.") from None
        given = (sha256, suffix, about, delivery, offset, block, size)
        if reason := client.run(received.receive, *given, workers=[worker])[worker]:
            raise Undelivered(f"The worker at {worker}: {reason}")
        offset += len(block)
        if offset >= size or not block:
            return offset
