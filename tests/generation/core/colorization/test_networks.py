"""Sizes, costs and wiring of the networks, against the tables of specs/colorization.md and plain arithmetic."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from generation.core.colorization import bins, build
from generation.core.colorization.patchgan import PatchGan
from generation.core.colorization.unet import UNet
from generation.core.spec import Scalar


def params(model: str = "isola", layers: str = "8", side: int = 256, width: int = 64) -> dict[str, Scalar]:
    return {
        "model": model,
        "layers": layers,
        "width": width,
        "train_size": side,
        "init": "normal",
        "init_gain": 0.02,
    }


def on_meta(chosen: dict[str, Scalar]) -> build.Generator:
    with torch.device("meta"):
        return build.generator(chosen)


def numbers(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# U-Net: 4 x 4 weights of the levels that every depth has, in x out.
OUTER_DOWN = 16 * (1 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
OUTER_UP = 16 * (128 * 2 + 256 * 64 + 512 * 128 + 1024 * 256) + 2
OUTER_NORMS = 2 * (128 + 256 + 512) + 2 * (64 + 128 + 256)  # of levels 1-3: down, up
MIDDLE = 16 * 512 * 512 + 16 * 1024 * 512 + 2 * (512 + 512)
INNERMOST = 16 * 512 * 512 + 16 * 512 * 512 + 2 * 512
INNERMOST_HOLDING = 9 * 512 * 512 + 9 * 512 * 512 + 2 * 512


@pytest.mark.parametrize(
    ("layers", "side", "by_hand", "table"),
    [
        ("7", 256, OUTER_DOWN + OUTER_UP + OUTER_NORMS + 2 * MIDDLE + INNERMOST, 41.83e6),
        ("8", 256, OUTER_DOWN + OUTER_UP + OUTER_NORMS + 3 * MIDDLE + INNERMOST, 54.41e6),
        ("9", 256, OUTER_DOWN + OUTER_UP + OUTER_NORMS + 4 * MIDDLE + INNERMOST_HOLDING, 63.33e6),
        ("9", 512, OUTER_DOWN + OUTER_UP + OUTER_NORMS + 4 * MIDDLE + INNERMOST, 66.99e6),
    ],
)
def test_parameters_of_the_unet(layers: str, side: int, by_hand: int, table: float) -> None:
    made = numbers(on_meta(params("isola", layers, side)))
    assert made == by_hand
    assert made == pytest.approx(table, abs=0.01e6)


def test_parameters_of_the_papers_unet_and_patchgan() -> None:
    assert numbers(on_meta(params())) == 54_409_858
    assert numbers(PatchGan(64)) == 2_765_633


def conv3(into: int, out: int) -> int:
    return 9 * into * out + out


ZHANG = {
    1: conv3(1, 64) + conv3(64, 64) + 2 * 64,
    2: conv3(64, 128) + conv3(128, 128) + 2 * 128,
    3: conv3(128, 256) + 2 * conv3(256, 256) + 2 * 256,
    4: conv3(256, 512) + 2 * conv3(512, 512) + 2 * 512,
    5: 3 * conv3(512, 512) + 2 * 512,
    6: 3 * conv3(512, 512) + 2 * 512,
    7: 3 * conv3(512, 512) + 2 * 512,
    8: 16 * 512 * 256 + 256 + 2 * conv3(256, 256),
}
HEAD = 256 * 313 + 313 + 313 * 2
ALL = sum(ZHANG.values())
SKIPPED = ZHANG[5] + ZHANG[6] + ZHANG[7]


@pytest.mark.parametrize(
    ("model", "layers", "by_hand", "table"),
    [
        ("zhang", "full", ALL + HEAD, 32.24e6),
        ("zhang", "skip567", ALL - SKIPPED + HEAD, 10.99e6),
        ("zhang", "removal348", ALL - SKIPPED + HEAD - 2 * conv3(256, 256) - conv3(512, 512), 7.46e6),
        ("zhang", "skip=6;drop=5:2", ALL - ZHANG[6] - 2 * conv3(512, 512) + HEAD, None),
        ("zhang_class", "skip567", ALL - SKIPPED + 256 * 261 + 261, None),
    ],
)
def test_parameters_of_zhangs_network(model: str, layers: str, by_hand: int, table: float | None) -> None:
    made = numbers(on_meta(params(model, layers)))
    assert made == by_hand
    if table is not None:
        assert made == pytest.approx(table, abs=0.01e6)


def test_the_width_scales_all_channels_but_the_313() -> None:
    trunk = sum(value.numel() for name, value in on_meta(params("zhang", width=16, layers="full")).named_parameters())
    assert trunk - (64 * 313 + 313 + 313 * 2) < ALL / 15
    made = UNet(8, 16, 64)
    assert [conv.out_channels for conv in made.down if isinstance(conv, nn.Conv2d)] == [16, 32, 64, 128, *[128] * 4]


@pytest.mark.parametrize(
    ("model", "layers", "forward", "step"),
    [
        ("isola", "7", (0.75, 2.98, 11.91), 85.8),
        ("isola", "8", (0.76, 3.00, 11.96), 86.0),
        ("isola", "9", (0.78, 3.01, 11.98), 86.1),
        ("zhang", "skip567", (2.50, 10.0, 40.1), 170),
        ("zhang", "full", (5.22, 20.9, 83.5), 301),
        ("zhang", "removal348", (1.60, 6.39, 25.6), 127),
    ],
)
def test_flop_as_in_the_tables(model: str, layers: str, forward: tuple[float, ...], step: float) -> None:
    for side, wanted in zip((64, 128, 256), forward, strict=True):
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            build.generator(params(model, layers, side)).eval()(torch.empty(1, 1, side, side))
        assert counter.get_total_flops() / 1e9 == pytest.approx(wanted, rel=0.01)
    assert build.flops(params(model, layers)) / 1e9 == pytest.approx(step, rel=0.01)


def test_a_step_of_the_classifier_has_no_discriminator() -> None:
    classifier, regression = (build.flops(params(model, "full")) for model in ("zhang_class", "zhang"))
    # Three times the forward pass. The discriminator, 6.29 GFLOP, is passed eight times.
    assert classifier / 1e9 == pytest.approx(3 * 83.5, rel=0.01)
    assert (regression - classifier) / 1e9 == pytest.approx(8 * 6.29, rel=0.02)


@pytest.mark.parametrize("side", [32, 64, 128, 256])
@pytest.mark.parametrize(
    ("model", "layers"),
    [("isola", "7"), ("isola", "8"), ("isola", "9"), ("zhang", "removal348"), ("zhang_class", "skip567")],
)
def test_shapes(model: str, layers: str, side: int) -> None:
    with torch.device("meta"):
        g, d = build.generator(params(model, layers, side, 4)), PatchGan(4)
        out = g(torch.empty(2, 1, side, side))
        answers = d(torch.empty(2, 3, side, side))
    assert out.shape == ((2, 261, side // 4, side // 4) if model == "zhang_class" else (2, 2, side, side))
    assert answers.shape == (2, 1, side // 8 - 2, side // 8 - 2)


def test_zhang_takes_any_multiple_of_eight() -> None:
    g, _ = build.networks(params("zhang", "full", 40, 4), 0)
    assert g(torch.zeros(1, 1, 40, 40)).shape == (1, 2, 40, 40)


def test_hold_levels_at_32_px() -> None:
    for n_down, holds in ((7, 2), (8, 3), (9, 4)):
        net = UNet(n_down, 4, 32)
        kernels = [conv.kernel_size for conv in net.down if isinstance(conv, nn.Conv2d)]
        assert kernels == [(4, 4)] * 5 + [(3, 3)] * holds
        assert kernels == [conv.kernel_size for conv in net.up if isinstance(conv, nn.ConvTranspose2d)]
        with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
            net(torch.zeros(1, 1, 32, 32))  # what ``layers.smallest_batch`` is for
        assert net(torch.randn(2, 1, 32, 32)).shape == (2, 2, 32, 32)


def test_norms_and_dropout_stand_where_the_table_has_them() -> None:
    net = UNet(8, 4, 256)

    def kinds(parts: nn.ModuleList, kind: type[nn.Module]) -> list[int]:
        return [level for level, part in enumerate(parts) if isinstance(part, kind)]

    assert kinds(net.down_norm, nn.BatchNorm2d) == [1, 2, 3, 4, 5, 6]
    assert kinds(net.up_norm, nn.BatchNorm2d) == [1, 2, 3, 4, 5, 6, 7]
    assert kinds(net.dropout, nn.Dropout) == [4, 5, 6]
    assert kinds(UNet(7, 4, 256).dropout, nn.Dropout) == [4, 5]
    assert kinds(UNet(9, 4, 256).dropout, nn.Dropout) == [4, 5, 6, 7]
    assert [level for level, conv in enumerate(net.up) if conv.bias is not None] == [0]
    assert all(conv.bias is None for conv in net.down)


def nested(net: UNet, x: Tensor, level: int = 0) -> Tensor:
    """The U-Net as the paper nests it: a level around the level below, skip = concat[input, what came up]."""
    activated = torch.where(x > 0, x, 0.2 * x) if level else x
    down = net.down_norm[level](net.down[level](activated))
    below = nested(net, down, level + 1) if level + 1 < len(net.down) else down
    up: Tensor = net.dropout[level](net.up_norm[level](net.up[level](below.clamp(min=0))))
    return torch.cat([x, up], dim=1) if level else torch.tanh(up)


def test_the_loop_is_the_nested_network() -> None:
    g, _ = build.networks(params("isola", "8", 64, 8), 3)
    assert isinstance(g, UNet)
    picture = torch.randn(2, 1, 64, 64)
    torch.manual_seed(0)
    looped = g(picture)
    torch.manual_seed(0)
    assert torch.equal(looped, nested(g, picture))  # dropout on, drawn in the same order


def test_the_patchgan_looks_at_70_px() -> None:
    d = PatchGan(4).eval().double()
    assert d(torch.zeros(1, 3, 256, 256, dtype=torch.float64)).shape == (1, 1, 30, 30)
    picture = torch.randn(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    # ``forward`` answers in float32; the layers keep the digits.
    (seen,) = torch.autograd.grad(d.layers(picture)[0, 0, 7, 7], picture)
    rows, columns = seen[0].abs().sum(0).nonzero().unbind(1)
    assert rows.max() - rows.min() + 1 == 70
    assert columns.max() - columns.min() + 1 == 70


def test_the_layers_of_zhangs_trunk() -> None:
    def trunk(layers: str) -> list[tuple[int, int, int, int]]:
        made = on_meta(params("zhang", layers, width=1)).trunk
        return [
            (part.in_channels, part.out_channels, part.stride[0], part.dilation[0])
            for part in made
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)
        ]

    wide = [(8, 8, 1, 1)]
    dilated = [(8, 8, 1, 2)]
    start = [(1, 1, 1, 1), (1, 1, 2, 1), (1, 2, 1, 1), (2, 2, 2, 1)]
    end = [(8, 4, 2, 1), (4, 4, 1, 1)]
    third, fourth = [(2, 4, 1, 1), (4, 4, 1, 1), (4, 4, 2, 1)], [(4, 8, 1, 1), *wide, *wide]
    assert trunk("full") == [*start, *third, *fourth, *dilated * 6, *wide * 3, *end, (4, 4, 1, 1)]
    assert trunk("skip567") == [*start, *third, *fourth, *end, (4, 4, 1, 1)]
    assert trunk("removal348") == [*start, third[0], third[2], *fourth[:2], *end]
    kinds = [type(part).__name__ for part in on_meta(params("zhang", "full", width=1)).trunk]
    assert kinds.count("ReLU") == 22
    assert kinds.count("BatchNorm2d") == 7
    norms = [i for i, kind in enumerate(kinds) if kind == "BatchNorm2d"]
    assert all(kinds[i - 1] == "ReLU" for i in norms)
    assert all(after - before > 2 for before, after in pairwise(norms))


def test_zhangs_regression_is_a_mixture_of_313_colours() -> None:
    g, _ = build.networks(params("zhang", "skip567", 32, 4), 0)
    with torch.no_grad():
        g.hidden.bias[7] = 60.0  # all weight on one of them
    out = g(torch.randn(1, 1, 32, 32)).detach()
    colour = g.head.weight[:, 7, 0, 0].detach()
    assert torch.allclose(out, colour.view(1, 2, 1, 1).expand_as(out))


@pytest.mark.parametrize(("model", "layers"), [("isola", "7"), ("zhang", "full"), ("zhang_class", "removal348")])
def test_under_bfloat16_answers_are_float32_and_every_parameter_learns(model: str, layers: str) -> None:
    g, d = build.networks(params(model, layers, 32, 4), 0)
    picture = torch.randn(2, 1, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = g(picture)
        answer = out.square().mean()
        if d is not None:
            logits = d(torch.cat([picture, out], dim=1))
            assert logits.dtype == torch.float32
            answer = answer + logits.square().mean()
    assert out.dtype == torch.float32
    torch.autograd.backward(answer)
    for network in (g, d):
        for name, parameter in network.named_parameters() if network is not None else ():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name


def test_networks_can_be_named_before_anything_else_is_known() -> None:
    bins.centres.cache_clear()
    assert numbers(on_meta(params("zhang_class", "full", 64, 4))) > 0
    assert bins.centres().device.type == "cpu"


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (params(side=300), "multiple of 256"),
        (params(layers="99"), "no depth of the U-Net"),
        (params("zhang", "full", 100), "multiple of 8"),
        (params(width=0), "at least 1"),
    ],
)
def test_parameters_without_a_network_are_refused(chosen: dict[str, Scalar], says: str) -> None:
    for ask in (build.check, build.generator, build.flops):
        with pytest.raises(ValueError, match=says):
            ask(chosen)
