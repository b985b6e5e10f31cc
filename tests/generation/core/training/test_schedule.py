"""Rates, giving up and progress in words."""

import pytest

from generation.core.training.schedule import decay_factor, is_hopeless, words


def test_decay() -> None:
    assert [decay_factor("none", epoch, 4) for epoch in (1, 4)] == [1.0, 1.0]
    assert [decay_factor("linear", epoch, 4) for epoch in (1, 2, 3, 4)] == pytest.approx([1, 1, 2 / 3, 1 / 3])
    assert [decay_factor("linear", epoch, 3) for epoch in (1, 2, 3)] == [1.0, 1.0, 0.5]
    assert decay_factor("linear", 1, 1) == 1.0


@pytest.mark.parametrize(
    ("factor", "epoch", "epochs", "error", "given_up"),
    [
        (0.0, 5, 10, 99.0, False),
        (1.2, 1, 20, 99.0, False),  # a tenth of 20 epochs is 2
        (1.2, 2, 20, 12.0, False),  # exceeds, not reaches
        (1.2, 2, 20, 12.1, True),
        (1.2, 1, 3, 12.1, True),
        (1.2, 3, 3, 12.1, False),  # nothing is left to give up
    ],
)
def test_giving_up(factor: float, epoch: int, epochs: int, error: float, given_up: bool) -> None:
    assert is_hopeless(factor, epoch, epochs, error, 10.0) is given_up


def test_words() -> None:
    said = words("epoch 12 of 100", "loss 8.9", [900.0, 1.0, 2.0, 3.0, 2.0, 2.0], 88)
    assert said == "epoch 12 of 100 · loss 8.9 · 2.9 min left"
    assert words("epoch 1 of 2, batch 1 of 9", "", [], 2) == "epoch 1 of 2, batch 1 of 9"
