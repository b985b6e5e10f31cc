"""Packs of photographs with masks: cut alike, every one that has none named, and packs without as they were."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generation.core import images, masks
from generation.core.photographs import PackOptions, PhotographsError, folder_files, pack, read
from generation.core.photographs.cutting import cut
from generation.core.spec import sha256_bytes
from tests.generation.core.conftest import drawn

from .pictures import as_files

#: A pack as earlier versions made it.
EARLIER = "b00af413162f1efbce0c30eb7df77c6e4fe2d5bfb389619d66e2146eb821f9fb"
SIDE = 16
ROOT = Path(__file__).resolve().parents[4]
GREY = PackOptions(SIDE, grey=True)


def marked(number: int, height: int = 40, width: int = 60) -> tuple[bytes, bytes]:
    """A picture that is bright in a rectangle and dark beside it, and the mask of the rectangle."""
    draw = np.random.default_rng(number)
    where = np.zeros((height, width), np.uint8)
    top, left = draw.integers(0, height // 2), draw.integers(0, width // 2)
    where[top : top + height // 2, left : left + width // 2] = 1
    grey = np.where(where, 200, 40) + draw.integers(0, 20, (height, width))
    return as_png(grey), as_png(where * 255)


def as_png(grey: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def folders(count: int = 20) -> tuple[dict[str, bytes], dict[str, bytes]]:
    pairs = {f"a/{number:02}": marked(number) for number in range(count)}
    return {f"{n}.png": p for n, (p, _) in pairs.items()}, {f"{n}.png": m for n, (_, m) in pairs.items()}


def refused(files: dict[str, bytes], found: dict[str, bytes], options: PackOptions = GREY) -> dict[str, str]:
    return dict(pack(as_files(files), options, masks=as_files(found)).listing["skipped"])


@pytest.mark.parametrize("options", [GREY, PackOptions(SIDE, crops=4, grey=True), PackOptions(8, crops=3, grey=True)])
def test_each_picture_has_its_own_mask(options: PackOptions) -> None:
    files, found = folders()
    packed = pack(as_files(files), options, masks=as_files(found))
    pictures = read(packed.data)
    assert pictures.train_masks is not None
    assert pictures.validation_masks is not None
    for images_of, masks_of in (
        (pictures.train, pictures.train_masks),
        (pictures.validation, pictures.validation_masks),
    ):
        assert masks_of.shape == images_of.shape[:3]
        assert masks_of.dtype == np.uint8
        assert set(np.unique(masks_of)) <= {0, 1}
        # Bright is marked: all but pixels at the edge say so.
        assert float(np.mean((images_of[..., 0] > 125) == masks_of)) > 0.97
    assert not pictures.train_masks.flags.owndata, "no copy"
    assert pictures.header["masks"] is True
    parts = (pictures.train_masks, pictures.validation_masks)
    assert packed.listing["marked"] == [sum(bool(mask.any()) for mask in part) for part in parts]
    used = packed.listing["files"]
    assert {file["mask"] for file in used} == set(found)
    assert all(file["mask_sha256"] == sha256_bytes(found[file["mask"]]) for file in used)


def test_crops_by_place_have_their_own_masks() -> None:
    files, found = folders(4)
    pictures = read(pack(as_files(files), PackOptions(SIDE, crops=6, grey=True), masks=as_files(found)).data)
    assert pictures.header["split"] == "by place"
    assert pictures.validation_masks is not None
    assert float(np.mean((pictures.validation[..., 0] > 125) == pictures.validation_masks)) > 0.95


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(24, 90),
    width=st.integers(75, 130),
    crops=st.integers(1, 5),
    by_place=st.booleans(),
    seed=st.integers(0, 4),
)
def test_a_mask_is_cut_where_its_picture_is(height: int, width: int, crops: int, by_place: bool, seed: int) -> None:
    """A picture that is its own mask: what comes out is the picture, black or white."""
    where = (np.random.default_rng(seed).random((height, width)) < 0.5).astype(np.uint8)
    whole = np.repeat(where[:, :, None] * 255, 3, axis=2).astype(np.uint8)
    options, by_place = PackOptions(SIDE, crops=crops, seed=seed), by_place and crops > 1

    def scaled(image: images.Image, tall: int, wide: int) -> images.Image:
        return np.repeat(masks.resize_to((image[..., 0] != 0).astype(np.uint8), tall, wide)[..., None], 3, axis=2)

    pictures = cut(whole, "00" * 32, options, by_place, scaled)
    cuts = cut(where, "00" * 32, options, by_place, masks.resize_to)
    assert len(pictures[0] + pictures[1]) == crops
    for part, of_part in zip(pictures, cuts, strict=True):
        for picture, mask in zip(part, of_part, strict=True):
            assert np.array_equal(picture[..., 0], mask)


def test_every_photograph_without_a_usable_mask_is_named_and_not_used() -> None:
    files, found = folders()
    del found["a/00.png"]
    found["a/01.webp"] = found["a/01.png"]
    found["a/02.png"] = marked(2, 40, 59)[1]
    found["a/03.png"] = files["a/03.png"]
    found["a/04.png"] = found["a/04.png"][:-30]
    found["a/05.png"] = b""
    said = refused(files, found)
    assert said["a/00.png"] == "it has no mask of its name"
    assert said["a/01.png"] == "it has several masks (a/01.png, a/01.webp)"
    assert said["a/02.png"] == "its mask a/02.png does not fit: it has 59 x 40 pixels and its picture 60 x 40"
    assert said["a/03.png"].startswith("its mask a/03.png: the mask has the values ")
    assert said["a/04.png"].startswith("its mask a/04.png: the file is damaged or cut off")
    assert said["a/05.png"].startswith("its mask a/05.png: the file is not a PNG")
    assert len(said) == 6


def test_a_mask_is_found_by_name_alone_and_those_that_are_left_are_named() -> None:
    files, found = folders(12)
    found["b/00.png"] = found["a/00.png"]
    found["readme.txt"] = b"no mask"
    listing = pack(as_files(files), GREY, masks=as_files(found)).listing
    assert listing["masks_left"] == ["b/00.png"]
    assert listing["skipped"] == []
    jpeg = {name.replace(".png", ".JPG"): data for name, data in files.items()}
    assert len(pack(as_files(jpeg), GREY, masks=as_files(found)).listing["files"]) == 12


def test_masks_that_cannot_be_read_are_named() -> None:
    files, found = folders(12)

    def gone() -> bytes:
        raise PermissionError(13, "Permission denied")

    readers = [*as_files(found)[1:], ("a/00.png", gone)]
    skipped = pack(as_files(files), GREY, masks=readers).listing["skipped"]
    assert skipped == [("a/00.png", "its mask a/00.png cannot be read (Permission denied)")]


def test_masks_that_mark_nothing_are_no_training() -> None:
    files, found = folders(12)
    black = as_png(np.zeros((40, 60)))
    with pytest.raises(PhotographsError, match=r"None of the masks of the .* marks anything"):
        pack(as_files(files), GREY, masks=as_files(dict.fromkeys(found, black)))
    # Sound pictures without a defect may be among them.
    some = {name: black if number % 2 else mask for number, (name, mask) in enumerate(found.items())}
    listing = pack(as_files(files), GREY, masks=as_files(some)).listing
    assert sum(listing["marked"]) == 6


def test_without_any_mask_the_reasons_are_said() -> None:
    with pytest.raises(PhotographsError, match=r"None of its 20 photographs can be used .*it has no mask of its name"):
        pack(as_files(folders()[0]), GREY, masks=[])


def test_shots_of_one_stuff_are_no_copies_but_the_same_pixels_are() -> None:
    """Textures are alike: without masks most of these would be taken for copies of each other."""
    draw = np.random.default_rng(3)
    textures = {f"{n:02}.png": as_png(120 + draw.integers(-9, 10, (64, 64))) for n in range(12)}
    where = np.zeros((64, 64))
    where[20:30, 20:30] = 255
    found = dict.fromkeys(textures, as_png(where))
    with pytest.raises(PhotographsError, match="shows the same as"):
        pack(as_files(textures), GREY)
    turned = images.encode_png(images.decode(textures["00.png"])[:, ::-1])
    packed = pack(
        as_files({**textures, "copy.png": turned}), GREY, masks=as_files({**found, "copy.png": found["00.png"]})
    )
    assert len(packed.listing["files"]) == 12
    ((name, reason),) = packed.listing["skipped"]
    assert {name, reason.removeprefix("shows the same as ")} == {"00.png", "copy.png"}
    scenes = [textures["04.png"]]
    assert pack(as_files(textures), GREY, scenes, masks=as_files(found)).listing["left_out"] == ["04.png"]


def test_the_same_folders_give_the_same_bytes_and_another_mask_others() -> None:
    files, found = folders()
    first = pack(as_files(files), GREY, masks=as_files(found)).data
    backwards = as_files(dict(reversed(found.items())))
    assert pack(as_files(files), GREY, masks=backwards).data == first
    other = {**found, "a/07.png": as_png(255 - images.decode(found["a/07.png"])[..., 0])}
    assert pack(as_files(files), GREY, masks=as_files(other)).data != first


def test_grey_photographs_are_taken_where_they_may_be() -> None:
    greys = {f"{n}.png": images.encode_png(images.grey(drawn(n, 30, 40))) for n in range(12)}
    with pytest.raises(PhotographsError, match="grey: it would teach grey"):
        pack(as_files(greys), PackOptions(SIDE))
    assert len(pack(as_files(greys), GREY).listing["files"]) == 12


def test_packs_of_earlier_versions_stand() -> None:
    packed = pack(folder_files(ROOT / "fixtures" / "colour" / "photographs"), PackOptions(SIDE, crops=4))
    assert sha256_bytes(packed.data) == EARLIER
    assert set(packed.listing) == {
        "side", "options", "train", "validation", "split", "files", "skipped", "left_out", "ignored", "beyond_limit",
    }  # fmt: skip
    assert read(packed.data).train_masks is None


@pytest.mark.parametrize("place", [-1, -SIDE * SIDE, 60])
def test_a_damaged_pack_of_masks_is_refused(place: int) -> None:
    files, found = folders(12)
    data = bytearray(pack(as_files(files), GREY, masks=as_files(found)).data)
    data[place] ^= 1
    with pytest.raises(PhotographsError, match="damaged or cut off"):
        read(bytes(data))
