"""The texts that name layers, and the sides a network can take."""

import subprocess
import sys
from pathlib import Path

import pytest

from generation.core.colorization import layers


@pytest.mark.parametrize(
    ("model", "text", "canonical"),
    [
        ("isola", "8", "8"),
        ("isola", " 09 ", "9"),
        ("zhang", "full", "full"),
        ("zhang", "skip=;drop=", "full"),
        ("zhang", "skip=5 6 7", "skip567"),
        ("zhang", "skip=7 5 6 6", "skip567"),
        ("zhang", "skip=5 6 7;drop=3:1 4:1 8:1", "removal348"),
        ("zhang_class", " drop=8:1  4:1 3:1 ; skip = 7 6 5", "removal348"),
        ("zhang_class", "drop=4:2 3:0;skip=6", "skip=6;drop=4:2"),
        ("zhang", "drop=8:2 4:1", "drop=4:1 8:2"),
    ],
)
def test_equal_choices_share_one_text(model: str, text: str, canonical: str) -> None:
    assert layers.parse_layers(model, text) == canonical
    assert layers.parse_layers(model, canonical) == canonical


@pytest.mark.parametrize(
    ("model", "text", "says"),
    [
        ("pix2pix", "8", "There is no model 'pix2pix'"),
        ("isola", "4", "5 to 12"),
        ("isola", "13", "5 to 12"),
        ("isola", "8.0", "The layers '8.0' are no depth"),
        ("isola", "-8", "no depth"),
        ("isola", "٨", "no depth"),
        ("isola", "", "no depth"),
        ("zhang", "8", "The layers '8' are none of Zhang's network"),
        ("zhang", "", "none of Zhang's network"),
        ("zhang", "skip=5;skip=6", "none of Zhang's network"),
        ("zhang", "skip=4", "the block '4' cannot be left out: only the blocks 5, 6 and 7"),
        ("zhang", "drop=1:1", "block 1 cannot lose 1: none of its convolutions"),
        ("zhang", "drop=3:2", "block 3 cannot lose 2: at most 1"),
        ("zhang", "drop=5:3", "at most 2"),
        ("zhang", "drop=9:1", "block 9 cannot lose 1"),
        ("zhang", "drop=3", "read '3' as block:number"),
        ("zhang", "drop=3:1 3:1", "block 3 is named twice"),
        ("zhang", "skip=6;drop=6:1", "block 6 is left out as a whole"),
    ],
)
def test_a_text_without_a_network_is_refused_with_a_sentence(model: str, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as refused:
        layers.parse_layers(model, text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("n_down", "side", "strided"),
    [(7, 32, 5), (8, 32, 5), (9, 32, 5), (8, 64, 6), (7, 256, 7), (8, 256, 8), (9, 256, 8), (9, 512, 9), (5, 96, 5)],
)
def test_levels_beyond_one_pixel_hold(n_down: int, side: int, strided: int) -> None:
    assert layers.strided_levels(n_down, side) == strided


@pytest.mark.parametrize(
    ("model", "text", "side"),
    [
        *(("isola", text, side) for text in "789" for side in (32, 64, 128, 256)),
        ("isola", "5", 96),
        ("isola", "7", 384),
        ("isola", "8", 768),
        ("zhang", "full", 40),
        ("zhang_class", "skip567", 264),
    ],
)
def test_sides_that_fit(model: str, text: str, side: int) -> None:
    layers.check_side(model, text, side)


@pytest.mark.parametrize(
    ("model", "text", "side", "says"),
    [
        ("isola", "8", 300, "Take a power of two or a multiple of 256: 256 or 512 px."),
        ("isola", "8", 96, "64, 128 or 256 px."),
        ("isola", "8", 384, "256 or 512 px."),
        ("isola", "9", 255, "A U-Net of 9 levels cannot take a side of 255 px"),
        ("zhang", "full", 100, "Take a multiple of 8: 96 or 104 px."),
        ("zhang", "full", 33, "32 or 40 px."),
        ("zhang_class", "full", 250, "248 or 256 px."),
        ("isola", "8", 16, "take at least 32 px."),
        ("zhang", "full", 24, "take at least 32 px."),
        ("isola", "8", 0, "take at least 32 px."),
        ("isola", "8", -64, "take at least 32 px."),
    ],
)
def test_sides_that_do_not_fit_are_refused_with_those_that_do(model: str, text: str, side: int, says: str) -> None:
    with pytest.raises(ValueError, match=r"px\.$") as refused:
        layers.check_side(model, text, side)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("model", "text", "side", "pictures"),
    [
        ("isola", "8", 256, 1),
        ("isola", "9", 256, 2),
        ("isola", "5", 32, 1),
        ("isola", "6", 32, 2),
        ("zhang", "full", 32, 1),
    ],
)
def test_hold_levels_need_two_pictures_for_their_batch_norm(model: str, text: str, side: int, pictures: int) -> None:
    assert layers.smallest_batch(model, text, side) == pictures


def test_the_arithmetic_is_there_without_torch() -> None:
    code = "import sys, generation.core.colorization.layers; sys.exit('torch' in sys.modules)"
    root = Path(layers.__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=root).returncode == 0
