"""Pictures whose colours are known beforehand, of every shape; and that a picture depends on nothing beside it."""

import itertools

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor, nn

from generation.core import images
from generation.core.colorization import bins, checkpoint, renderer
from generation.core.colorization.checkpoint import Checkpoint
from generation.core.protocols import Picture
from generation.core.spec import TRAINED, RenderSpec
from tests.generation.core.colorization.conftest import PARAMS
from tests.generation.core.colorization.pictured import (
    SIDE,
    classified,
    flat,
    photograph,
    random_network,
    sources,
    spec,
)


def _render(spec: RenderSpec, *given: bytes) -> Picture:
    (picture,) = renderer.render([spec], sources(*given), {}, lambda _: None)
    return picture


def _image(spec: RenderSpec, *given: bytes) -> images.Image:
    picture = _render(spec, *given)
    assert picture.status == "ok", picture.reason
    assert picture.image is not None
    return picture.image


def _joined(image: images.Image, ab: np.ndarray) -> images.Image:
    """scikit-image's picture of the luminance of ``image`` with these colours."""
    lab = rgb2lab(image)
    lab[..., 1:] = ab
    return np.round(lab2rgb(lab) * 255).astype(np.uint8)


def _same(one: images.Image, other: images.Image) -> bool:
    """Equal but for a grey level here and there: float32 against float64."""
    off = np.abs(one.astype(int) - other)
    return one.shape == other.shape and off.max() <= 1 and (off > 0).mean() < 1e-3


class Echo(nn.Module):
    """Answers with the luminance it was shown: a = 33 l_unit and b = -22 l_unit, in Lab units, so that a colour in
    the wrong place shows."""

    seen: Tensor

    def forward(self, l_unit: Tensor) -> Tensor:
        self.seen = l_unit
        return torch.cat([0.3 * l_unit, -0.2 * l_unit], dim=1)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Echo:
    network = Echo()
    trained = Checkpoint(network, None, {**PARAMS, "train_size": SIDE}, "t", 1, {})  # type: ignore[arg-type]
    monkeypatch.setattr(checkpoint, "read", lambda _: trained)
    renderer._read.cache_clear()
    return network


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (24, SIDE), (SIDE, 17), (8, SIDE)])
def test_each_pixel_gets_the_colour_that_the_network_gave_it(echo: Echo, shape: tuple[int, int]) -> None:
    image = photograph(*shape)
    data = images.encode_png(image)
    l_unit = rgb2lab(image)[..., :1] / 50 - 1
    assert _same(_image(spec(data, b"any"), data, b"any"), _joined(image, l_unit * (33, -22)))


@pytest.mark.parametrize("shape", [(90, 120), (120, 50), (40, 160), (10, 13)])
@pytest.mark.parametrize("size", [16, SIDE, 100])
def test_any_shape_at_any_size_keeps_its_aspect_and_its_luminance(
    echo: Echo, shape: tuple[int, int], size: int
) -> None:
    image = photograph(*shape)
    data = images.encode_png(image)
    made = _image(spec(data, b"any", size=size), data, b"any")
    wanted = images.resize_longest(image, size)
    assert made.shape == wanted.shape
    assert max(made.shape) == size
    assert echo.seen.shape == (1, 1, SIDE, SIDE)
    lightness, colours = rgb2lab(made)[..., 0], rgb2lab(made)[..., 1:]
    assert np.abs(lightness - rgb2lab(wanted)[..., 0]).mean() < 0.5  # but for clipping and rounding
    # The colours are where the photograph is light or dark, but for the network's resolution.
    assert np.corrcoef(colours[..., 0].ravel(), lightness.ravel())[0, 1] > 0.8


def test_the_square_is_filled_by_mirroring_and_the_picture_lies_in_its_middle() -> None:
    image = photograph(8, SIDE)  # 1:4, so it is mirrored more than once
    square = renderer.squared(image, SIDE)
    assert square.pixels.shape == (SIDE, SIDE, 3)
    assert np.array_equal(square.pixels[square.part], image)
    assert square.part == (slice(12, 20), slice(0, SIDE))
    assert np.array_equal(square.pixels[4:12], image[::-1])
    assert np.array_equal(square.pixels[20:28], image[::-1])
    assert np.array_equal(square.pixels[:4], image[4:])
    odd = renderer.squared(photograph(31, 20), SIDE)
    assert np.array_equal(odd.pixels[odd.part], images.resize_longest(photograph(31, 20), SIDE))
    assert renderer.squared(photograph(SIDE, SIDE), SIDE).part == (slice(0, SIDE), slice(0, SIDE))


def test_the_network_sees_the_photograph_itself_not_a_small_stimulus(echo: Echo) -> None:
    data = images.encode_png(photograph(128, 128))
    _image(spec(data, b"any", size=16), data, b"any")
    small = echo.seen
    renderer._read.cache_clear()
    _image(spec(data, b"any", size=64), data, b"any")
    assert torch.equal(small, echo.seen)


def test_a_flat_answer_is_one_colour_at_the_photographs_luminance() -> None:
    data, trained = images.encode_png(photograph(20, 28)), flat(12.0, -20.0)
    image = images.resize_longest(photograph(20, 28), 48)
    made = _image(spec(data, trained, size=48), data, trained)
    assert _same(made, _joined(image, np.array([12.0, -20.0])))


@pytest.mark.parametrize("ab_scale", [1.0, 110.0])
def test_the_scale_of_the_losses_does_not_change_what_a_network_says(ab_scale: float) -> None:
    data, trained = images.encode_png(photograph(SIDE, SIDE)), flat(12.0, -20.0, ab_scale=ab_scale)
    assert _same(_image(spec(data, trained), data, trained), _joined(photograph(SIDE, SIDE), np.array([12.0, -20.0])))


@pytest.mark.parametrize("gain", [0.5, 1.2])
def test_the_gain_multiplies_the_colours(gain: float) -> None:
    data, trained = images.encode_png(photograph(SIDE, SIDE)), flat(10.0, 15.0)
    made = _image(spec(data, trained, chroma_gain=gain), data, trained)
    assert _same(made, _joined(photograph(SIDE, SIDE), gain * np.array([10.0, 15.0])))


def test_without_gain_the_picture_is_grey() -> None:
    data, trained = images.encode_png(photograph(30, 40)), random_network()
    made = _image(spec(data, trained, chroma_gain=0.0, size=64), data, trained)
    # a* = b* = 0 is sRGB's grey to five digits, which a rounding here and there makes a grey level.
    off = np.ptp(made, axis=2)
    assert off.max() <= 1
    assert off.mean() < 0.02
    assert made.std() > 10


def test_a_grey_photograph_is_colourised_all_the_same() -> None:
    grey = images.grey(photograph(SIDE, SIDE))
    data, trained = images.encode_png(grey), flat(20.0, 10.0)
    assert _same(_image(spec(data, trained), data, trained), _joined(grey, np.array([20.0, 10.0])))


@pytest.mark.parametrize("temperature", [0.1, 0.38, 1.0])
def test_classes_become_their_mean_at_the_temperature(temperature: float) -> None:
    data, trained = images.encode_png(photograph(24, SIDE)), classified({100: 0.75, 130: 0.25}, 0.38)
    made = _image(spec(data, trained, temperature=temperature), data, trained)
    # softmax(0.38 log(p) / T) has p^(0.38 / T) as shares.
    shares = np.array([0.75, 0.25]) ** (0.38 / temperature)
    colour = shares / shares.sum() @ bins.centres()[[100, 130]].numpy()
    assert _same(made, _joined(photograph(24, SIDE), colour))


def test_the_share_of_colours_that_srgb_does_not_have_is_told() -> None:
    image = np.full((SIDE, SIDE, 3), 119, np.uint8)  # L* 50 has a place for a* 40
    image[:, : SIDE // 4] = 255  # white has none
    data, trained = images.encode_png(image), flat(40.0, 0.0)
    assert _render(spec(data, trained), data, trained).provenance["out_of_gamut"] == pytest.approx(0.25)
    assert _render(spec(data, trained, chroma_gain=0.0), data, trained).provenance["out_of_gamut"] == 0.0


def test_the_provenance_says_which_network_at_which_epoch() -> None:
    data, trained = images.encode_png(photograph(SIDE, SIDE)), flat(0.0, 0.0)
    picture = _render(spec(data, trained), data, trained)
    facts = {k: picture.provenance[k] for k in ("epoch", "network_side", "training", "checkpoint")}
    assert facts == {
        "epoch": 3, "network_side": SIDE, "training": "t" * 64, "checkpoint": spec(data, trained).weights[TRAINED]
    }  # fmt: skip
    assert picture.final_step_reason == "epoch 3"


@pytest.mark.parametrize(
    ("model", "layers"), [("isola", "5"), ("isola", "6"), ("zhang", "full"), ("zhang_class", "full")]
)
def test_a_picture_is_the_same_whatever_is_rendered_beside_it(model: str, layers: str) -> None:
    datas = [images.encode_png(photograph(h, w, seed)) for seed, (h, w) in enumerate([(30, 40), (64, 64), (50, 20)])]
    networks = [random_network(model, layers, seed) for seed in (0, 1)]
    specs = [
        spec(data, trained, chroma_gain=gain) for data, trained, gain in itertools.product(datas, networks, (1.0, 0.3))
    ]
    given = sources(*datas, *networks)
    together = [picture.image for picture in renderer.render(specs, given, {}, lambda _: None)]
    assert len({image.tobytes() for image in together if image is not None}) == len(specs)
    renderer._read.cache_clear()
    back = [picture.image for picture in renderer.render(specs[::-1], given, {}, lambda _: None)][::-1]
    for one, alike, wanted in zip(together, back, specs, strict=True):
        renderer._read.cache_clear()
        assert one is not None
        assert alike is not None
        (alone,) = renderer.render([wanted], given, {}, lambda _: None)
        assert np.array_equal(one, alike)
        assert np.array_equal(one, alone.image)


def test_ticks_count_the_pictures() -> None:
    data, trained = images.encode_png(photograph(SIDE, SIDE)), flat(0.0, 0.0)
    done: list[int] = []
    wanted = [spec(data, trained), spec(data, None), spec(data, trained, size=20)]
    renderer.render(wanted, sources(data, trained), {}, done.append)
    assert sum(done) == 3


def test_what_concerns_one_picture_fails_alone_and_in_words() -> None:
    data, trained = images.encode_png(photograph(SIDE, SIDE)), flat(0.0, 0.0)
    foreign, broken = b"\x00" * 100, data[:-30]
    specs = [
        spec(data, None), spec(data, b"gone"), spec(data, foreign), spec(broken, trained), spec(data, trained)
    ]  # fmt: skip
    pictures = renderer.render(specs, sources(data, trained, foreign, broken), {}, lambda _: None)
    assert [picture.status for picture in pictures] == ["failed"] * 4 + ["ok"]
    said = [picture.reason for picture in pictures]
    assert said[0].startswith("The network of this condition was not trained: there is no checkpoint")
    assert said[1].startswith("The network of this condition was not trained: its checkpoint")
    assert said[2].startswith("This file is no checkpoint of a colorizer")
    assert "cut off" in said[3]


def test_a_checkpoint_with_other_bytes_than_it_is_named_after_is_refused() -> None:
    data, trained = images.encode_png(photograph(SIDE, SIDE)), flat(0.0, 0.0)
    wanted = spec(data, trained)
    changed = trained[:-4] + b"\x00\x00\x80\x3f"
    (picture,) = renderer.render([wanted], {**sources(data), wanted.weights[TRAINED]: changed}, {}, lambda _: None)
    assert picture.reason.endswith("is damaged: its bytes have another SHA-256. Train the condition again.")


def test_colours_that_are_no_numbers_are_a_reason(monkeypatch: pytest.MonkeyPatch, echo: Echo) -> None:
    monkeypatch.setattr(Echo, "forward", lambda _self, l_unit: torch.cat([l_unit, l_unit], 1) * float("nan"))
    data = images.encode_png(photograph(SIDE, SIDE))
    picture = _render(spec(data, b"any"), data, b"any")
    assert picture.status == "failed"
    assert picture.image is None
    assert picture.reason.startswith("The network gives colours that are not finite numbers")
