"""What a pack is, and which part of it a photograph belongs to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.core import images
from generation.core.photographs import (
    PackOptions,
    pack,
    packing,
    read,
)
from generation.core.photographs.cutting import cut
from generation.core.spec import sha256_bytes
from tests.generation.core.conftest import drawn

from .pictures import as_files, coded, folder, header, photograph, saved, sides


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
