"""Photographs and masks on the device: the same rows and flips for both."""

import numpy as np
import torch

from generation.core.training.pictures import Pictures

CPU = torch.device("cpu")
DRAW = np.random.default_rng(0)
PHOTOGRAPHS = DRAW.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
MASKS = PHOTOGRAPHS[..., 0] % 2


def test_a_batch_of_photographs_and_their_masks() -> None:
    rows, flipped = torch.tensor([3, 0, 3]), torch.tensor([False, True, True])
    rgb, mask = (Pictures(given, CPU).batch(rows, flipped) for given in (PHOTOGRAPHS, MASKS))
    assert rgb.dtype == mask.dtype == torch.uint8
    expected = np.stack([PHOTOGRAPHS[3], PHOTOGRAPHS[0][:, ::-1], PHOTOGRAPHS[3][:, ::-1]])
    assert np.array_equal(rgb.numpy(), expected.transpose(0, 3, 1, 2))
    assert mask.shape == (3, 1, 4, 4)
    assert torch.equal(mask[:, 0], rgb[:, 0] % 2)


def test_in_order() -> None:
    pictures = Pictures(PHOTOGRAPHS, CPU)
    parts = list(pictures.in_order(2))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat(parts), pictures.batch(torch.arange(5), torch.zeros(5, dtype=torch.bool)))
    assert len(pictures) == 5
