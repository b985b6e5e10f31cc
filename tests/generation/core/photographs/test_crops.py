"""Where a photograph is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.core.photographs import (
    PackOptions,
)
from generation.core.photographs.cutting import cut
from tests.generation.core.conftest import drawn

from .pictures import coded, folder, header, photograph


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(24, 120),
    width=st.integers(75, 160),
    crops=st.integers(2, 9),
    side=st.integers(8, 24),
    seed=st.integers(0, 5),
)
def test_by_place_each_part_sees_its_own_side_only_and_nothing_is_enlarged(
    height: int, width: int, crops: int, side: int, seed: int
) -> None:
    image = coded(height, width)
    train, validation = cut(image, "00" * 32, PackOptions(side, crops=crops, seed=seed), by_place=True)
    assert len(train) + len(validation) == crops
    assert len(train) >= 1
    assert len(validation) >= 1
    border = image[0, width * 2 // 3, 0]
    slack = 250 / side  # Lanczos rings at edges by a part of a step of the ramp; a wrong side is off by far more
    for picture in train:
        assert picture[..., 0].max() < border + slack / 4 + 2
    for picture in validation:
        assert picture[..., 0].min() > border - slack / 4 - 2
    for picture in train + validation:
        assert picture.shape == (side, side, 3)
        # A square that was enlarged would rise by less than a pixel's worth from one pixel to the next.
        assert int(picture[-1, 0, 1]) - int(picture[0, 0, 1]) >= (side - 1) * 250 / height - 4


def test_crops_run_from_the_whole_shorter_side_to_a_third_of_it() -> None:
    image = coded(250, 250)
    train, none = cut(image, "11" * 32, PackOptions(16, crops=400), by_place=False)
    rise = np.array([int(picture[-1, 8, 1]) - int(picture[0, 8, 1]) for picture in train]) * 16 / 15
    assert none == []
    assert 76 < rise.min() < 95
    assert 235 < rise.max() < 256
    assert len({picture.tobytes() for picture in train}) > 390


def test_every_edge_and_every_place_is_drawn() -> None:
    train, _ = cut(drawn(3, 10, 10), "33" * 32, PackOptions(9, crops=200), by_place=False)
    assert len({picture.tobytes() for picture in train}) == 5, "the whole, and a square of 9 x 9 at four places"


def test_more_crops_keep_those_there_were() -> None:
    image = drawn(1)
    three, _ = cut(image, "22" * 32, PackOptions(16, crops=3), by_place=False)
    five, _ = cut(image, "22" * 32, PackOptions(16, crops=5), by_place=False)
    assert all(np.array_equal(a, b) for a, b in zip(three, five, strict=False))


@pytest.mark.parametrize("broken", [0, 6])
def test_few_photographs_are_divided_by_place(broken: int) -> None:
    contents = {**folder(1, 2, 3, 4), **{f"bad{n}.jpg": bytes([n]) for n in range(broken)}}
    found = header(contents, PackOptions(8, crops=10))
    assert found["split"] == "by place"
    assert (found["train"], found["validation"]) == (32, 8)
    assert {file["split"] for file in found["files"]} == {"both"}
    assert {tuple(file["crops"]) for file in found["files"]} == {(8, 2)}
    assert len(found["skipped"]) == broken


def test_by_place_a_photograph_whose_right_third_is_too_narrow_is_named() -> None:
    contents = {**folder(1, 2, 3), "narrow.png": photograph(5, 60, 23)}
    assert header(contents, PackOptions(8, crops=8))["skipped"] == []
    assert header({**contents, "narrow.png": photograph(5, 60, 22)}, PackOptions(9, crops=8))["skipped"] == [
        ("narrow.png", "its right third is 8 pixels wide, too narrow for pictures of 9 x 9")
    ]
