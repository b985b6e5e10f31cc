"""What is said of folders, options and packs that cannot be used."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.core.photographs import (
    PackOptions,
    PhotographsError,
    pack,
    packfile,
    read,
    room,
)

from .pictures import as_files, folder, header


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


def _never() -> bytes:
    raise AssertionError("a photograph was read")


def test_a_pack_without_room_is_refused_before_a_photograph_is_read() -> None:
    words = (
        r"20 photographs at 1000000 px are a pack of 55,879\.4 GiB\. It is put together in memory, which takes twice "
        r"as much, and this machine has [\d,.]+ GiB\. Train on smaller squares\."
    )
    with pytest.raises(PhotographsError, match=words):
        pack([(f"{n}.png", _never) for n in range(20)], PackOptions(1_000_000))
    with pytest.raises(PhotographsError, match=r"2 photographs, 3 squares of each, at 1000000 px .* 16,763\.8 GiB"):
        pack([(f"{n}.png", _never) for n in range(20)], PackOptions(1_000_000, crops=3, limit=2))


def test_the_limit_that_is_said_has_room() -> None:
    imagenet, there = 1_281_167, 16 << 30
    with pytest.raises(
        PhotographsError, match=r"1,281,167 photographs at 256 px .* 234\.6 GiB.*limit = 43000, or"
    ) as said:
        room.check(imagenet, PackOptions(256), False, there)
    limit = int(str(said.value).split("limit = ")[1].split(",")[0])
    room.check(imagenet, PackOptions(256, limit=limit), False, there)
    with pytest.raises(PhotographsError):
        room.check(imagenet, PackOptions(256, limit=limit + 1000), False, there)
    with pytest.raises(PhotographsError, match="limit = 32000, or"):
        room.check(imagenet, PackOptions(256), True, there)
    room.check(imagenet, PackOptions(256), False, 0)
    assert room.memory() > 1 << 28
