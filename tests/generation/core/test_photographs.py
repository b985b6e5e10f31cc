"""Folders of photographs become packs: the same bytes, nothing trained on that is tested on, every bad file named."""

import io
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generation.core import images
from generation.core.photographs import (
    PackOptions,
    PhotographsError,
    fingerprint,
    folder_files,
    is_grey,
    likeness,
    pack,
    packfile,
    packing,
    read,
)
from generation.core.photographs.cutting import cut
from generation.core.spec import sha256_bytes

from .conftest import drawn

PHOTOS = Path(__file__).resolve().parents[4] / "shared" / "assets" / "photos"
Files = list[tuple[str, Callable[[], bytes]]]


def saved(pixels: images.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@cache
def photograph(number: int, height: int = 30, width: int = 40) -> bytes:
    return saved(drawn(number, height, width))


def as_files(contents: dict[str, bytes]) -> Files:
    return [(name, lambda data=data: data) for name, data in contents.items()]


def folder(*numbers: int) -> dict[str, bytes]:
    return {f"{number:03}.png": photograph(number) for number in numbers}


def header(contents: dict[str, bytes], options: PackOptions, **more: Any) -> dict[str, Any]:
    return pack(as_files(contents), options, **more).listing


def sides(contents: dict[str, bytes], options: PackOptions) -> dict[str, str]:
    return {file["name"]: file["split"] for file in header(contents, options)["files"]}


# --- what a pack is ------------------------------------------------------------------------------------------------


def test_a_pack_holds_both_parts_and_says_where_each_picture_is_from() -> None:
    contents = {**folder(*range(20)), "notes.txt": b"", "sub/one.JPG": saved(drawn(50), "JPEG")}
    packed = pack(as_files(contents), PackOptions(16))
    found = read(packed.data)
    assert found.train.dtype == np.uint8
    assert found.train.shape == (found.header["train"], 16, 16, 3)
    assert found.validation.shape == (found.header["validation"], 16, 16, 3)
    assert found.header["train"] + found.header["validation"] == 21
    assert not found.train.flags.owndata, "no copy"
    assert not found.train.flags.writeable
    parts = {"train": len(found.train), "validation": len(found.validation)}
    assert found.header == {
        "side": 16,
        "options": {"side": 16, "validation": 0.2, "crops": 1, "limit": 0, "seed": 0},
        "split": "by photograph",
        **parts,
    }
    assert {key: value for key, value in packed.listing.items() if key != "files"} == {
        **found.header,
        "skipped": [],
        "left_out": [],
        "ignored": 1,
        "beyond_limit": 0,
    }
    used = packed.listing["files"]
    assert {file["name"] for file in used} == set(contents) - {"notes.txt"}
    assert all(file["sha256"] == sha256_bytes(contents[file["name"]]) for file in used)
    # The pictures stand in the order of the files: the centre of each photograph, its shorter side scaled.
    for part, pictures in (("train", found.train), ("validation", found.validation)):
        names = [file["name"] for file in used if file["split"] == part]
        for name, picture in zip(names, pictures, strict=True):
            whole = images.decode(contents[name])
            height, width = whole.shape[:2]
            scaled = images.resize_to(whole, 16, round(width * 16 / height))
            left = (scaled.shape[1] - 16) // 2
            assert np.array_equal(picture, scaled[:, left : left + 16])


@pytest.mark.parametrize("options", [PackOptions(16), PackOptions(16, crops=3), PackOptions(16, limit=11, seed=4)])
def test_the_same_photographs_give_the_same_bytes_in_any_order(options: PackOptions) -> None:
    files = as_files(
        {**folder(*range(14)), "bad.png": b"", "copy.png": photograph(3), "copy of copy.png": photograph(3)}
    )
    data = pack(files, options)
    assert pack(reversed(files), options) == data
    assert pack(files, PackOptions(**{**vars(options), "seed": 9})).data != data.data


@pytest.mark.parametrize("options", [PackOptions(16), PackOptions(16, crops=3), PackOptions(16, limit=11, seed=4)])
@pytest.mark.parametrize("count", [12, 14])
def test_names_and_files_that_are_not_used_are_no_part_of_a_pack(options: PackOptions, count: int) -> None:
    contents, renamed = (
        folder(*range(count)),
        {f"z{number}.PNG": photograph(number) for number in reversed(range(count))},
    )
    more = {"bad.png": b"", "copy.png": photograph(3), "small.png": photograph(60, 12, 40), "Thumbs.db": b""}
    packed, other = pack(as_files(contents), options), pack(as_files({**renamed, **more}), options)
    assert other.data == packed.data
    assert other.listing["ignored"] == 1
    assert [file["sha256"] for file in other.listing["files"]] == [file["sha256"] for file in packed.listing["files"]]
    assert {file["name"] for file in other.listing["files"]} <= {*renamed, "copy.png"}


def test_the_places_are_the_same_in_every_version() -> None:
    """What is drawn is pinned: trained networks are named by what they were trained on."""
    crops, _ = cut(coded(250, 250), "ab" * 32, PackOptions(20, crops=3, seed=1), by_place=False)
    corners = [int(picture[at, at, channel]) for picture in crops for at in (0, -1) for channel in (0, 1)]
    # Pillow may round otherwise in another version.
    assert corners == pytest.approx(PLACES, abs=1)
    own = packing._draw("split", PackOptions(20, seed=3), "ab" * 32)
    assert own == pytest.approx(DRAWN, abs=1e-12)


PLACES = [99, 73, 235, 209, 49, 16, 240, 207, 39, 19, 182, 162]
DRAWN = 0.13792122523871275


# --- the two parts -------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    few=st.sets(st.integers(0, 60), min_size=12, max_size=20),
    more=st.sets(st.integers(0, 60), max_size=20),
    seed=st.integers(0, 3),
    crops=st.sampled_from([1, 2]),
)
def test_files_that_are_added_move_no_other(few: set[int], more: set[int], seed: int, crops: int) -> None:
    options = PackOptions(8, seed=seed, crops=crops)
    before, after = sides(folder(*few), options), sides(folder(*few | more), options)
    own = {name: packing._draw("split", options, sha256_bytes(photograph(int(name[:3])))) for name in after}
    drawn_apart = [name for name in before if own[name] < options.validation]
    if 2 <= len(drawn_apart) <= len(before) - 8:  # neither part had to be filled up
        assert {name: after[name] for name in before} == before
        assert {name for name, part in before.items() if part == "validation"} == set(drawn_apart)
    kept = [name for name in before if own[name] < options.validation and before[name] == "validation"]
    assert all(after[name] == "validation" for name in kept) or len(drawn_apart) > len(before) - 8


@settings(max_examples=25, deadline=None)
@given(
    numbers=st.sets(st.integers(0, 60), min_size=10, max_size=14),
    seed=st.integers(0, 50),
    validation=st.sampled_from([0.01, 0.2, 0.9]),
    crops=st.sampled_from([1, 2, 8]),
)
def test_ten_photographs_are_always_enough(numbers: set[int], seed: int, validation: float, crops: int) -> None:
    found = header(folder(*numbers), PackOptions(8, validation, crops, seed=seed))
    assert found["train"] >= packing.LEAST_TRAIN
    assert found["validation"] >= packing.LEAST_VALIDATION
    assert found["split"] == "by photograph"
    assert {tuple(file["crops"]) for file in found["files"]} == {(crops, 0), (0, crops)}


def test_the_limit_takes_the_first_of_one_order_from_both_parts() -> None:
    contents = folder(*range(60))
    files = {limit: header(contents, PackOptions(8, limit=limit))["files"] for limit in (0, 20, 40)}
    for limit in (20, 40):
        assert [file["name"] for file in files[limit]] == [file["name"] for file in files[0]][:limit]
    everything = sides(contents, PackOptions(8))
    assert {file["name"]: file["split"] for file in files[40]}.items() <= everything.items()
    names = [file["name"] for file in files[20]]
    assert names != sorted(names), "in an order of its own"
    assert names != [file["name"] for file in header(contents, PackOptions(8, limit=20, seed=1))["files"]]
    assert header(contents, PackOptions(8, limit=20))["beyond_limit"] == 40
    assert 2 <= sum(file["split"] == "validation" for file in files[40]) <= 16, "a share, not all of one part first"


def test_files_that_cannot_be_used_do_not_count_towards_the_limit() -> None:
    contents = {**folder(*range(12)), **{f"bad{n}.jpg": bytes([n]) for n in range(12)}}
    assert len(header(contents, PackOptions(8, limit=11))["files"]) == 11


# --- crops ---------------------------------------------------------------------------------------------------------


def coded(height: int, width: int) -> images.Image:
    """A photograph in which a pixel's red says how far right it is (0 to 249) and its green how far down."""
    right = np.broadcast_to(np.arange(width) * 250 // width, (height, width))
    down = np.broadcast_to((np.arange(height) * 250 // height)[:, None], (height, width))
    return np.stack([right, down, np.full((height, width), 90)], axis=-1).astype(np.uint8)


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


# --- files that are not used ---------------------------------------------------------------------------------------


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


def lighter(image: images.Image, levels: int) -> images.Image:
    return (image.astype(int) + levels).clip(0, 255).astype(np.uint8)


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


# --- sentences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contents", "options", "words"),
    [
        ({}, PackOptions(8), "It holds no files: name a folder that holds photographs"),
        ({"a.txt": b"", "b.gif": b""}, PackOptions(8), r"None of its 2 files ends in \.jpg, \.jpeg, \.png, \.webp"),
        (
            {f"{n}.png": bytes([n]) for n in range(5)},
            PackOptions(8),
            r"None of its 5 photographs can be used \(0\.png: the file is not a .*; and 2 more\)\.",
        ),
        (
            folder(1, 2, 3),
            PackOptions(8),
            "Too few pictures from 3 photographs: 1 to train on and 2 to validate on, where at least 8 and 2 are "
            "needed. Add photographs, or cut several pictures from each: crops = 4 helps",
        ),
        (
            {**folder(1), "bad.png": b""},
            PackOptions(8, crops=3),
            r"1 photograph: 2 to train on and 1 .* crops = 10 helps\. Not used: bad\.png: the file is not",
        ),
        (folder(*range(20)), PackOptions(8, limit=5), "Raise limit = 5, or cut several .*crops = 3 helps"),
    ],
)
def test_too_little_is_said_with_the_mend(contents: dict[str, bytes], options: PackOptions, words: str) -> None:
    with pytest.raises(PhotographsError, match=words):
        pack(as_files(contents), options)


@pytest.mark.parametrize("count", range(1, 10))
@pytest.mark.parametrize("validation", [0.05, 0.2, 0.7])
def test_the_crops_that_are_said_to_help_do(count: int, validation: float) -> None:
    contents = folder(*range(count))
    with pytest.raises(PhotographsError) as caught:
        pack(as_files(contents), PackOptions(8, validation))
    crops = int(str(caught.value).split("crops = ")[1].split()[0])
    assert header(contents, PackOptions(8, validation, crops))["split"] == "by place"
    with pytest.raises(PhotographsError):
        pack(as_files(contents), PackOptions(8, validation, crops - 1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"side": 4}, "side = 4: a picture has at least 8"),
        ({"side": 16, "validation": 0.0}, "validation = 0.0: write a share"),
        ({"side": 16, "validation": float("nan")}, "validation = nan: write a share"),
        ({"side": 16, "crops": 0}, "crops = 0: take at least 1"),
        ({"side": 16, "limit": -1}, "limit = -1: write a number"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(PhotographsError, match=words):
        PackOptions(**options)


PACK = pack(as_files(folder(*range(12))), PackOptions(8)).data


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(PACK) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_with_a_sentence(at: int, bit: int) -> None:
    damaged = PACK[:at] + bytes([PACK[at] ^ 1 << bit]) + PACK[at + 1 :]
    with pytest.raises(PhotographsError, match="Pack the folder again"):
        read(damaged)


@pytest.mark.parametrize("length", [0, 5, len(packfile.MAGIC), 20, 44, 60, len(PACK) - 1])
def test_a_pack_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(PhotographsError, match=r"no pack of photographs|damaged or cut off"):
        read(PACK[:length])
    with pytest.raises(PhotographsError, match="damaged or cut off"):
        read(PACK + b"\0")


# --- folders -------------------------------------------------------------------------------------------------------


def test_a_folder_gives_its_files_by_name_without_the_hidden(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.jpg", "a/d/e.png", ".hidden.jpg", ".cache/f.jpg", "a/.DS_Store", "z.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "round").symlink_to(tmp_path)
    found = folder_files(tmp_path)
    assert [name for name, _ in found] == ["a/c.jpg", "a/d/e.png", "b.jpg", "z.txt"]
    assert [read_file() for _, read_file in found] == [name.encode() for name, _ in found]


def test_a_name_that_is_no_utf8_becomes_one(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(photograph(1))
    [(name, read_file)] = folder_files(tmp_path)
    assert name == "caf\ufffd.png"
    assert read_file() == photograph(1)


def test_a_folder_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PhotographsError, match=r"There is no folder '.*holiday': check its name"):
        folder_files(tmp_path / "holiday")
    (tmp_path / "one.jpg").write_bytes(b"")
    with pytest.raises(PhotographsError, match=r"one\.jpg' is a file: name the folder"):
        fingerprint(tmp_path / "one.jpg")

    def denied(place: object) -> object:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(PhotographsError, match=r"cannot be read \(Permission denied\)"):
        folder_files(tmp_path)


def test_the_fingerprint_knows_names_sizes_and_times(tmp_path: Path) -> None:
    one = tmp_path / "one.jpg"
    one.write_bytes(b"12345")
    os.utime(one, ns=(10**18, 10**18))
    seen = [fingerprint(tmp_path)]
    assert fingerprint(tmp_path) == seen[0]
    os.utime(one, ns=(10**18, 10**18 + 1))
    seen.append(fingerprint(tmp_path))
    one.write_bytes(b"123456")
    os.utime(one, ns=(10**18, 10**18 + 1))
    seen.append(fingerprint(tmp_path))
    one.rename(tmp_path / "two.jpg")
    seen.append(fingerprint(tmp_path))
    (tmp_path / "none.jpg").write_bytes(b"")
    seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == 5


def test_real_photographs_all_have_colours_and_only_copies_show_the_same() -> None:
    if not PHOTOS.is_dir():
        pytest.skip(f"needs the photographs in {PHOTOS}")
    files = folder_files(PHOTOS)
    decoded = [images.decode(read_file()) for _, read_file in files]
    thumbnails = [likeness.thumbnail(image) for image in decoded]
    seen = likeness.Seen(len(files))
    for (name, _), image, small in zip(files, decoded, thumbnails, strict=True):
        assert not is_grey(image)
        assert seen.like(small) is None, name
        seen.add(name, small)
    for (name, _), image in list(zip(files, decoded, strict=True))[::9]:
        height, width = image.shape[:2]
        for copy in (image[:, ::-1], lighter(image, 25), lighter(image, -25), (image * 0.85).astype(np.uint8)):
            assert seen.like(likeness.thumbnail(copy)) == name
        stream = io.BytesIO()
        third = images.resize_to(image[:, ::-1], height // 3, width // 3)
        Image.fromarray(third).save(stream, "JPEG", quality=60)
        assert seen.like(likeness.thumbnail(images.decode(stream.getvalue()))) == name
        # A cut is not found; what the documentation says of it would be wrong if it were.
        assert seen.like(likeness.thumbnail(image[: height * 2 // 3, : width * 2 // 3])) != name


def test_a_folder_of_real_photographs_leaves_out_small_copies_of_the_scenes() -> None:
    if not PHOTOS.is_dir():
        pytest.skip(f"needs the photographs in {PHOTOS}")
    files = folder_files(PHOTOS)[:120]
    scenes = [read_file() for _, read_file in files[:4]]
    smaller = [saved(images.resize_longest(images.decode(scene), 192), "JPEG") for scene in scenes]
    found = pack(files, PackOptions(64), scenes=smaller).listing
    assert found["left_out"] == [name for name, _ in files[:4]]
    assert found["skipped"] == []
    assert 10 <= found["validation"] <= 40
