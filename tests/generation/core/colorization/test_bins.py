"""Colour bins of the classifying model: which there are, soft shares, weights of rare colours, annealed mean."""

import math

import numpy as np
import pytest
import torch

from generation.core.colorization import bins, build, lab


def test_261_squares_of_the_ab_plane_hold_srgb_colours() -> None:
    centres = bins.centres()
    assert centres.shape == (261, 2)
    assert centres.dtype == torch.float32
    assert bool((centres % 10 == 0).all())
    assert centres.min(0).values.tolist() == [-90, -110]
    assert centres.max(0).values.tolist() == [100, 90]
    assert centres.tolist() == sorted(centres.tolist())


def test_the_faces_of_the_cube_miss_no_square() -> None:
    """Every fifth value of each channel, the inside included; the ends 0 and 255 among them."""
    steps = torch.arange(0, 256, 5, dtype=torch.uint8)
    grid = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij")).view(1, 3, len(steps), -1)
    _, ab_lab = lab.split(grid)
    squares = {tuple(pair) for pair in ((ab_lab[0].flatten(1).T / 10).round() * 10).tolist()}
    assert squares <= {tuple(pair) for pair in bins.centres().tolist()}
    assert len(squares) > 250


def brute_force(colour: tuple[float, float]) -> dict[int, float]:
    """Bin -> share of one colour, float64: the ten nearest by a Gaussian of sigma 5."""
    distance = ((bins.centres().double().numpy() - np.array(colour)) ** 2).sum(1)
    nearest = np.argsort(distance)[:10]
    weight = np.exp(-distance[nearest] / (2 * 5.0**2))
    return dict(zip(nearest.tolist(), (weight / weight.sum()).tolist(), strict=True))


def test_soft_shares_are_those_of_the_ten_nearest() -> None:
    # None of them ties with another at the tenth place.
    colours = [(1.3, 2.9), (-37.1, 44.2), (97.4, 91.3), (23.7, -104.6), (200.3, 3.1)]
    nearest, shares = bins.encode(torch.tensor(colours).T.reshape(1, 2, 1, -1), bins.centres())
    assert nearest.shape == shares.shape == (1, 10, 1, len(colours))
    for i, colour in enumerate(colours):
        found = dict(zip(nearest[0, :, 0, i].tolist(), shares[0, :, 0, i].tolist(), strict=True))
        wanted = brute_force(colour)
        assert found.keys() == wanted.keys()
        assert all(found[key] == pytest.approx(value, abs=1e-6) for key, value in wanted.items())
        assert nearest[0, 0, 0, i] == max(wanted, key=lambda key: wanted[key])


def test_shares_at_a_centre_by_hand() -> None:
    """Neighbours at 0, four at 10, four at 14.1 and one of those at 20 units."""
    _, shares = bins.encode(torch.zeros(1, 2, 1, 1), bins.centres())
    total = 1 + 4 * math.exp(-2) + 4 * math.exp(-4) + math.exp(-8)
    by_hand = [1, *[math.exp(-2)] * 4, *[math.exp(-4)] * 4, math.exp(-8)]
    assert shares.flatten().tolist() == pytest.approx([share / total for share in by_hand], abs=1e-6)


def test_counts_add_up_to_the_pixels() -> None:
    ab_lab = (torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5) * 160
    counts = bins.count(ab_lab, bins.centres())
    assert counts.shape == (261,)
    assert float(counts.sum()) == pytest.approx(3 * 64)
    halves = bins.count(ab_lab[:1], bins.centres()) + bins.count(ab_lab[1:], bins.centres())
    assert torch.allclose(halves, counts)


def test_class_weights_by_hand() -> None:
    weights = bins.class_weights(torch.tensor([3.0, 1.0], dtype=torch.float64))
    # prior .75 and .25, with half of the uniform .5: .625 and .375; their inverses 1.6 and 2.667 have the mean 1.867.
    assert weights.tolist() == pytest.approx([1.6 / (28 / 15), (8 / 3) / (28 / 15)])


def test_rare_colours_weigh_more_and_the_mean_over_the_prior_is_one() -> None:
    ab_lab = torch.randn(2, 2, 64, 64, generator=torch.Generator().manual_seed(0)) * 20
    counts = bins.count(ab_lab, bins.centres())
    weights = bins.class_weights(counts)
    assert float((weights * counts / counts.sum()).sum()) == pytest.approx(1, abs=1e-6)
    assert torch.equal(weights.argmin(), counts.argmax())
    # Never seen weighs the same as any other never seen: at most 2 Q times a class that is everything.
    assert float(weights.max()) == pytest.approx(float(weights[counts == 0][0]))
    assert torch.isfinite(weights).all()


def test_the_annealed_mean_goes_from_the_mode_to_the_mean() -> None:
    centres = bins.centres()
    logits = torch.randn(2, 261, 3, 3, generator=torch.Generator().manual_seed(0))
    shares = logits.double().softmax(dim=1)
    mean = torch.einsum("bqhw,qc->bchw", shares, centres.double())
    assert torch.allclose(bins.annealed_mean(logits, centres, 1.0).double(), mean, atol=1e-4)
    mode = centres[logits.argmax(dim=1)].permute(0, 3, 1, 2)
    cold = bins.annealed_mean(logits, centres, 1e-4)
    assert torch.allclose(cold, mode, atol=1e-4)
    assert torch.isfinite(bins.annealed_mean(logits * 100, centres, 1e-6)).all()
    papers = (logits.double() / 0.38).softmax(dim=1)
    wanted = torch.einsum("bqhw,qc->bchw", papers, centres.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.allclose(bins.annealed_mean(logits, centres, 0.38).double(), wanted, atol=1e-4)


def test_the_network_carries_its_bins() -> None:
    params = {
        "model": "zhang_class",
        "layers": "skip567",
        "width": 4,
        "train_size": 32,
        "init": "he",
        "init_gain": 0.02,
    }
    for network in (build.networks(params, 0)[0], build.generator(params)):
        assert torch.equal(network.centres_ab_lab, bins.centres())
        assert bool((network.class_weights == 1).all())
