"""What all ways are given: pictures as files and as a pack, random VGG16 weights in a folder, parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from colorization_peers.pictures import squares
from PIL import Image
from style_transfer_peers.scene import picture
from torch import Tensor

from generation.core.feedforward.task import FEEDFORWARD
from generation.core.images import encode_png
from generation.core.photographs.packfile import written
from generation.core.segmentation.samples import SampleOptions, sample
from generation.core.segmentation.task import SEGMENTER
from generation.core.spec import Params
from generation.core.weights import file_sha256

#: Where VGG16 ends: the last layer that the style is taken of, and the number of its convolutions.
LAST_LAYER, CONVOLUTIONS = "relu4_3", (2, 2, 3, 3)
WEIGHTS = "vgg16_random.pth"


def style_params(side: int, width: int, batch: int, size: int) -> Params:
    """PyTorch's recipe as our preset has it. Pictures neither shuffled nor mirrored: all ways see the same."""
    preset = FEEDFORWARD.presets["johnson2016"].values
    own = {"training": "any", "train_size": side, "width": width, "batch": batch, "size": size}
    return FEEDFORWARD.complete({**preset, **own, "shuffle": False, "flip": False})


def marking_params(side: int, width: int, batch: int) -> Params:
    """The preset for defects at another side and width; as above, neither shuffled nor mirrored."""
    preset = SEGMENTER.presets["geng2021_defects"].values
    own = {"train_size": side, "width": width, "batch": batch}
    return SEGMENTER.complete({**preset, **own, "shuffle": False, "flip": False})


def style_picture(side: int) -> bytes:
    """A PNG of ``side`` x ``side``: no way has to scale it."""
    return encode_png(picture(side, 4, 0.3, seed=2))


def photographs_pack(files: Sequence[Path], side: int, batch: int) -> bytes:
    """The first ``batch`` files to train on and the next one to validate on, scaled as the plain way scales them."""
    pictures = squares(files[: batch + 1], side)
    header = {"side": side, "options": {}, "train": batch, "validation": 1, "split": "by photograph"}
    return written(header, list(pictures))


@dataclass(frozen=True)
class Marked:
    """Drawn pictures with defects: a pack, and the files of those to train on with those of their masks."""

    pack: bytes
    files: list[tuple[Path, Path]]


def marked(folder: Path, side: int, batch: int) -> Marked:
    """``batch`` pictures to train on and one to validate on, drawn into ``folder``."""
    drawn = [sample(SampleOptions(side), number) for number in range(batch + 1)]
    files = []
    for number, one in enumerate(drawn[:batch]):
        pair = folder / f"{side}-{number}.png", folder / f"{side}-{number}-mask.png"
        pair[0].write_bytes(one.picture_png())
        pair[1].write_bytes(one.mask_png())
        files.append(pair)
    header = {"side": side, "options": {}, "train": batch, "validation": 1, "split": "by photograph", "masks": True}
    pictures = [np.repeat(one.grey[:, :, None], 3, axis=2) for one in drawn]
    return Marked(written(header, pictures, [one.mask.astype(np.uint8) for one in drawn]), files)


def write_weights(folder: Path) -> str:
    """Seeded He-normal VGG16 up to :data:`LAST_LAYER` with its manifest, in a folder for EYEBALLOT_WEIGHTS; its
    SHA-256. Speed does not depend on what the weights are."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    place, channels = 0, 3
    for width, count in zip((64, 128, 256, 512), CONVOLUTIONS, strict=True):
        for _ in range(count):
            spread = (2 / (9 * channels)) ** 0.5
            state[f"features.{place}.weight"] = spread * torch.randn(width, channels, 3, 3, generator=generator)
            state[f"features.{place}.bias"] = torch.zeros(width)
            place, channels = place + 2, width
        place += 1
    torch.save(state, folder / WEIGHTS)
    digest = file_sha256(folder / WEIGHTS)
    (folder / "weights.toml").write_text(
        f'[[weights]]\nfile = "{WEIGHTS}"\nsha256 = "{digest}"\nnetwork = "vgg16"\n'
        f'title = "VGG16 of random weights"\ntraining = "random"\nlast_layer = "{LAST_LAYER}"\n',
        "utf-8",
    )
    return digest


def pixels(png: Path) -> np.ndarray:
    """H x W x 3 in int16, so that two can be subtracted."""
    with Image.open(png) as opened:
        return np.asarray(opened.convert("RGB")).astype(np.int16)
