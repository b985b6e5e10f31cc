"""When a step is captured, and what becomes of it where it cannot be."""

from typing import Any

import torch
from torch import Tensor

from generation.core.training import captured


class Counting:
    """Stands for a step and for its capture."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.eager, self.captures, self.replays = error, 0, 0, 0

    def train(self, pictures: Tensor, wanted: Tensor) -> Tensor:
        self.eager += 1
        return pictures.sum()

    def capture(self, train: Any, pictures: Tensor, wanted: Tensor) -> Any:
        self.captures += 1
        if self.error:
            raise self.error

        def replay(pictures: Tensor, wanted: Tensor) -> Tensor:
            self.replays += 1
            return pictures.sum()

        return replay


def run(counting: Counting, device: str, sizes: list[int]) -> captured.Captured:
    step = captured.Captured(counting.train, 4, torch.device(device), counting.capture)
    for size in sizes:
        pictures = torch.rand(size, 3)
        assert torch.equal(step(pictures, pictures * 2), pictures.sum())
    return step


def test_whole_batches_are_captured_after_the_warm_up() -> None:
    counting = Counting()
    step = run(counting, "cuda", [4, 2, 4, 4, 4, 2, 4])
    assert (counting.eager, counting.captures, counting.replays) == (captured.WARM_UP + 2, 1, 2)
    assert step.used == "yes"


def test_a_failed_capture_is_said_and_not_tried_again() -> None:
    counting = Counting(RuntimeError("operation not permitted when stream is capturing\nmore"))
    step = run(counting, "cuda", [4] * 6)
    assert (counting.eager, counting.captures, counting.replays) == (6, 1, 0)
    assert step.used == "no: the capture failed (operation not permitted when stream is capturing)"


def test_a_processor_captures_nothing() -> None:
    counting = Counting()
    step = run(counting, "cpu", [4] * 6)
    assert (counting.eager, counting.captures) == (6, 0)
    assert step.used == "no: the device is a cpu"
    assert run(counting, "cuda", [4, 4]).used == "not yet: too few steps"
