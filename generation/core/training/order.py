"""In which order an epoch shows what is trained on, and how it is cut into batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor


def seed_of(*parts: int | str) -> int:
    """A seed for torch (63 bits) that belongs to ``parts`` alone, such as (seed, epoch)."""
    data = hashlib.sha256(" ".join(map(str, parts)).encode("ascii")).digest()
    return int.from_bytes(data[:8], "big") >> 1


@dataclass(frozen=True)
class Order:
    """What an epoch shows: ``rows`` (int64) of the pictures and which of them are ``flipped`` (bool), on the device."""

    rows: Tensor
    flipped: Tensor

    @classmethod
    def of(cls, count: int, seed: int, epoch: int, shuffle: bool, flip: bool, device: torch.device) -> Order:
        """The order of one epoch: drawn from (seed, epoch) on the CPU, hence the same on every device.

        Without ``shuffle`` it is that of the file; with ``flip`` each picture is mirrored with probability 1/2.
        """
        draw = torch.Generator().manual_seed(seed_of(seed, epoch, "order"))
        rows = torch.randperm(count, generator=draw) if shuffle else torch.arange(count)
        flipped = torch.rand(count, generator=draw) < 0.5 if flip else torch.zeros(count, dtype=torch.bool)
        return cls(rows.to(device), flipped.to(device))


@dataclass(frozen=True)
class Plan:
    """How an epoch is cut: ``sizes`` of its batches and how many pictures are ``dropped`` at its end."""

    sizes: tuple[int, ...]
    dropped: int

    @classmethod
    def of(cls, count: int, batch: int, smallest: int) -> Plan:
        """Batches of ``batch`` of ``count`` pictures. The last one may be smaller, but not below ``smallest``.

        Raises ``ValueError`` when ``batch`` or ``count`` are themselves below it.
        """
        if batch < smallest:
            raise ValueError(
                f"With batch = {batch} this network cannot be trained: its innermost maps are 1 x 1, and batch norm "
                f"needs {smallest} of them. Take a batch of at least {smallest}, or fewer levels."
            )
        if count < smallest:
            raise ValueError(f"There are too few pictures to train on ({count}): give at least {smallest}.")
        whole, rest = divmod(count, batch)
        kept = rest if rest >= smallest else 0
        return cls((batch,) * whole + ((kept,) if kept else ()), rest - kept)
