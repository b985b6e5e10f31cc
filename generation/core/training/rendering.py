"""Pictures by trained networks: one network after the other, each found by its digest and held against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from generation.core.images import ImageError
from generation.core.protocols import Picture, Tick
from generation.core.spec import TRAINED, RenderSpec, sha256_bytes
from generation.core.training.checkpoint import CheckpointError


def one_by_one(
    specs: Sequence[RenderSpec],
    sources: Mapping[str, bytes],
    tick: Tick,
    picture: Callable[[RenderSpec, Mapping[str, bytes]], Picture],
) -> list[Picture]:
    """``picture(spec, sources)`` of each spec, in order; what it says of a source or of a network fails it alone.

    The specs of one network follow each other, so that each network is read once.
    """
    made: dict[int, Picture] = {}
    for place in sorted(range(len(specs)), key=lambda place: specs[place].weights.get(TRAINED, "")):
        try:
            made[place] = picture(specs[place], sources)
        except (ImageError, CheckpointError) as error:
            made[place] = Picture("failed", None, reason=str(error))
        tick(1)
    return [made[place] for place in range(len(specs))]


def digest_of(spec: RenderSpec, sources: Mapping[str, bytes]) -> str:
    """SHA-256 of the network of a spec, which is among ``sources``; raises ``CheckpointError`` where it is not."""
    digest = spec.weights.get(TRAINED, "")
    if not digest:
        raise CheckpointError(
            "The network of this condition was not trained: there is no checkpoint of it. Train it first."
        )
    if digest not in sources:
        raise CheckpointError(
            f"The network of this condition was not trained: its checkpoint {digest[:12]} was not given to the job."
        )
    return digest


def check_whole(digest: str, data: bytes) -> None:
    """Raise ``CheckpointError`` where ``data`` is not what its name says."""
    if sha256_bytes(data) != digest:
        raise CheckpointError(
            f"The checkpoint {digest[:12]} is damaged: its bytes have another SHA-256. Train the condition again."
        )
