"""A training as generation.core.colorization.training runs it, one batch at a time."""

from collections.abc import Sequence
from pathlib import Path

import torch

from generation.core.colorization import build
from generation.core.colorization.feed import Feed
from generation.core.colorization.step import open_step
from generation.core.spec import Params
from generation.core.training.captured import Captured
from generation.core.training.order import Order

from .pictures import squares


class Ours:
    """Pictures as bytes on the device, the losses summed there; on a GPU channels_last and one CUDA graph."""

    def __init__(self, given: Params, files: Sequence[Path], device: torch.device, dtype: str, *, flip: bool) -> None:
        self._device, self._flip = device, flip
        self._batch = int(given["batch"])
        self._feed = Feed(squares(files, int(given["train_size"])), device)
        generator, discriminator = build.networks(given, seed=0)
        for network in (generator, discriminator):
            assert network is not None
            network.to(device)
            if device.type == "cuda":
                network.to(memory_format=torch.channels_last)
        rate = torch.tensor(float(given["learning_rate"]), device=device)
        self._step = open_step(generator, discriminator, given, rate, dtype)
        self._run = Captured(self._step.train, self._batch, device)
        for trained in self._step.networks.values():
            trained.train()
        self._names = self._step.names
        self._epoch = 0
        self._begin()

    def step(self) -> None:
        """One batch; at the end of an epoch the numbers are read, as training reads them."""
        if self._start + self._batch > len(self._feed):
            self.losses()
            self._begin()
        rows = slice(self._start, self._start + self._batch)
        l_unit, ab_lab = self._feed.batch(self._order.rows[rows], self._order.flipped[rows])
        self._sums += self._run(l_unit, ab_lab) * self._batch
        self._start += self._batch

    @property
    def graph(self) -> str:
        """Whether a CUDA graph was captured."""
        return self._run.used

    def losses(self) -> dict[str, float]:
        """Means of the epoch so far."""
        return dict(zip(self._names, (self._sums / max(1, self._start)).tolist(), strict=True))

    def _begin(self) -> None:
        self._order = Order.of(len(self._feed), 0, self._epoch, False, self._flip, self._device)
        self._sums = torch.zeros(len(self._names), dtype=torch.float64, device=self._device)
        self._start = 0
        self._epoch += 1
