"""The losses against two-line formulas, and the batched engine against separate optimisers."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from generation.core import backbones, images, weights
from generation.core.style import engine, losses
from generation.core.style.pictures import to_tensor
from generation.core.style.renderer import style_loss
from generation.core.style_objective import STANDARD_LAYERS, features
from generation.core.style_transfer import STYLE_TRANSFER
from generation.core.weights import LAYERS

CPU = torch.device("cpu")
METHOD = STYLE_TRANSFER.methods["gatys"]
SHALLOW = features(METHOD.complete({"backbone": "random-shallow"}))
SETTINGS = engine.Settings(size=64, steps=12, scales=1, optimizer="adam", decay="none", options={})
SAMPLE = engine.Sample(0.02, 1.0, 0.2, 0.02, "content", 1, (12,))


def _loss(content: Tensor, style: Tensor) -> losses.StyleLoss:
    return style_loss(SHALLOW, weights.find("random-shallow"), content, style)


def _run(
    content: images.Image, style: images.Image, samples: list[engine.Sample], **settings: object
) -> list[engine.Outcome]:
    changed = dataclasses.replace(SETTINGS, **settings)  # type: ignore[arg-type]
    if "steps" in settings:
        samples = [dataclasses.replace(sample, snapshots=(changed.steps,)) for sample in samples]
    return engine.transfer(content, style, samples, changed, _loss, CPU, lambda steps: None)


def _end(outcome: engine.Outcome) -> images.Image:
    return outcome.images[max(outcome.images)]


def test_gram_and_means_are_the_textbook_ones_and_so_are_their_gradients() -> None:
    phi = torch.randn(2, 5, 4, 3, dtype=torch.float64, requires_grad=True)
    gram, mean = losses.moments(phi)
    flat = phi.reshape(2, 5, 12)
    assert torch.allclose(gram, flat @ flat.transpose(1, 2) / 12)
    assert torch.allclose(mean, flat.mean(2))
    assert torch.autograd.gradcheck(losses.moments, (phi,))


def test_style_and_content_loss_are_the_written_formulas(content: images.Image, style: images.Image) -> None:
    c, s = (to_tensor(images.resize_longest(i, 64), CPU) for i in (content, style))
    x = torch.rand(c.shape, generator=torch.Generator().manual_seed(3))
    loss = _loss(c, s)
    terms = loss(x)
    fx, fs, fc = ({k: v.double() for k, v in loss.extractor(i).items()} for i in (x, s, c))

    def moments(f: Tensor) -> tuple[Tensor, Tensor]:
        flat = f.flatten(2)[0]
        return torch.cov(flat, correction=0), flat.mean(1)

    def rel(a: Tensor, b: Tensor) -> Tensor:
        return ((a - b) ** 2).mean() / (b**2).mean()

    layers = [
        sum(rel(a, b) for a, b in zip(moments(fx[k]), moments(fs[k]), strict=True)) / 2
        for k in LAYERS["random-shallow"]
    ]
    tv = [sum((i.diff(dim=d) ** 2).mean() for d in (2, 3)) for i in (x, c)]
    assert terms.layers[0].tolist() == pytest.approx([float(v) for v in layers], rel=1e-4)
    assert float(terms.style[0]) == pytest.approx(float(sum(layers)) / 4, rel=1e-4)
    assert float(terms.content[0]) == pytest.approx(float(rel(fx["level2"], fc["level2"])), rel=1e-4)
    assert float(terms.tv[0]) == pytest.approx(float(tv[0] / tv[1]), rel=1e-4)


def test_the_photograph_has_no_content_loss_and_the_style_no_style_loss(content: images.Image) -> None:
    c = to_tensor(content, CPU)
    terms = _loss(c, c)(c)
    assert float(terms.content[0]) == 0.0
    assert float(terms.style[0]) < 1e-10
    assert float(terms.tv[0]) == pytest.approx(1.0)


def test_polyphase_is_the_plain_convolution() -> None:
    filters, x = torch.randn(3, 3, 7, 7), torch.rand(1, 3, 10, 12)
    plain = torch.nn.functional.conv2d(x, filters)
    blocks = torch.nn.functional.conv2d(torch.nn.functional.pixel_unshuffle(x, 2), backbones.polyphase(filters))
    shuffled = blocks.unflatten(1, (4, 3)).transpose(1, 2).flatten(1, 2)
    assert torch.allclose(torch.nn.functional.pixel_shuffle(shuffled, 2), plain, atol=1e-4)


def test_random_shallow_is_the_same_every_time_and_normalised_on_its_pair(content: images.Image) -> None:
    c, s = to_tensor(content, CPU), to_tensor(images.grey(content), CPU)
    first = backbones.ShallowPyramid(["level1"], c, s)
    again = backbones.ShallowPyramid(["level1"], c, s)
    assert torch.equal(first(c)["level1"], again(c)["level1"])
    raw = torch.cat([first._convolve(i, first._filters[0]).flatten(2) for i in (c, s)], dim=2)
    assert torch.allclose(raw.std(2), torch.ones(1, first.FILTERS), atol=1e-3)


def test_standard_layers_exist() -> None:
    for (backbone, _), (style_layers, content_layers) in STANDARD_LAYERS.items():
        assert {*style_layers, *content_layers} <= set(LAYERS[backbone])


def test_batched_conditions_equal_conditions_alone(content: images.Image, style: images.Image) -> None:
    samples = [SAMPLE, dataclasses.replace(SAMPLE, learning_rate=0.003, content_weight=1.0)]
    together = _run(content, style, samples)
    for sample, outcome in zip(samples, together, strict=True):
        (alone,) = _run(content, style, [sample])
        assert outcome.curve["total"] == pytest.approx(alone.curve["total"], rel=1e-3)
        assert np.abs(_end(outcome).astype(int) - _end(alone).astype(int)).mean() < 0.5


def test_the_same_batch_gives_the_same_bytes(content: images.Image, style: images.Image) -> None:
    samples = [SAMPLE, dataclasses.replace(SAMPLE, init="noise")]
    first, again = (_run(content, style, samples, scales=2) for _ in range(2))
    assert [images.encode_png(_end(o)) for o in first] == [images.encode_png(_end(o)) for o in again]


def test_seeds_matter_for_noise_only(content: images.Image, style: images.Image) -> None:
    a, b, c, d = _run(
        content,
        style,
        [dataclasses.replace(SAMPLE, init=i, seed=s) for i in ("noise", "content") for s in (1, 2)],
        steps=2,
    )
    assert not np.array_equal(_end(a), _end(b))
    assert np.array_equal(_end(c), _end(d))


def test_the_loss_falls_and_a_larger_rate_moves_further(content: images.Image, style: images.Image) -> None:
    slow, fast = _run(content, style, [dataclasses.replace(SAMPLE, learning_rate=lr) for lr in (0.001, 0.03)], steps=30)
    assert fast.curve["total"][-1] < slow.curve["total"][-1] < slow.curve["total"][0]
    photograph = images.resize_longest(content, 64).astype(int)
    assert np.abs(_end(slow) - photograph).mean() < np.abs(_end(fast) - photograph).mean() / 2


@pytest.mark.parametrize("fault", [{"style_weight": 1e38}, {"learning_rate": math.inf}])
def test_a_diverged_sample_keeps_its_last_finite_image_and_disturbs_nobody(
    content: images.Image, style: images.Image, fault: dict[str, float]
) -> None:
    good, bad = SAMPLE, dataclasses.replace(SAMPLE, **fault)  # type: ignore[arg-type]
    outcomes = _run(content, style, [good, bad, good])
    calm = _run(content, style, [good, good, good])
    assert outcomes[1].diverged_at == 0
    assert np.array_equal(_end(outcomes[1]), images.resize_longest(content, 64)), "the photograph it started from"
    assert np.isnan(outcomes[1].curve["style"][1:]).all()
    for n in (0, 2):
        assert outcomes[n].diverged_at is None
        assert np.array_equal(_end(outcomes[n]), _end(calm[n]))
        assert np.array_equal(outcomes[n].curve["total"], calm[n].curve["total"])


def test_curves_are_raw_and_their_weighted_sum_is_the_total(content: images.Image, style: images.Image) -> None:
    heavy = dataclasses.replace(SAMPLE, style_weight=1000.0)
    plain, weighted = _run(content, style, [SAMPLE, heavy], scales=2, steps=5)
    assert weighted.curve["style"][0] == pytest.approx(plain.curve["style"][0], rel=1e-6), "raw: free of the weight"
    for outcome in (plain, weighted):
        terms = np.stack([outcome.curve[name] for name in ("style", "content", "tv")], axis=1)
        assert outcome.curve["total"] == pytest.approx(terms @ outcome.curve["weights"], rel=1e-12)
        assert outcome.curve["style_layers"].mean(axis=1) == pytest.approx(outcome.curve["style"], rel=1e-5)
        assert all(array.dtype == np.float64 for array in outcome.curve.values())
        assert len(outcome.curve["total"]) == 5


def test_coarse_to_fine_carries_the_change_and_not_a_blurred_photograph(
    content: images.Image, style: images.Image
) -> None:
    still = dataclasses.replace(SAMPLE, learning_rate=1e-6)
    (outcome,) = _run(content, style, [still], size=128, scales=2)
    assert outcome.curve["scale"].tolist() == [64.0] * 6 + [128.0] * 6
    assert np.array_equal(_end(outcome), images.resize_longest(content, 128))


def test_scales_halve_and_stop_at_the_coarsest() -> None:
    assert engine.scale_sizes(256, 3) == [64, 128, 256]
    assert engine.scale_sizes(100, 3) == [100]


def test_scales_at_which_a_picture_is_too_thin_are_left_out() -> None:
    panorama, square = np.zeros((50, 300, 3), np.uint8), np.zeros((99, 99, 3), np.uint8)
    settings = dataclasses.replace(SETTINGS, size=384, scales=3, smallest=32)
    assert engine.scales_of(square, square, settings) == [96, 192, 384]
    assert engine.scales_of(panorama, square, settings) == [192, 384]
    assert engine.scales_of(square, panorama, dataclasses.replace(settings, smallest=128)) == [384]


def test_decay_ends_near_nothing() -> None:
    assert engine.decay_factor("none", 0.9) == 1.0
    assert engine.decay_factor("linear", 0.75) == 0.25
    assert engine.decay_factor("cosine", 0.5) == pytest.approx(0.5)


def test_progress_counts_image_steps(content: images.Image, style: images.Image) -> None:
    ticks: list[int] = []
    engine.transfer(content, style, [SAMPLE] * 3, SETTINGS, _loss, CPU, ticks.append)
    assert ticks == [3] * 12


@pytest.mark.usefixtures("real_weights")
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_a_real_network_gets_its_own_preprocessing(content: images.Image, order: str) -> None:
    """The first layer of the Oxford VGG19 by hand: RGB 0..255 minus the mean, no deviation."""
    found = dataclasses.replace(weights.find("vgg19"), colour_order=order)
    x = to_tensor(content, CPU)
    network = backbones.Pretrained(found, ["relu1_1"])
    prepared = (x.flip(1) if order == "BGR" else x) * 255 - torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1)
    expected = torch.relu(
        torch.nn.functional.conv2d(prepared, network.stack[0].weight, network.stack[0].bias, padding=1)
    )  # type: ignore[arg-type]
    assert torch.allclose(network(x)["relu1_1"], expected, rtol=1e-4, atol=1e-3)
    assert not any(p.requires_grad for p in network.parameters())
    assert len(network.stack) == 2, "cut after the last layer that is needed"


@pytest.mark.usefixtures("real_weights")
def test_squeezenet_is_torchvisions(content: images.Image) -> None:
    from torchvision.models import squeezenet1_1

    found = weights.find("squeezenet1_1")
    network = backbones.Pretrained(found, ["relu1", "fire9"])
    reference = squeezenet1_1(weights=None).features.eval()
    reference.load_state_dict(network.stack.state_dict())
    x = to_tensor(content, CPU)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (found.mean, found.std))
    assert torch.allclose(network(x)["fire9"], reference((x - mean) / std), atol=1e-4)
