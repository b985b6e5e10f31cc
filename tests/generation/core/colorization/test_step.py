"""One step against the plain way of writing it, and the arithmetic of its numbers."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from generation.core.colorization import bins, build
from generation.core.colorization.step import Adversarial, Classifying, open_step
from generation.core.training.captured import Captured
from tests.generation.core.colorization.conftest import PARAMS

SIDE = 32


def batch(count: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    l_unit = torch.rand(count, 1, SIDE, SIDE, generator=draw) * 2 - 1
    return l_unit, torch.rand(count, 2, SIDE, SIDE, generator=draw) * 120 - 60


def opened(dtype: str = "float32", **change: Any) -> Any:
    params = {**PARAMS, "width": 2, **change}
    rate = torch.tensor(float(params["learning_rate"]))
    return open_step(*build.networks(params, 0), params, rate, dtype)


def plain_step(
    g: nn.Module, d: nn.Module, adam_g: Any, adam_d: Any, l_unit: Tensor, ab_lab: Tensor, ab_scale: float
) -> list[float]:
    """The tutorial's way (vanilla, lambda 100): everything spelled out, plain Adam."""
    bce, l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()
    fake, ab_unit = g(l_unit) * (110 / ab_scale), ab_lab / ab_scale
    for parameter in d.parameters():
        parameter.requires_grad_(True)
    adam_d.zero_grad()
    on_fake = d(torch.cat([l_unit, fake.detach()], 1))
    on_real = d(torch.cat([l_unit, ab_unit], 1))
    loss_d = (bce(on_fake, torch.zeros_like(on_fake)) + bce(on_real, torch.ones_like(on_real))) * 0.5
    loss_d.backward()
    adam_d.step()
    for parameter in d.parameters():
        parameter.requires_grad_(False)
    adam_g.zero_grad()
    again = d(torch.cat([l_unit, fake], 1))
    gan, distance = bce(again, torch.ones_like(again)), l1(fake, ab_unit) * 100.0
    (gan + distance).backward()
    adam_g.step()
    return [one.item() for one in (gan, distance, gan + distance, loss_d)]


@pytest.mark.parametrize(
    ("model", "layers", "ab_scale"), [("isola", "5", 110.0), ("zhang", "skip567", 110.0), ("zhang", "skip567", 1.0)]
)
def test_steps_equal_the_plain_way(model: str, layers: str, ab_scale: float) -> None:
    step = opened(model=model, layers=layers, ab_scale=ab_scale, learning_rate=5e-4)
    g, d = (copy.deepcopy(step.networks[name]) for name in ("generator", "discriminator"))
    adam_g, adam_d = (torch.optim.Adam(net.parameters(), lr=5e-4, betas=(0.5, 0.999), foreach=False) for net in (g, d))
    for seed in range(3):
        l_unit, ab_lab = batch(seed=seed)
        numbers = step.train(l_unit, ab_lab).tolist()
        expected = plain_step(g, d, adam_g, adam_d, l_unit, ab_lab, ab_scale)
        assert numbers[:4] == pytest.approx(expected, rel=1e-4)
        assert numbers[4] == pytest.approx(expected[1] / 100 * ab_scale, rel=1e-4)
    for name, twin in (("generator", g), ("discriminator", d)):
        for key, value in twin.state_dict().items():
            torch.testing.assert_close(step.networks[name].state_dict()[key], value, rtol=1e-3, atol=2e-5)


def test_numbers_in_raw_lab_units() -> None:
    """ab_scale 1: the network says ab / 110, the losses see Lab units, as in the paper's first table."""
    l_unit, ab_lab = batch()
    raw, unit = (opened(ab_scale=scale) for scale in (1.0, 110.0))
    net_out = raw.networks["generator"](l_unit)
    g_gan, g_l1, g, _, ab_error = raw.measure(l_unit, ab_lab).tolist()
    assert ab_error == pytest.approx((110 * net_out - ab_lab).abs().mean().item(), rel=1e-5)
    assert g_l1 == pytest.approx(100 * ab_error, rel=1e-5)
    assert g == pytest.approx(g_gan + g_l1, rel=1e-6)
    _, other_l1, _, _, other_error = unit.measure(l_unit, ab_lab).tolist()
    assert other_l1 * 110 == pytest.approx(g_l1, rel=1e-5)
    assert other_error == pytest.approx(ab_error, rel=1e-5)


def test_what_a_step_leaves_behind() -> None:
    """The discriminator has the gradients of its own loss alone, and each network made one step."""
    step = opened()
    l_unit, ab_lab = batch()
    judge = step.networks["discriminator"]
    before = copy.deepcopy(judge)
    step.train(l_unit, ab_lab)
    after_one = [parameter.grad.clone() for parameter in judge.parameters()]
    fake = opened().networks["generator"](l_unit).detach()
    bce = nn.BCEWithLogitsLoss()
    said, real = (before(torch.cat([l_unit, ab], 1)) for ab in (fake, ab_lab / 110))
    (0.5 * (bce(said, torch.zeros_like(said)) + bce(real, torch.ones_like(real)))).backward()
    for grad, parameter in zip(after_one, before.parameters(), strict=True):
        torch.testing.assert_close(grad, parameter.grad, rtol=1e-3, atol=1e-6)
    for optimizer in step.optimizers.values():
        assert {int(state["step"]) for state in optimizer.state.values()} == {1}


def test_the_rate_is_taken_from_the_tensor() -> None:
    params = {**PARAMS, "width": 2}
    rate = torch.tensor(0.0)
    step = open_step(*build.networks(params, 0), params, rate, "float32")
    weight = next(step.networks["generator"].parameters())
    before = weight.detach().clone()
    step.train(*batch())
    assert torch.equal(weight, before)
    rate.fill_(1e-2)
    step.train(*batch())
    assert not torch.equal(weight, before)


def test_measuring_changes_nothing() -> None:
    step = opened()
    for network in step.networks.values():
        network.eval()
    before = copy.deepcopy({name: network.state_dict() for name, network in step.networks.items()})
    whole = step.measure(*batch(6))
    l_unit, ab_lab = batch(6)
    parts = sum(step.measure(l_unit[cut], ab_lab[cut]) * n for cut, n in ((slice(1), 1), (slice(1, 6), 5))) / 6
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)
    for name, network in step.networks.items():
        assert all(torch.equal(value, before[name][key]) for key, value in network.state_dict().items())


def test_lsgan_is_the_squared_distance() -> None:
    step = opened(gan="lsgan")
    l_unit, ab_lab = batch()
    judge, generator = step.networks["discriminator"], step.networks["generator"]
    said = judge(torch.cat([l_unit, generator(l_unit)], 1))
    real = judge(torch.cat([l_unit, ab_lab / 110], 1))
    g_gan, _, _, d, _ = step.measure(l_unit, ab_lab).tolist()
    assert g_gan == pytest.approx(((said - 1) ** 2).mean().item(), rel=1e-4)
    assert d == pytest.approx(0.5 * ((said**2).mean() + ((real - 1) ** 2).mean()).item(), rel=1e-4)


def test_the_classifier_learns_one_batch() -> None:
    step = opened(model="zhang_class", layers="skip567", learning_rate=5e-3)
    assert isinstance(step, Classifying)
    assert set(step.networks) == {"generator"}
    l_unit, _ = batch()
    ab_lab = torch.tensor([40.0, -30.0]).view(1, 2, 1, 1).expand(4, 2, SIDE, SIDE)
    first = dict(zip(step.names, step.train(l_unit, ab_lab).tolist(), strict=True))
    assert first["g"] == pytest.approx(torch.log(torch.tensor(float(len(bins.centres())))).item(), rel=0.02)
    for _ in range(30):
        last = dict(zip(step.names, step.train(l_unit, ab_lab).tolist(), strict=True))
    assert last["ab_error"] < 0.3 * first["ab_error"]
    assert last["g"] < first["g"]


def test_bfloat16_is_only_inside() -> None:
    exact, rough = opened(), opened("bfloat16")
    l_unit, ab_lab = batch()
    numbers = rough.train(l_unit, ab_lab)
    assert numbers.dtype == torch.float32
    torch.testing.assert_close(numbers, exact.train(l_unit, ab_lab), rtol=0.02, atol=0.0)
    for network in rough.networks.values():
        assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    state = next(iter(rough.optimizers["generator"].state.values()))
    assert state["exp_avg"].dtype == torch.float32


def test_a_model_without_its_discriminator_is_refused() -> None:
    generator, _ = build.networks({**PARAMS, "width": 2}, 0)
    with pytest.raises(ValueError, match="against a discriminator"):
        open_step(generator, None, PARAMS, torch.tensor(1e-3), "float32")
    assert isinstance(opened(), Adversarial)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_captured_steps_equal_eager_ones() -> None:
    device = torch.device("cuda")
    ends = []
    for graph in (False, True):
        params = {**PARAMS, "width": 8}
        g, d = (network.to(device) for network in build.networks(params, 0) if network is not None)
        step = open_step(g, d, params, torch.tensor(5e-4, device=device), "float32")  # type: ignore[arg-type]
        train = Captured(step.train, 4, device) if graph else step.train
        for seed in range(8):
            numbers = train(*(part.to(device) for part in batch(seed=seed)))
        ends.append(numbers.clone())
        assert not graph or train.used == "yes"
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-2, atol=1e-3)
