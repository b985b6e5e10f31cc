"""A verified weights file, what it cannot give, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from generation.core.weights.advice import what_helps
from generation.core.weights.networks import LAYERS


class WeightsError(RuntimeError):
    """A weights file is there but cannot be used; the text says which one, why, and the mend."""


class WeightsMissing(WeightsError):  # noqa: N818  (reads as what it says)
    """No file answers to the name of the network; the text says what to put where."""


@dataclass(frozen=True)
class Weights:
    """A verified weights file and the input it was trained on.

    ``path`` is ``None`` for a network that is generated. The input of the network is
    ``(scale * pixels - mean) / std`` for RGB pixels in [0, 1], channels in ``colour_order``.
    ``training`` is ``torchvision`` for the files whose features the LPIPS heads were fitted to.
    """

    network: str
    title: str
    sha256: str
    path: Path | None
    last_layer: str
    training: str
    source: str
    colour_order: str = "RGB"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def require(self, layers: Sequence[str], training: str = "") -> None:
        """Raise :class:`WeightsError` with a sentence when the file ends before one of ``layers``.

        ``training``: the only one that will do, for the mend.
        """
        order = LAYERS[self.network]
        for layer in layers:
            if layer not in order:
                raise WeightsError(f"{self.network} has no layer {layer}. It has: {', '.join(order)}.")
        if layer := self.ends_before(layers):
            raise WeightsError(
                f"The weights file {self.title!r} ends at {self.last_layer}, but {layer} is asked for. "
                f"Choose earlier layers, or provide the whole {self.network} ({what_helps(self.network, training)})."
            )

    def ends_before(self, layers: Sequence[str]) -> str:
        """The first of ``layers`` that lies behind the last one of the file; empty when it has them all."""
        order = LAYERS[self.network]
        end = order.index(self.last_layer)
        return next((layer for layer in layers if layer in order and order.index(layer) > end), "")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file; read once per process for an unchanged file."""
    stat = path.stat()
    return _file_sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _file_sha256(path: Path, _size: int, _mtime: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
