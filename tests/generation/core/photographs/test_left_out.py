"""Files that are not used: every kind is named with its reason, and nothing is trained on that is tested on."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.core import images
from generation.core.photographs import (
    PackOptions,
    PhotographsError,
    likeness,
    pack,
)
from tests.generation.core.conftest import drawn

from .pictures import Files, as_files, folder, header, lighter, photograph, saved


def test_every_kind_of_bad_file_is_named_with_its_reason() -> None:
    flat = np.repeat(drawn(7, 40, 40)[..., :1], 3, axis=2)
    tinted = np.add(flat.astype(int), [3, 0, -2]).clip(0, 255).astype(np.uint8)

    def vanished() -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    bad = {
        "copy.png": photograph(3),
        "cut.jpg": saved(drawn(5, 40, 40), "JPEG")[:-200],
        "empty.webp": b"",
        "grey.jpg": saved(flat, "JPEG"),
        "small.png": photograph(8, 15, 40),
        "text.png": b"no picture",
        "tinted.png": saved(tinted),
    }
    files = as_files({**folder(*range(12)), **bad, "movie.mp4": b"", "README": b""})
    found = pack([*files, ("gone.jpg", vanished)], PackOptions(16)).listing
    reasons = dict(found["skipped"])
    assert sorted(reasons) == [name for name, _ in found["skipped"]] == sorted([*bad, "gone.jpg"])
    assert reasons["copy.png"] == "the same file as 003.png"
    assert reasons["cut.jpg"].startswith("the file is damaged or cut off (")
    assert reasons["empty.webp"].startswith("the file is not a PNG, JPEG or WebP picture")
    assert reasons["text.png"] == reasons["empty.webp"]
    assert reasons["grey.jpg"] == reasons["tinted.png"] == "grey: it would teach grey"
    assert reasons["small.png"] == "40 x 15 pixels, too few for pictures of 16 x 16"
    assert reasons["gone.jpg"] == "it cannot be read (No such file or directory)"
    assert found["ignored"] == 2
    assert len(found["files"]) == 12


def test_a_file_that_vanishes_between_the_two_readings_is_named() -> None:
    answers = iter([photograph(40)])

    def once() -> bytes:
        for answer in answers:
            return answer
        raise PermissionError(13, "Permission denied")

    found = pack([*as_files(folder(*range(12))), ("once.png", once)], PackOptions(8)).listing
    assert found["skipped"] == [("once.png", "it cannot be read (Permission denied)")]


def test_a_small_spot_of_colour_is_no_grey_photograph() -> None:
    spot = np.full((64, 64, 3), 120, np.uint8)
    spot[30:34, 30:34] = 200, 40, 40
    assert header({**folder(*range(12)), "spot.png": saved(spot)}, PackOptions(8))["skipped"] == []


def copies(image: images.Image) -> dict[str, bytes]:
    """Copies of a photograph that show the same."""
    smaller = images.resize_longest(image, 120)
    return {
        "lighter.png": saved(lighter(image, 20)),
        "darker.jpg": saved(lighter(image, -20), "JPEG"),
        "mirrored.png": saved(image[:, ::-1]),
        "mirrored and lighter.jpg": saved(lighter(smaller[:, ::-1], 15), "JPEG"),
        "smaller.jpg": saved(smaller, "JPEG"),
        "the file.png": saved(image),
        "warmer.png": saved(np.add(image.astype(int), [12, 4, -12]).clip(0, 255).astype(np.uint8)),
    }


def test_what_shows_a_scene_is_left_out_and_named() -> None:
    scene, other = drawn(70, 120, 160), drawn(71, 120, 160)
    same, others = copies(scene), {"other.png": saved(other), "upside down.png": saved(scene[::-1])}
    found = header({**folder(*range(12)), **same, **others}, PackOptions(8), scenes=[saved(other[::-1]), saved(scene)])
    assert found["left_out"] == sorted(same)
    assert found["skipped"] == []
    assert set(others) < {file["name"] for file in found["files"]}
    refused = "None of its 7 photographs .*darker\\.jpg: it shows a scene of the grid; lighter\\.png: it shows"
    with pytest.raises(PhotographsError, match=refused):
        pack(as_files(same), PackOptions(8), scenes=[saved(scene)])


def test_what_has_hardly_any_contrast_is_compared_in_grey_levels() -> None:
    sky = np.clip(np.random.default_rng(1).normal([150, 180, 220], 1, (16, 16, 3)), 0, 255).astype(np.uint8)
    grain = np.random.default_rng(2).integers(-1, 2, sky.shape)
    assert likeness.same(sky, np.add(sky, grain).astype(np.uint8))
    assert not likeness.same(sky, np.add(sky, grain * 2 + 6).astype(np.uint8)), "as flat and of another colour"


@pytest.mark.parametrize("seed", range(3))
def test_of_photographs_that_show_the_same_one_is_taken(seed: int) -> None:
    """One of them could be in training and its twin among those kept apart."""
    twins = copies(drawn(70, 120, 160))
    found = header({**folder(*range(12)), **twins}, PackOptions(8, seed=seed))
    [taken] = {file["name"] for file in found["files"]} & set(twins)
    assert found["skipped"] == sorted((name, f"shows the same as {taken}") for name in twins if name != taken)


def test_a_copy_too_small_to_use_does_not_keep_the_photograph_out() -> None:
    image = drawn(70, 120, 160)
    for seed in range(4):
        contents = {**folder(*range(12)), "a.png": saved(images.resize_longest(image, 20)), "b.png": saved(image)}
        assert header(contents, PackOptions(16, seed=seed))["skipped"] == [
            ("a.png", "20 x 15 pixels, too few for pictures of 16 x 16")
        ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_quick_search_finds_what_comparing_with_each_does(data: st.DataObject) -> None:
    draw = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    contrast = data.draw(st.sampled_from([1, 10, 60]))
    first = draw.normal(128, contrast, (16, 16, 3))
    seen = likeness.Seen(20)
    kept: list[images.Image] = []
    for _ in range(20):
        # Round about where "the same" ends, with differences in the coarse as well as in the fine.
        away = draw.uniform(0, 0.4 * contrast + 6)
        step = draw.choice([1, 4, 16])
        noise = np.kron(draw.normal(0, away, (16 // step, 16 // step, 3)), np.ones((step, step, 1)))
        small = (first + noise + draw.uniform(-30, 30)).clip(0, 255).astype(np.uint8)[:, :: draw.choice([1, -1])]
        expected = next((str(n) for n, other in enumerate(kept) if likeness.same(other, small)), None)
        assert seen.like(small) == expected
        seen.add(str(len(kept)), small)
        kept.append(small)


def test_ten_thousand_photographs_are_compared_in_seconds() -> None:
    thumbnails = np.random.default_rng(0).integers(0, 256, (10_000, 16, 16, 3), dtype=np.uint8)
    seen = likeness.Seen(len(thumbnails))
    for number, small in enumerate(thumbnails):
        seen.add(str(number), small)
    start = time.process_time()
    for small in thumbnails[::50]:
        seen.like(small[::-1])
    assert (time.process_time() - start) * 50 < 60, "half of it on average, while the folder is read"


def test_a_file_is_decoded_once_and_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"decoded": 0, "read": 0}
    decode = images.decode

    def counted(data: bytes) -> images.Image:
        counts["decoded"] += 1
        return decode(data)

    def reading(data: bytes) -> bytes:
        counts["read"] += 1
        return data

    monkeypatch.setattr(images, "decode", counted)
    steps: list[tuple[int, int]] = []
    files: Files = [(name, lambda data=data: reading(data)) for name, data in folder(*range(12)).items()]
    pack(files, PackOptions(8, crops=2), tick=lambda done, total: steps.append((done, total)))
    assert counts == {"decoded": 12, "read": 24}
    assert {total for _, total in steps} == {24}
    assert [done for done, _ in steps] == [*range(1, 25), 24]
