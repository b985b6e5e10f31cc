"""Numbers on colour: values worked out by hand, and scikit-image as the oracle."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import trapezoid
from skimage.color import deltaE_cie76, lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from generation.core import catalogue, images
from generation.core.metrics import Unavailable, chroma, pictures
from generation.core.spec import RenderSpec, ScoreValue
from tests.generation.core.conftest import drawn

PHOTOS = Path(__file__).resolve().parents[5] / "shared" / "assets" / "photos"
RANGE = 220.0
PAIR = drawn(1), drawn(2)


def test_the_colour_error_psnr_and_difference_are_those_of_scikit_image() -> None:
    image, truth = PAIR
    one, two = rgb2lab(image), rgb2lab(truth)
    assert chroma.ab_error(image, truth) == pytest.approx(np.abs(one - two)[..., 1:].mean(), abs=1e-9)
    assert chroma.delta_e(image, truth) == pytest.approx(deltaE_cie76(one, two).mean(), abs=1e-9)
    assert chroma.psnr_rgb(image, truth) == pytest.approx(peak_signal_noise_ratio(truth, image, data_range=255))
    psnr = peak_signal_noise_ratio(two[..., 1:], one[..., 1:], data_range=RANGE)
    assert chroma.psnr_ab(image, truth, data_range=RANGE) == pytest.approx(psnr)


@pytest.mark.parametrize("image", [drawn(2), images.grey(drawn(1)), (drawn(1) // 2 + 60).astype(np.uint8)])
def test_the_likeness_of_colours_is_that_of_scikit_image(image: images.Image) -> None:
    truth = drawn(1)
    oracle = structural_similarity(
        rgb2lab(image)[..., 1:], rgb2lab(truth)[..., 1:], gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=RANGE, channel_axis=-1,
    )  # fmt: skip
    assert chroma.ssim_ab(image, truth, data_range=RANGE) == pytest.approx(oracle, abs=1e-5)


def test_a_planted_cast_gives_the_error_it_was_planted_with() -> None:
    # Flat pictures whose a is 30 and whose b is 12 Lab units apart, as near as whole grey levels come to it.
    truth, cast = (
        np.round(lab2rgb(np.full((40, 48, 3), lab)) * 255).astype(np.uint8)
        for lab in ((60.0, 10.0, 20.0), (60.0, 40.0, 8.0))
    )
    assert chroma.ab_error(cast, truth) == pytest.approx((30 + 12) / 2, abs=0.4)
    wanted = 10 * np.log10(220**2 / ((30**2 + 12**2) / 2))
    assert chroma.psnr_ab(cast, truth, data_range=RANGE) == pytest.approx(wanted, abs=0.2)
    assert chroma.delta_e(cast, truth) == pytest.approx(np.hypot(30, 12), abs=0.5)
    assert chroma.auc(cast, truth) == pytest.approx(1 - np.hypot(30, 12) / 150, abs=0.004)
    assert chroma.chroma_ratio(cast, truth) == pytest.approx(np.hypot(40, 8) / np.hypot(10, 20), abs=0.03)


def test_red_against_its_grey_is_what_the_colour_tables_say() -> None:
    # sRGB red is L*a*b* (53.24, 80.09, 67.20) at D65 (Lindbloom's calculator); (127, 127, 127) has L* 53.19.
    red = np.zeros((16, 16, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    grey = np.full((16, 16, 3), 127, np.uint8)
    assert chroma.ab_error(grey, red) == pytest.approx((80.09 + 67.20) / 2, abs=0.02)
    assert chroma.delta_e(grey, red) == pytest.approx(104.55, abs=0.02)
    assert chroma.auc(grey, red) == pytest.approx(1 - 104.55 / 150, abs=2e-4)
    assert chroma.psnr_ab(grey, red, data_range=RANGE) == pytest.approx(
        20 * np.log10(220 / np.sqrt((80.09**2 + 67.20**2) / 2)), abs=1e-3
    )
    assert chroma.psnr_rgb(grey, red) == pytest.approx(20 * np.log10(255 / np.sqrt((128**2 + 2 * 127**2) / 3)))
    assert chroma.chroma_ratio(grey, red) == pytest.approx(0.0, abs=1e-4)


def test_the_area_under_the_curve_is_the_sum_of_the_paper_but_for_its_steps() -> None:
    one, two = (rgb2lab(picture)[..., 1:] for picture in PAIR)
    e = np.sqrt(((one - two) ** 2).sum(-1))
    thresholds = np.arange(0, 151)
    curve = [(e <= t).mean() for t in thresholds]
    assert chroma.auc(*PAIR) == pytest.approx(trapezoid(curve, thresholds) / 150, abs=1e-3)


def test_a_colour_beyond_the_last_threshold_counts_no_further() -> None:
    blue, yellow = (np.zeros((12, 12, 3), np.uint8) + np.array(c, np.uint8) for c in ((0, 0, 255), (255, 255, 0)))
    assert chroma.ab_error(blue, yellow) > 100
    assert chroma.auc(blue, yellow) == 0.0


def test_the_photograph_itself_has_no_error_and_a_psnr_only_in_words() -> None:
    image = drawn(1)
    assert chroma.ab_error(image, image) == chroma.delta_e(image, image) == 0.0
    assert chroma.auc(image, image) == chroma.chroma_ratio(image, image) == 1.0
    assert chroma.ssim_ab(image, image, data_range=RANGE) == pytest.approx(1.0, abs=1e-6)
    for take in (chroma.psnr_rgb, partial(chroma.psnr_ab, data_range=RANGE)):
        with pytest.raises(Unavailable, match="value for value: the PSNR of no error at all is infinite"):
            take(image, image)


def test_opposite_colours_are_unlike_and_the_sign_of_a_colour_matters() -> None:
    lab = np.zeros((32, 32, 3))
    lab[..., 0], lab[..., 1] = 60.0, 30.0
    pink, green = (np.round(lab2rgb(lab * (1, sign, 1)) * 255).astype(np.uint8) for sign in (1, -1))
    assert chroma.ssim_ab(pink, green, data_range=RANGE) < 0.1
    assert chroma.ssim_ab(pink, pink, data_range=RANGE) == pytest.approx(1.0)


def test_a_grey_photograph_has_no_share_of_colour() -> None:
    with pytest.raises(Unavailable, match=r"The photograph is grey .* no colour to take a share of"):
        chroma.chroma_ratio(drawn(1), images.grey(drawn(2)))
    assert chroma.ab_error(images.grey(drawn(2)), images.grey(drawn(2))) == 0.0


def test_the_photograph_is_brought_to_the_picture_never_the_other_way() -> None:
    photograph = drawn(1, 144, 192)
    picture = images.resize_longest(photograph, 96)
    assert picture.shape == (72, 96, 3)
    assert chroma.ab_error(picture, photograph) == 0.0
    assert chroma.delta_e(drawn(3), photograph) == chroma.delta_e(drawn(3), picture)


def test_a_picture_smaller_than_the_window_is_a_reason() -> None:
    with pytest.raises(Unavailable, match="smaller than the window of SSIM, 11 x 11"):
        chroma.ssim_ab(drawn(1, 10, 30), drawn(2), data_range=RANGE)


def test_less_colour_is_less_near_in_every_number() -> None:
    truth = drawn(1)
    grey = images.grey(truth).astype(float)
    paler = [(grey + share * (truth - grey)).round().astype(np.uint8) for share in (0.0, 0.4, 0.8)]
    psnr_ab, ssim_ab = (partial(take, data_range=RANGE) for take in (chroma.psnr_ab, chroma.ssim_ab))
    more = [(take, 1) for take in (chroma.auc, chroma.chroma_ratio, chroma.psnr_rgb, psnr_ab, ssim_ab)]
    for take, sign in [(chroma.ab_error, -1), (chroma.delta_e, -1), *more]:
        values = [sign * take(picture, truth) for picture in paler]
        assert values == sorted(values)
        assert len(set(values)) == 3


def test_the_catalogue_takes_them_with_the_range_of_its_config() -> None:
    sources = {"c": images.encode_png(drawn(1))}
    specs = catalogue.specs({}, catalogue.COLORIZATION)
    spec = RenderSpec("colorization", "colorizer", "c", None, {}, 0)
    found = {score.metric: score for score in pictures.measure(drawn(2), spec, sources, specs)}
    assert tuple(found) == catalogue.COLORIZATION
    assert [key for key, score in found.items() if score.status != "ok"] == ["lpips_content"]  # no weights here
    assert found["psnr_ab"] == ScoreValue("psnr_ab", chroma.psnr_ab(drawn(2), drawn(1), data_range=RANGE))
    assert found["ssim_ab"].value == chroma.ssim_ab(drawn(2), drawn(1), data_range=RANGE)
    assert {key for key in catalogue.COLORIZATION if catalogue.get(key).role == "descriptor"} == {
        "colourfulness", "chroma_ratio"
    }  # fmt: skip
    same = {s.metric: s for s in pictures.measure(drawn(1), spec, sources, specs)}
    assert (same["psnr_rgb"].status, same["psnr_rgb"].value) == ("unavailable", None)


def test_the_lists_of_the_first_task_are_as_they_were() -> None:
    assert not set(catalogue.STYLE_TRANSFER) & {"psnr_rgb", "psnr_ab", "ssim_ab", "delta_e", "auc", "chroma_ratio"}


def test_grey_is_as_far_from_real_photographs_as_the_literature_finds() -> None:
    if not PHOTOS.is_dir():
        pytest.skip(f"needs the photographs in {PHOTOS}")
    files = sorted(PHOTOS.glob("*.jpg"))[::40]
    photographs = [images.resize_longest(images.decode(file.read_bytes()), 128) for file in files]
    errors = [chroma.ab_error(images.grey(photograph), photograph) for photograph in photographs]
    areas = [chroma.auc(images.grey(photograph), photograph) for photograph in photographs]
    assert 6.0 < np.mean(errors) < 16.0  # 9.5 over 400 photographs of ImageNet
    assert 0.82 < np.mean(areas) < 0.95  # 0.891 over ImageNet (Zhang et al. 2016, table 1: "Gray")
