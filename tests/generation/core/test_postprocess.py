"""Post-processing on pictures whose answer is known."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image as Pillow

from generation.core import postprocess
from generation.core.images import Image
from generation.core.postprocess import DENOISERS, FILTERS, NEUTRAL, apply, noise_sigma
from generation.core.spec import Scalar


def with_(image: Image, **changed: Scalar) -> Image:
    return apply(image, {**NEUTRAL, **changed})


def edge(height: int = 64, width: int = 64) -> Image:
    """Left half dark, right half light."""
    image = np.full((height, width, 3), 60, dtype=np.uint8)
    image[:, width // 2 :] = 190
    return image


def grainy(image: Image, sigma: float = 12) -> Image:
    noise = np.random.default_rng(5).normal(0, sigma, image.shape)
    return np.asarray((image + noise).clip(0, 255), dtype=np.uint8)


def test_neutral_is_the_very_same_array() -> None:
    image = grainy(edge())
    assert apply(image, NEUTRAL) is image
    assert with_(image, downscale_filter="lanczos") is image


@pytest.mark.parametrize("name", FILTERS)
def test_a_fine_checkerboard_reduced_four_times_is_grey(name: str) -> None:
    board = np.indices((64, 96)).sum(axis=0) % 2 * 255
    image = np.asarray(np.repeat(board[:, :, None], 3, axis=2), dtype=np.uint8)
    result = with_(image, downscale=4, downscale_filter=name)
    assert result.shape == image.shape
    assert result.dtype == np.uint8
    assert np.abs(result.astype(int) - 127.5).max() <= 4


def test_reducing_loses_detail_and_keeps_size_and_mean() -> None:
    image = grainy(edge(90, 61))
    means, sharpness = [], []
    for factor in (1, 1.5, 2, 4):
        result = with_(image, downscale=factor)
        assert result.shape == image.shape
        means.append(result.mean())
        sharpness.append(np.abs(np.diff(result.astype(int), axis=0)).mean())
    assert np.ptp(means) < 1
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[-1] < sharpness[0] / 4


def test_a_box_reduction_is_the_mean_of_each_block_brought_back_with_bicubic() -> None:
    image = grainy(edge(48, 64))
    blocks = np.rint(image.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3)) + 1e-9).astype(np.uint8)
    back = np.asarray(Pillow.fromarray(blocks).resize((64, 48), Pillow.Resampling.BICUBIC)).astype(int)
    # Pillow rounds after each direction.
    assert np.abs(with_(image, downscale=2, downscale_filter="box") - back).max() <= 3


def test_the_filters_differ() -> None:
    image = grainy(edge())
    results = {with_(image, downscale=2, downscale_filter=name).tobytes() for name in FILTERS}
    assert len(results) == len(FILTERS)


def test_the_median_takes_salt_and_pepper_away() -> None:
    clean = edge()
    image = clean.copy()
    places = np.random.default_rng(1).permutation(16 * 16)[:40]
    rows, columns = 4 * (places // 16) + 1, 4 * (places % 16) + 1  # four pixels apart: never two in one window
    image[rows, columns] = np.where(places % 2, 255, 0)[:, None]
    assert (image != clean).any()
    np.testing.assert_array_equal(with_(image, denoise="median"), clean)


def test_the_median_keeps_the_channels_apart() -> None:
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 10, 120, 240
    np.testing.assert_array_equal(with_(image, denoise="median"), image)


@pytest.mark.parametrize("name", ["nlm", "bilateral"])
def test_noise_falls_and_the_edge_stays(name: str) -> None:
    noisy = grainy(edge())
    result = with_(noisy, denoise=name).astype(float)
    left, right = np.s_[4:60, 4:28], np.s_[4:60, 36:60]
    for half in (left, right):
        assert result[half].var() < 0.35 * noisy[half].astype(float).var()
    step = result[:, 33:35].mean() - result[:, 29:31].mean()
    assert step > 0.9 * (190 - 60)


def test_denoising_follows_the_reduction() -> None:
    noisy = grainy(edge())
    both = with_(noisy, downscale=2, denoise="median")
    np.testing.assert_array_equal(both, with_(with_(noisy, downscale=2), denoise="median"))
    assert (both != with_(with_(noisy, denoise="median"), downscale=2)).any()


@pytest.mark.parametrize("name", DENOISERS)
def test_the_same_picture_twice_gives_the_same_bytes(name: str) -> None:
    noisy = grainy(edge(40, 56))
    before = noisy.copy()
    np.testing.assert_array_equal(with_(noisy, denoise=name), with_(noisy, denoise=name))
    np.testing.assert_array_equal(noisy, before)


@pytest.mark.parametrize("name", DENOISERS)
def test_a_flat_picture_stays_flat(name: str) -> None:
    flat = np.full((24, 24, 3), 77, dtype=np.uint8)
    np.testing.assert_array_equal(with_(flat, denoise=name), flat)


@pytest.mark.parametrize("sigma", [5, 12, 25])
def test_the_noise_estimate_finds_the_noise(sigma: float) -> None:
    grey = np.full((256, 256, 3), 128, dtype=np.uint8)
    assert noise_sigma(grainy(grey, sigma)) * 255 == pytest.approx(sigma, rel=0.05)
    ramp = np.repeat(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 64, axis=0), 3, axis=2)
    assert noise_sigma(ramp) == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"downscale": 0.5}, "factor from 1 to 16"),
        ({"downscale": 17}, "factor from 1 to 16"),
        ({"downscale": float("nan")}, "factor from 1 to 16"),
        ({"downscale": 16}, "leaves 4 x 4 pixels of a picture of 64 x 64"),
        ({"downscale_filter": "sinc"}, "choose one of box, bilinear, bicubic, lanczos"),
        ({"denoise": "magic"}, "choose one of none, median, bilateral, nlm"),
    ],
)
def test_mistakes_are_sentences(changed: dict[str, Scalar], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        with_(edge(), **changed)


def test_its_names_cost_no_heavy_import() -> None:
    code = f"import sys, {postprocess.__name__}; print([m for m in ('torch', 'skimage', 'scipy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
