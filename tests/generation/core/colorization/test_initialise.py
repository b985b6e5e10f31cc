"""First weights: known answers for their spread, and one set of weights per seed."""

import math

import pytest
import torch
from torch import nn

from generation.core.colorization import build
from generation.core.colorization.initialise import initialise
from generation.core.spec import Scalar


def params(
    model: str = "isola", init: str = "normal", gain: float = 0.02, width: int = 16, layers: str = ""
) -> dict[str, Scalar]:
    return {
        "model": model,
        "layers": layers or ("8" if model == "isola" else "full"),
        "width": width,
        "train_size": 64,
        "init": init,
        "init_gain": gain,
    }


def fans(module: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    """fan_in and fan_out as torch counts them: the second and the first side of the weight, times the kernel."""
    first, second, height, width = module.weight.shape
    return second * height * width, first * height * width


def check_normal(values: torch.Tensor, mean: float, std: float) -> None:
    """Mean and spread within five standard errors of a normal sample."""
    values = values.detach().double().flatten()
    assert float(values.mean()) == pytest.approx(mean, abs=5 * std / math.sqrt(len(values)))
    if len(values) > 30:
        assert float(values.std()) == pytest.approx(std, rel=5 / math.sqrt(2 * len(values)))


@pytest.mark.parametrize("model", ["isola", "zhang", "zhang_class"])
@pytest.mark.parametrize(
    ("init", "gain"), [("normal", 0.02), ("normal", 0.1), ("glorot", 0.02), ("glorot", 1.0), ("he", 0.02), ("he", 0.5)]
)
def test_every_layer_has_the_spread_of_its_scheme(model: str, init: str, gain: float) -> None:
    seen = 0
    for network in build.networks(params(model, init, gain), 5):
        for module in network.modules() if network is not None else ():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                fan_in, fan_out = fans(module)
                glorot = gain * math.sqrt(2 / (fan_in + fan_out))
                check_normal(module.weight, 0.0, {"normal": gain, "glorot": glorot, "he": math.sqrt(2 / fan_in)}[init])
                if module.bias is not None:
                    assert not module.bias.any()
                seen += 1
            elif isinstance(module, nn.BatchNorm2d):
                check_normal(module.weight, 1.0, 0.02 if init == "he" else gain)
                assert not module.bias.any()
                assert not module.running_mean.any()
                assert bool((module.running_var == 1).all())
                assert int(module.num_batches_tracked) == 0
                seen += 1
    # isola: 16 + 13 and 5 + 3 of the PatchGAN; Zhang: 22 + 7, with a head of 2 and the PatchGAN, or a head of 1.
    assert seen == {"isola": 37, "zhang": 39, "zhang_class": 30}[model]


def test_the_fans_are_those_of_the_books_for_a_convolution_and_torchs_own_for_a_transposed_one() -> None:
    draw = torch.Generator().manual_seed(0)
    convolution, transposed = nn.Conv2d(32, 128, 4), nn.ConvTranspose2d(32, 128, 4)
    for network in (convolution, transposed):
        initialise(network, "he", 0.02, draw)
    check_normal(convolution.weight, 0.0, math.sqrt(2 / (32 * 16)))
    check_normal(transposed.weight, 0.0, math.sqrt(2 / (128 * 16)))


def test_glorot_with_the_papers_gain_is_fifty_times_smaller_than_the_textbooks() -> None:
    """And far from the .02 of the normal scheme: 1.7e-4 to 4e-3 in the layers of the papers' U-Net."""
    g, _ = build.networks(params(init="glorot", gain=0.02), 0)
    textbook, _ = build.networks(params(init="glorot", gain=1.0), 0)
    for module, wide in zip(g.modules(), textbook.modules(), strict=True):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and isinstance(wide, nn.Conv2d | nn.ConvTranspose2d):
            assert torch.allclose(50 * module.weight, wide.weight, rtol=1e-5)
            assert float(module.weight.detach().std()) < 0.004


def test_the_same_seed_gives_the_same_weights_and_leaves_torchs_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    first, other, again = (build.networks(params("zhang"), seed) for seed in (1, 2, 1))
    assert torch.equal(before, torch.get_rng_state())
    for one, two, three in zip(first, other, again, strict=True):
        assert one is not None
        assert two is not None
        assert three is not None
        for name, value in one.state_dict().items():
            assert torch.equal(value, three.state_dict()[name]), name
        assert not torch.equal(next(one.parameters()), next(two.parameters()))


def test_known_first_weights() -> None:
    """A change of the order of drawing would make trained conditions other conditions."""
    g, d = build.networks(params(width=4), 0)
    assert d is not None
    first = [float(next(network.parameters()).detach().flatten()[0]) for network in (g, d)]
    assert first == pytest.approx([0.01548686, -0.0225168], rel=1e-5)


def test_every_generator_of_a_width_meets_the_same_discriminator() -> None:
    chosen = [params("isola"), params("isola", layers="7"), params("zhang")]
    discriminators = [build.networks(one, 9)[1] for one in chosen]
    for d in discriminators[1:]:
        assert d is not None
        assert discriminators[0] is not None
        for name, value in discriminators[0].state_dict().items():
            assert torch.equal(value, d.state_dict()[name])


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no initialisation 'xavier'\. Choose one of normal, glorot, he\."):
        build.networks(params(init="xavier"), 0)
