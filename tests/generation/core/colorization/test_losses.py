"""The arithmetic of the losses, by hand and in float64."""

import math

import pytest
import torch

from generation.core.colorization import bins, losses

LN2, LN3 = math.log(2), math.log(3)
LOGITS = torch.tensor([0.0, LN3], dtype=torch.float64).view(1, 1, 1, 2)


@pytest.mark.parametrize(
    ("gan", "real", "by_hand"),
    [
        ("vanilla", True, (LN2 + math.log(4 / 3)) / 2),  # -ln sigmoid: of 0 it is ln 2, of ln 3 it is ln 4/3
        ("vanilla", False, (LN2 + math.log(4)) / 2),
        ("lsgan", True, (1 + (LN3 - 1) ** 2) / 2),
        ("lsgan", False, LN3**2 / 2),
    ],
)
def test_the_gan_loss(gan: str, real: bool, by_hand: float) -> None:
    assert float(losses.gan_loss(LOGITS, real, gan)) == pytest.approx(by_hand, rel=1e-14)


def test_a_perfect_and_a_hopeless_fake() -> None:
    logits = torch.tensor([-1000.0, -1000.0]).view(2, 1, 1, 1)
    assert float(losses.gan_loss(logits, True, "vanilla")) == 1000.0
    assert float(losses.gan_loss(logits, False, "vanilla")) == 0.0


def test_the_generators_losses_add_up() -> None:
    fake = torch.tensor([0.1, -0.2, 0.0, 0.5], dtype=torch.float64).view(1, 2, 1, 2)
    real = torch.tensor([0.3, -0.2, 0.1, -0.5], dtype=torch.float64).view(1, 2, 1, 2)
    said = losses.generator_losses(LOGITS, fake, real, 100.0, "vanilla")
    assert float(said["g_l1"]) == pytest.approx(100 * (0.2 + 0.0 + 0.1 + 1.0) / 4, rel=1e-14)
    assert float(said["g_gan"]) == pytest.approx((LN2 + math.log(4 / 3)) / 2, rel=1e-14)
    assert float(said["g"]) == pytest.approx(float(said["g_gan"]) + float(said["g_l1"]), rel=1e-14)
    assert list(said) == ["g_gan", "g_l1", "g"]


def test_the_discriminators_loss_is_half_of_both() -> None:
    fake, real = torch.zeros(1, 1, 2, 2, dtype=torch.float64), torch.full((1, 1, 2, 2), LN3, dtype=torch.float64)
    assert float(losses.discriminator_loss(fake, real, "vanilla")) == pytest.approx((LN2 + math.log(4 / 3)) / 2)
    assert float(losses.discriminator_loss(fake, real, "lsgan")) == pytest.approx((0 + (LN3 - 1) ** 2) / 2)


def test_the_scale_of_ab_multiplies_the_l1_and_nothing_else() -> None:
    """net_out is ab / 110: the same picture is 110 times as wrong on the raw scale."""
    net_out, ab_lab = torch.full((1, 2, 4, 4), 0.25), torch.full((1, 2, 4, 4), 11.0)
    l1 = {}
    for scale in (110.0, 1.0):
        fake = losses.fake_ab_unit(net_out, scale)
        l1[scale] = float(losses.generator_losses(LOGITS, fake, ab_lab / scale, 100.0, "vanilla")["g_l1"])
    assert l1[110.0] == pytest.approx(100 * (0.25 - 0.1), rel=1e-6)
    assert l1[1.0] == pytest.approx(110 * l1[110.0], rel=1e-6)


def test_bfloat16_is_summed_in_float32() -> None:
    said = losses.generator_losses(
        LOGITS.bfloat16(), torch.ones(1, 2, 64, 64).bfloat16(), torch.zeros(1, 2, 64, 64), 100.0, "vanilla"
    )
    assert all(value.dtype == torch.float32 for value in said.values())
    assert float(said["g_l1"]) == 100.0


def test_an_unknown_gan_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no GAN loss 'wgan'\. Choose one of vanilla, lsgan\."):
        losses.gan_loss(LOGITS, True, "wgan")


def colour(a: float, b: float) -> torch.Tensor:
    return torch.tensor([a, b]).view(1, 2, 1, 1).expand(1, 2, 8, 8)


def test_the_class_loss_of_a_network_that_knows_nothing_is_ln_q() -> None:
    centres = bins.centres()
    ab_lab = torch.cat([colour(20, 0), colour(-43.3, 12.1)])
    loss = losses.class_loss(torch.zeros(2, 261, 2, 2), ab_lab, centres, torch.ones(261))
    assert float(loss) == pytest.approx(math.log(261), rel=1e-6)


def test_the_class_loss_by_hand() -> None:
    """All on the right bin: what is lost is the shares of its neighbours, 0, 10 (4), 14.1 (4) and 20 units away."""
    centres = bins.centres()
    right = centres.tolist().index([20.0, 0.0])
    logits = torch.zeros(1, 261, 2, 2)
    logits[:, right] = 8.0
    share = 1 / (1 + 4 * math.exp(-2) + 4 * math.exp(-4) + math.exp(-8))
    by_hand = math.log(math.exp(8) + 260) - share * 8
    weights = torch.ones(261)
    assert float(losses.class_loss(logits, colour(20, 0), centres, weights)) == pytest.approx(by_hand, rel=1e-5)
    weights[right] = 3.0
    assert float(losses.class_loss(logits, colour(20, 0), centres, weights)) == pytest.approx(3 * by_hand, rel=1e-5)


def test_a_picture_without_colour_teaches_nothing() -> None:
    centres, weights = bins.centres(), torch.ones(261)
    logits = torch.zeros(2, 261, 2, 2, requires_grad=True)
    loss = losses.class_loss(logits, torch.cat([colour(20, 0), colour(4.9, -4.9)]), centres, weights)
    assert float(loss.detach()) == pytest.approx(math.log(261) / 2, rel=1e-6)
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() > 0
    assert not logits.grad[1].any()


def test_the_targets_are_means_of_four_by_four_pixels() -> None:
    centres = bins.centres()
    ab_lab = torch.zeros(1, 2, 4, 4)
    ab_lab[0, 0, 0, :2] = 80.0  # two of sixteen: the mean is 10
    logits = torch.zeros(1, 261, 1, 1)
    logits[0, centres.tolist().index([10.0, 0.0])] = 8.0
    share = 1 / (1 + 4 * math.exp(-2) + 4 * math.exp(-4) + math.exp(-8))
    by_hand = math.log(math.exp(8) + 260) - share * 8
    assert float(losses.class_loss(logits, ab_lab, centres, torch.ones(261))) == pytest.approx(by_hand, rel=1e-5)
