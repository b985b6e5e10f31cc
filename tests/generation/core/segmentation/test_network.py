"""The U-Net that marks: one plane in, one out; the same first weights for every optimiser; settled batch norms."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from generation.core.segmentation.network import Segmenter, drawn, settle, unit
from tests.generation.core.segmentation.small import complete


def test_planes_and_sides() -> None:
    network = Segmenter(3, 4, 32)
    out = network(torch.zeros(2, 1, 32, 32))
    assert out.shape == (2, 1, 32, 32)
    assert not any(isinstance(module, nn.Dropout) for module in Segmenter(8, 2, 256).modules())


def test_logits_are_not_squeezed() -> None:
    """A tanh would never let a pixel be surer than .73."""
    network = Segmenter(2, 2, 32)
    last = network.up[0]
    assert isinstance(last.bias, torch.Tensor)
    with torch.no_grad():
        last.bias.fill_(7.0)
        last.weight.zero_()
    assert torch.allclose(network(torch.zeros(1, 1, 32, 32)), torch.tensor(7.0))


def test_first_weights_belong_to_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = drawn(complete(optimizer="adam"), 0)
    torch.manual_seed(2)
    other = drawn(complete(optimizer="rprop", learning_rate=0.1), 0)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    another = drawn(complete(), 1)
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), another.parameters(), strict=True))


def test_what_is_seen_is_the_luma() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    seen = unit(torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None])
    luma = np.asarray(Image.fromarray(rgb).convert("L"), dtype=float)
    assert np.abs((seen[0, 0].numpy() + 1) * 127.5 - luma).max() < 0.51
    grey = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    assert torch.allclose(unit(grey), torch.ones(1, 1, 2, 2), atol=1e-6)


def test_settled_norms_hold_the_mean_over_the_pictures() -> None:
    """Of one batch the statistics are its own, and evaluation then gives what training gave."""
    network = drawn(complete(), 0).train()
    batch = torch.randn(6, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    settle(network, [batch])
    training = network(batch)
    network.eval()
    # The running variance is the unbiased one, that of the batch is not.
    assert torch.allclose(network(batch), training, atol=0.05)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.1}
    network.train()
    settle(network, [batch, 2 * batch])
    first = network.down_norm[1]
    assert isinstance(first, nn.BatchNorm2d)
    assert int(first.num_batches_tracked or 0) == 2


def test_settling_counts_pictures_and_not_batches() -> None:
    """The first norm sees sums over the pictures: five as 4 + 1 have the mean of five as one."""
    network = drawn(complete(), 0).train()
    pictures = torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    pictures[4] += 3
    means = []
    for size in (5, 4, 1):
        settle(network, torch.split(pictures, size))
        first = network.down_norm[1]
        assert isinstance(first, nn.BatchNorm2d)
        assert first.running_mean is not None
        means.append(first.running_mean.clone())
    assert torch.allclose(means[0], means[1], rtol=1e-5)
    assert torch.allclose(means[0], means[2], rtol=1e-5)


@pytest.mark.parametrize("mode", [True, False])
def test_settling_moves_no_weight(mode: bool) -> None:
    network = drawn(complete(), 0).train(mode)
    before = [value.clone() for value in network.parameters()]
    settle(network, [torch.zeros(2, 1, 32, 32)])
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
