"""A training step as one launch on a GPU: CUDA graphs, where the GPU and the step allow it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Takes ``l_unit`` and ``ab_lab`` of a batch, trains on it, gives its numbers.
Train = Callable[[Tensor, Tensor], Tensor]

#: Steps before the capture: torch chooses its kernels and makes what it keeps, such as the moments of Adam.
WARM_UP = 3


class Captured:
    """``Step.train`` as one launch on a GPU, where launching its hundreds of kernels takes longer than they do.

    Batches of ``size`` are captured as a CUDA graph after :data:`WARM_UP` steps, which count like any other. Batches
    of another size go on one by one; so does everything where there is no GPU or the capture fails: see ``used``.
    """

    def __init__(
        self,
        train: Train,
        size: int,
        device: torch.device,
        capture: Callable[[Train, Tensor, Tensor], Train] | None = None,
    ) -> None:
        self._train, self._size = train, size
        self._capture = capture or cuda_graph
        self._warm = 0
        self._replay: Train | None = None
        self._on = device.type == "cuda"
        self.used = "not yet: too few steps" if self._on else f"no: the device is a {device.type}"

    def __call__(self, l_unit: Tensor, ab_lab: Tensor) -> Tensor:
        """What ``train`` gives; valid until the next call."""
        if not self._on or len(l_unit) != self._size:
            return self._train(l_unit, ab_lab)
        if self._replay is None and self._warm < WARM_UP:
            self._warm += 1
            return _beside(self._train, l_unit, ab_lab)
        if self._replay is None:
            try:
                self._replay = self._capture(self._train, l_unit, ab_lab)
                self.used = "yes"
            except RuntimeError as error:
                self._on = False
                self.used = f"no: the capture failed ({str(error).splitlines()[0]:.200})"
                return self._train(l_unit, ab_lab)
        return self._replay(l_unit, ab_lab)


def cuda_graph(train: Train, l_unit: Tensor, ab_lab: Tensor) -> Train:
    """Record ``train`` without running it; the answer runs it on other batches of that size."""
    given = l_unit.clone(), ab_lab.clone()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        numbers = train(*given)

    def replay(l_unit: Tensor, ab_lab: Tensor) -> Tensor:
        given[0].copy_(l_unit)
        given[1].copy_(ab_lab)
        graph.replay()
        return numbers

    return replay


def _beside(train: Train, l_unit: Tensor, ab_lab: Tensor) -> Tensor:
    """One step on a stream of its own, as torch asks for before a capture."""
    if not torch.cuda.is_available():
        return train(l_unit, ab_lab)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        numbers = train(l_unit, ab_lab)
    torch.cuda.current_stream().wait_stream(stream)
    return numbers
