"""A training step as one launch on a GPU: CUDA graphs, where the GPU and the step allow it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Takes the tensors of a batch, trains on it, gives its numbers.
Train = Callable[..., Tensor]

#: Steps before the capture: torch chooses its kernels and makes what it keeps, such as the moments of Adam.
WARM_UP = 3


class Captured:
    """A step as one launch on a GPU, where launching its hundreds of kernels takes longer than they do.

    Batches of ``size`` are captured as a CUDA graph after :data:`WARM_UP` steps, which count like any other. Batches
    of another size go on one by one; so does everything where there is no GPU or the capture fails: see ``used``. The
    step must not wait for the device, and its optimizer must be capturable (L-BFGS is not).
    """

    def __init__(
        self, train: Train, size: int, device: torch.device, capture: Callable[..., Train] | None = None
    ) -> None:
        self._train, self._size = train, size
        self._capture = capture or cuda_graph
        self._warm = 0
        self._replay: Train | None = None
        self._on = device.type == "cuda"
        self.used = "not yet: too few steps" if self._on else f"no: the device is a {device.type}"

    def __call__(self, *batch: Tensor) -> Tensor:
        """What ``train`` gives; valid until the next call."""
        if not self._on or len(batch[0]) != self._size:
            return self._train(*batch)
        if self._replay is None and self._warm < WARM_UP:
            self._warm += 1
            return _beside(self._train, *batch)
        if self._replay is None:
            try:
                self._replay = self._capture(self._train, *batch)
                self.used = "yes"
            except RuntimeError as error:
                self._on = False
                self.used = f"no: the capture failed ({str(error).splitlines()[0]:.200})"
                return self._train(*batch)
        return self._replay(*batch)


def cuda_graph(train: Train, *batch: Tensor) -> Train:
    """Record ``train`` without running it; the answer runs it on other batches of that size."""
    given = tuple(part.clone() for part in batch)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        numbers = train(*given)

    def replay(*batch: Tensor) -> Tensor:
        for place, part in zip(given, batch, strict=True):
            place.copy_(part)
        graph.replay()
        return numbers

    return replay


def _beside(train: Train, *batch: Tensor) -> Tensor:
    """One step on a stream of its own, as torch asks for before a capture."""
    if not torch.cuda.is_available():
        return train(*batch)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        numbers = train(*batch)
    torch.cuda.current_stream().wait_stream(stream)
    return numbers
