"""Numbers of one picture: two-line references, and pictures whose answer is known beforehand."""

import colorsys

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity

from generation.core import catalogue, images
from generation.core.metrics import Unavailable, colour, similarity, style_transfer, texture
from generation.core.spec import MetricSpec, RenderSpec, sha256_bytes
from tests.generation.core.conftest import drawn

FLAT = np.full((64, 64, 3), 90, np.uint8)


def grey(values: np.ndarray) -> images.Image:
    """H x W numbers in 0..255 as a grey picture."""
    return np.repeat(np.rint(values.clip(0, 255)).astype(np.uint8)[..., None], 3, axis=2)


def chequered(side: int = 64) -> images.Image:
    return grey(255.0 * (np.indices((side, side)).sum(0) % 2))


def power_law(exponent: float, shape: tuple[int, int] = (192, 256), seed: int = 0) -> images.Image:
    """A random picture whose power falls with the frequency to this exponent."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = np.inf
    phases = np.fft.rfft2(np.random.default_rng(seed).standard_normal(shape))
    field = np.fft.irfft2(phases * frequency ** (exponent / 2), shape)
    return grey(128 + 35 * field / field.std())


def test_luminance_and_saturation_are_pillows_and_the_standard_librarys() -> None:
    image = drawn(1)
    luma = np.asarray(Pillow.fromarray(image).convert("L"), dtype=float)
    assert colour.mean_luminance(image) * 255 == pytest.approx(luma.mean(), abs=0.5)
    hsv = [colorsys.rgb_to_hsv(*(pixel / 255)) for pixel in image.reshape(-1, 3)]
    assert colour.mean_saturation(image) == pytest.approx(np.mean([s for _, s, _ in hsv]))
    assert [colour.mean_luminance(np.full((8, 8, 3), v, np.uint8)) for v in (0, 255)] == [0.0, 1.0]
    assert colour.mean_saturation(np.zeros((8, 8, 3), np.uint8)) == 0.0


def test_colourfulness_is_hasler_and_suesstrunks() -> None:
    assert colour.colourfulness(images.grey(drawn(1))) == 0.0
    half = np.zeros((8, 8, 3), np.uint8)
    half[:, :4, 0] = 200  # rg is 200 or 0, yb is 100 or 0
    assert colour.colourfulness(half) == pytest.approx(np.hypot(100, 50) + 0.3 * np.hypot(100, 50))


def test_the_contrast_of_a_style_is_its_spread_in_lab() -> None:
    style = drawn(2, 80, 80)
    lab = rgb2lab(style).reshape(-1, 3)
    reference = np.sqrt(((lab - lab.mean(0)) ** 2).sum(1).mean())
    assert colour.style_contrast(drawn(1), style) == pytest.approx(reference, rel=2e-3)
    assert colour.style_contrast(drawn(1), FLAT) == pytest.approx(0.0, abs=1e-6)
    halves = np.zeros((1200, 1200, 3), np.uint8)
    halves[:, 600:] = 255  # L* of 0 or 100, and larger than it is looked at
    assert colour.style_contrast(drawn(1), halves) == pytest.approx(50.0, rel=0.01)


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    y = colour.luma(drawn(1))
    laplacian = np.roll(y, 1, 0) + np.roll(y, -1, 0) + np.roll(y, 1, 1) + np.roll(y, -1, 1) - 4 * y
    assert texture.sharpness(drawn(1)) == pytest.approx(laplacian[1:-1, 1:-1].var())
    assert texture.sharpness(FLAT) == pytest.approx(0.0)


@pytest.mark.parametrize("sigma", [3.0, 10.0, 25.0])
def test_the_sigma_of_white_noise_is_recovered_also_on_a_picture(sigma: float) -> None:
    noise = np.random.default_rng(1).normal(0, sigma, (255, 301))
    assert texture.noise_sigma(grey(128 + noise)) == pytest.approx(sigma, rel=0.03)
    ramp = np.linspace(60, 190, 301)[None] + np.where(np.arange(255) < 100, 0, 20)[:, None]
    assert texture.noise_sigma(grey(ramp + noise)) == pytest.approx(sigma, rel=0.05)
    assert texture.noise_sigma(FLAT) == 0.0


@pytest.mark.parametrize("exponent", [-1.0, -2.0, -3.0])
def test_the_slope_of_a_known_spectrum_is_found(exponent: float) -> None:
    assert texture.spectral_slope(power_law(exponent)) == pytest.approx(exponent, abs=0.12)


def test_white_noise_has_no_slope_and_its_share_of_the_plane() -> None:
    noise = grey(np.random.default_rng(2).normal(128, 25, (256, 256)))
    assert texture.spectral_slope(noise) == pytest.approx(0.0, abs=0.05)
    assert texture.high_frequency_share(noise) == pytest.approx(1 - np.pi * 0.25**2, abs=0.01)


def test_a_chequerboard_is_all_high_frequency_and_a_gradient_is_none() -> None:
    assert texture.high_frequency_share(chequered()) > 0.999
    assert texture.high_frequency_share(grey(np.linspace(0, 255, 64)[None].repeat(64, 0))) < 0.01
    assert texture.high_frequency_share(power_law(-3.0)) < texture.high_frequency_share(power_law(-1.0))


@pytest.mark.parametrize("function", [texture.spectral_slope, texture.high_frequency_share])
@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_flat_picture_has_no_spectrum(function, value: int) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Unavailable, match="one single brightness"):
        function(np.full((64, 64, 3), value, np.uint8))


def test_a_slope_wants_enough_frequencies() -> None:
    with pytest.raises(Unavailable, match="shorter side has 17 pixels"):
        texture.spectral_slope(drawn(1, 17, 200))


def test_ssim_is_that_of_its_authors_on_luma() -> None:
    one, two = drawn(1), drawn(7)
    reference = structural_similarity(
        colour.luma(one), colour.luma(two), data_range=255, gaussian_weights=True, use_sample_covariance=False
    )
    assert similarity.ssim(one, two) == pytest.approx(reference, abs=1e-4)
    assert similarity.ssim(one, one) == pytest.approx(1.0, abs=1e-6)
    assert similarity.ssim_content(one, images.resize_to(one, 300, 400)) > 0.95


def test_what_is_fine_does_not_survive_a_reduction() -> None:
    assert similarity.ssim_reduced(chequered(), factor=2) < 0.01
    assert similarity.ssim_reduced(FLAT, factor=4) == pytest.approx(1.0, abs=1e-4)
    smooth = power_law(-4.0)
    assert similarity.ssim_reduced(smooth, factor=2) > similarity.ssim_reduced(smooth, factor=4) > 0.5
    assert similarity.reduced(drawn(1, 71, 95), 4).shape == (71, 95, 3)
    block = np.kron(drawn(1, 16, 16), np.ones((4, 4, 1), np.uint8))
    back = Pillow.fromarray(drawn(1, 16, 16)).resize((64, 64), Pillow.Resampling.BICUBIC)
    assert (similarity.reduced(block, 4) == np.asarray(back)).all()


def test_a_style_picture_covers_the_picture_without_being_stretched() -> None:
    wide = np.zeros((50, 200, 3), np.uint8)
    wide[:, 75:125] = 255  # the middle square
    assert similarity.cover(wide, 50, 50).min() == 255
    assert similarity.cover(wide, 100, 60).shape == (100, 60, 3)
    assert (similarity.cover(drawn(1), 72, 96) == drawn(1)).all()


def test_a_number_that_an_earlier_version_defined_is_a_sentence_and_the_others_are_taken() -> None:
    data = images.encode_png(drawn(1))
    spec = RenderSpec("style_transfer", "identity", sha256_bytes(data), sha256_bytes(data), {"size": 96}, 1, {})
    older = {"definition": "relative-1", "backbone": "vgg19", "style_layers": ["relu1_1"], "content_layers": []}
    asked = [MetricSpec("style_loss", "Style loss (raw)", reference="style", config=older),
             catalogue.get("mean_luminance").spec({})]  # fmt: skip
    old, new = style_transfer.measure(drawn(1), spec, {sha256_bytes(data): data}, asked)
    assert (old.status, old.value) == ("unavailable", None)
    assert old.reason.startswith("This number was defined by an earlier version, which did not say 'training'")
    assert new.value == pytest.approx(colour.mean_luminance(drawn(1)))
