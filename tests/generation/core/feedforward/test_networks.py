"""The networks against torch's own layers, and what their shapes, first weights and statistics promise."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from generation.core.feedforward import build
from generation.core.feedforward.networks import (
    LEAST_SIDE,
    Layer,
    Predictor,
    Transformer,
    mirrored,
    mirrored_in_pieces,
)
from generation.core.runtime import torch_settings
from tests.generation.core.feedforward.conftest import given


def test_it_has_the_weights_of_the_published_network() -> None:
    """PyTorch's examples: 1 679 235 weights at width 32 with 5 blocks."""
    assert sum(p.numel() for p in Transformer(32, 5, "linear", False).parameters()) == 1_679_235


def test_it_is_the_published_network() -> None:
    """Against its layers written out with those of torch."""
    network = Transformer(4, 2, "linear", False)
    for module in network.modules():
        if isinstance(module, nn.InstanceNorm2d):
            nn.init.uniform_(module.weight)
            nn.init.uniform_(module.bias)

    def layer(part: Layer, x: torch.Tensor, stride: int = 1, up: bool = False) -> torch.Tensor:
        x = nn.Upsample(scale_factor=2, mode="nearest")(x) if up else x
        x = nn.ReflectionPad2d(part.convolution.kernel_size[0] // 2)(x)
        x = F.conv2d(x, part.convolution.weight, part.convolution.bias, stride)
        if isinstance(part.normalisation, nn.Identity):
            return x
        return F.instance_norm(x, weight=part.normalisation.weight, bias=part.normalisation.bias, eps=1e-5)

    x = torch.rand(2, 3, 20, 28)
    y = x
    for part, stride in zip(network.contract, (1, 2, 2), strict=True):
        y = layer(part, y, stride).relu()
    for block in network.residual:
        y = y + layer(block.second, layer(block.first, y).relu())
    for part in network.expand:
        y = layer(part, y, up=True).relu()
    torch.testing.assert_close(network(x), layer(network.paint, y) / 255, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("borders", [(4, 4, 4, 4), (1, 1, 1, 1), (0, 3, 0, 2), (0, 0, 0, 0)])
def test_mirrored_in_pieces_is_what_torch_pads(borders: tuple[int, int, int, int]) -> None:
    """What a GPU is given where results have to be the same again: numbers and slopes are those of torch."""
    x = torch.rand(2, 3, 9, 12, dtype=torch.float64).contiguous(memory_format=torch.channels_last).requires_grad_()
    one, other = F.pad(x, borders, mode="reflect"), mirrored_in_pieces(x, *borders)
    assert torch.equal(one, other)
    weights = torch.rand_like(one)
    torch.testing.assert_close(
        *(torch.autograd.grad((made * weights).sum(), x)[0] for made in (one, other)), rtol=1e-12, atol=0
    )
    assert torch.equal(mirrored(x, *borders), one)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here; the pieces are tested on the CPU")
def test_a_network_learns_on_a_gpu_where_results_have_to_be_the_same_again() -> None:
    network = build.first(given("arbitrary").params, 0).cuda()
    x = torch.rand(2, 3, 33, 40, device="cuda")
    with torch_settings(None, deterministic=True):
        slopes = [torch.autograd.grad(network(x, x).square().mean(), list(network.parameters())) for _ in range(2)]
    assert all(torch.equal(one, other) for one, other in zip(*slopes, strict=True))


@pytest.mark.parametrize("size", [(8, 8), (33, 50), (64, 31), (9, 200)])
@pytest.mark.parametrize("conditional", [False, True])
def test_a_picture_comes_back_at_its_own_size(size: tuple[int, int], conditional: bool) -> None:
    network = Transformer(4, 1, "sigmoid", conditional)
    statistics = [(torch.ones(1, depth), torch.zeros(1, depth)) for depth in network.depths]
    made = network(torch.rand(1, 3, *size), statistics)
    assert made.shape == (1, 3, *size)
    assert 0 <= made.min() <= made.max() <= 1


def test_a_picture_that_is_too_thin_is_refused_with_the_mend() -> None:
    with pytest.raises(ValueError, match=r"40 x 7 pixels .* at least 8 on each side. Take a larger size"):
        Transformer(4, 1, "sigmoid", False)(torch.rand(1, 3, LEAST_SIDE - 1, 40))


def test_every_given_normalisation_takes_its_own_scale_and_shift() -> None:
    network = Transformer(4, 2, "sigmoid", True)
    assert network.depths == [16, 16, 16, 16, 8, 4, 3]
    x = torch.rand(1, 3, 16, 16)

    def made(changed: int | None = None, by: float = 0.5) -> torch.Tensor:
        statistics = [(torch.ones(1, depth), torch.full((1, depth), 0.1)) for depth in network.depths]
        if changed is not None:
            scale, shift = statistics[changed]
            statistics[changed] = (scale + by, shift)
        return network(x, statistics)

    assert all(not torch.equal(made(), made(place)) for place in range(7))
    # The last one is all that stands before the sigmoid: normalised, scaled by 2 and shifted.
    statistics = [(torch.ones(1, d), torch.zeros(1, d)) for d in network.depths[:-1]]
    last = network(x, [*statistics, (torch.full((1, 3), 2.0), torch.full((1, 3), 0.3))]).logit()
    torch.testing.assert_close(last.mean((2, 3)), torch.full((1, 3), 0.3), rtol=0, atol=1e-4)
    torch.testing.assert_close(last.std((2, 3), correction=0), torch.full((1, 3), 2.0), rtol=0.01, atol=0)


def test_a_style_is_mean_and_deviation_of_every_level() -> None:
    predictor = Predictor(4, 5, [6, 3])
    pictures = torch.rand(2, 3, 32, 32)
    x, kept = 2 * pictures - 1, []
    for level in predictor.levels:
        x = F.conv2d(nn.ReflectionPad2d(1)(x), level.weight, level.bias, stride=2).relu()
        kept += [x.mean((2, 3)), x.flatten(2).std(2, correction=0)]
    wanted = F.linear(torch.cat(kept, 1), predictor.bottleneck.weight, predictor.bottleneck.bias)
    torch.testing.assert_close(predictor.embed(pictures), wanted, rtol=1e-3, atol=1e-3)
    (scale, shift), (other, _) = predictor(pictures)
    assert scale.shape == shift.shape == (2, 6)
    assert other.shape == (2, 3)
    torch.testing.assert_close(torch.cat([scale - 1, shift], 1), predictor.heads(predictor.embed(pictures))[:, :12])


def test_one_colour_is_a_style_with_a_slope() -> None:
    predictor = Predictor(4, 5, [3])
    pictures = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    predictor.embed(pictures).sum().backward()
    assert all(p.grad.isfinite().all() for p in predictor.parameters() if p.grad is not None)


def test_first_weights_are_those_of_torch_and_of_the_seed(method: str) -> None:
    params = given(method, width=8).params
    state = torch.random.get_rng_state()
    one, same, other = (build.first(params, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(one[name], same[name]) for name in one)
    weight = one["transformer.contract.0.convolution.weight"]
    assert not torch.equal(weight, other["transformer.contract.0.convolution.weight"])
    bound = 1 / math.sqrt(3 * 81)
    assert 0.95 * bound < weight.abs().max() <= bound
    assert one["transformer.contract.0.normalisation.weight"].unique().tolist() == [1.0]


def test_a_file_gives_the_networks_back(method: str) -> None:
    of = given(method)
    networks = build.first(of.params, 3)
    said = build.Said(of.params, "d" * 64, 2, {"total": 1.5})
    data = build.checkpoint(method, networks, said)
    read, what = build.restored(method, data)
    assert what == said
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(read(x, x), networks.eval()(x, x))
    other = "arbitrary" if method == "feedforward" else "feedforward"
    with pytest.raises(RuntimeError, match="This file is no checkpoint of a style network"):
        build.restored(other, data)


def test_a_network_for_any_style_asks_for_one() -> None:
    x = torch.rand(1, 3, 32, 32)
    with pytest.raises(ValueError, match="paints in any style and was given none: give it a style picture"):
        build.first(given("arbitrary").params, 0)(x)
    assert build.first(given("feedforward").params, 0)(x).shape == x.shape
