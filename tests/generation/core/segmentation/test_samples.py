"""Drawn pictures: the same bytes from the same options, and masks that say exactly where the defects are."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from generation.core import images, masks
from generation.core.segmentation import defects
from generation.core.segmentation.canvas import blurred, clouds, coverage, direction, distance
from generation.core.segmentation.samples import SampleOptions, SamplesError, sample

SMALL = SampleOptions(side=64, seed=3)


def test_the_same_options_draw_the_same_pixels_everywhere() -> None:
    """Golden: made with arithmetic that every machine rounds in one way."""
    one = sample(SMALL, 0)
    assert one.grey.dtype == np.uint8
    assert one.grey.shape == one.mask.shape == (64, 64)
    assert hashlib.sha256(one.grey.tobytes()).hexdigest()[:16] == "f5b7f777ebc59259"
    assert hashlib.sha256(one.mask.tobytes()).hexdigest()[:16] == "254dd042dc3a1dd8"
    assert sample(SMALL, 0).picture_png() == one.picture_png()


def test_each_picture_is_its_own() -> None:
    first, second, other = sample(SMALL, 0), sample(SMALL, 1), sample(replace(SMALL, seed=4), 0)
    assert not np.array_equal(first.grey, second.grey)
    assert not np.array_equal(first.grey, other.grey)


@pytest.mark.parametrize("kind", defects.KINDS)
def test_a_mask_is_where_its_defect_is(kind: str) -> None:
    """Nothing changes away from a mask, and within it most changes much."""
    draw = iter(np.random.default_rng(1).random(10_000)).__next__
    grey = np.full((96, 96), 0.5)
    planned = defects.plan(kind, lambda: float(draw()))
    changed, mask = defects.draw_defect(grey, planned, 0.3, 1.0)
    apart = np.abs(changed - grey)
    far = blurred(mask.astype(float), 4) == 0
    assert mask.any()
    assert np.all(apart[far] == 0)
    assert np.median(apart[mask]) > 0.25
    assert np.all(apart[mask] > 0.1) or kind == "fold"  # where its light and its shadow meet there is neither
    weak, same = defects.draw_defect(grey, planned, 0.3, 0.5)
    assert np.array_equal(same, mask), "how strongly it shows does not move its edge"
    assert np.allclose(np.abs(weak - grey), apart / 2)


@pytest.mark.parametrize("kind", defects.KINDS)
def test_defects_look_as_they_are_called(kind: str) -> None:
    one = sample(SampleOptions(side=96, kinds=(kind,), count=(1, 1), contrast=(1.0, 1.0)), 2)
    inside, outside = one.grey[one.mask].astype(float), one.grey[~one.mask].astype(float)
    assert one.kinds == (kind,)
    if kind == "fibre":
        assert inside.mean() > outside.mean() + 60
    elif kind == "fold":
        assert inside.std() > 1.5 * outside.std(), "a bright line beside a dark one"
    else:
        assert inside.mean() < outside.mean() - 40


@pytest.mark.parametrize("kind", defects.KINDS)
@pytest.mark.parametrize("wanted", [0.004, 0.02])
def test_class_imbalance_is_what_was_asked_for(kind: str, wanted: float) -> None:
    options = SampleOptions(side=96, kinds=(kind,), count=(1, 1), share=(wanted, wanted))
    shares = [sample(options, number).share for number in range(3)]
    assert shares == pytest.approx([wanted] * 3, rel=0.25)


def test_counts_and_clean_pictures() -> None:
    options = SampleOptions(side=32, count=(2, 3), clean=0.5)
    found = [sample(options, number) for number in range(40)]
    assert {len(one.kinds) for one in found} == {0, 2, 3}
    clean = [one for one in found if not one.kinds]
    assert 8 < len(clean) < 32
    assert not any(one.mask.any() for one in clean)


def test_twice_the_side_is_the_same_stuff_at_twice_the_resolution() -> None:
    """So that scenes may be larger than what is learnt from."""
    small, large = sample(SampleOptions(side=64, seed=2), 0), sample(SampleOptions(side=128, seed=2), 0)
    assert small.kinds == large.kinds
    halved = large.mask.reshape(64, 2, 64, 2).mean(axis=(1, 3)) >= 0.5
    assert np.count_nonzero(halved & small.mask) / np.count_nonzero(halved | small.mask) > 0.6
    coarse = [blurred(one.grey.astype(float) / 255, 8) for one in (small, large)]
    assert coarse[0].mean() == pytest.approx(coarse[1].mean(), abs=0.04)


def test_the_files_are_what_a_grid_takes() -> None:
    one = sample(SMALL, 0)
    picture = images.decode(one.picture_png())
    assert np.array_equal(picture[..., 0], one.grey)
    assert np.array_equal(masks.read(one.mask_png()), one.mask)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"side": 16}, "side = 16: draw pictures of 32 to 4096 pixels"),
        ({"kinds": ("hole", "rust")}, "no defect 'rust'. Draw any of hole, stain, fibre, fold"),
        ({"kinds": ()}, "No kind of defect"),
        ({"count": (0, 2)}, "count = 0 to 2"),
        ({"count": (3, 2)}, "the lower number first"),
        ({"share": (0.0, 0.1)}, "share = 0 to 0.1"),
        ({"share": (0.1, 0.5)}, "0.0005 to 0.2"),
        ({"contrast": (0.5, 1.2)}, "contrast = 0.5 to 1.2"),
        ({"contrast": (0.0, 1.0)}, "above 0"),
        ({"clean": 1.0}, "clean = 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(given: dict[str, object], words: str) -> None:
    with pytest.raises(SamplesError, match=words):
        SampleOptions(**given)  # type: ignore[arg-type]


def test_directions_are_of_unit_length_and_go_everywhere() -> None:
    draw = iter(np.random.default_rng(0).random(10_000)).__next__
    found = np.array([direction(lambda: float(draw())) for _ in range(400)])
    assert np.allclose((found**2).sum(axis=1), 1)
    assert np.all(np.abs(found.mean(axis=0)) < 0.15)


def test_a_stroke_is_as_wide_as_it_says() -> None:
    box, away = distance([(10.5, 0.0), (10.5, 40.0)], 40, 6)
    amount = np.zeros((40, 40))
    amount[box] = coverage(away, 4.0)
    assert np.allclose(amount[20], amount[5])
    assert amount[20].sum() == pytest.approx(4, abs=0.5)
    assert amount[20, 10] == 1
    assert amount[20, 16] == 0


def test_a_stroke_beside_the_picture_draws_nothing() -> None:
    box, away = distance([(-30.0, -30.0), (-20.0, -25.0)], 40, 3)
    assert away.size == 0
    assert np.zeros((40, 40))[box].size == 0


def test_clouds_and_blur() -> None:
    draw = iter(np.random.default_rng(0).random(10_000)).__next__
    cloud = clouds(lambda: float(draw()), 40, 4)
    assert cloud.shape == (40, 40)
    assert cloud.min() >= 0
    assert cloud.max() <= 1
    assert np.abs(np.diff(cloud, axis=0)).max() < 0.2, "smooth"
    spot = np.zeros((9, 9))
    spot[4, 4] = 1
    assert np.array_equal(blurred(spot, 1)[3:6, 3:6], np.outer([1, 2, 1], [1, 2, 1]) / 16)
    assert np.allclose(blurred(np.full((5, 5), 0.3), 3), 0.3)
