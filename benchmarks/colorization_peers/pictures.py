"""What both ways are given: JPEG files, and the parameters of a training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from generation.core.spec import Params

#: Shortest and longest side of a file in px, and its quality: what photographs of the web have.
SIDES, QUALITY = (256, 480), 90


def params(model: str, width: int, side: int, batch: int) -> Params:
    """A training as the paper has it; ``width`` 64 is the paper's."""
    return {
        "model": model, "layers": "8" if model == "isola" else "skip567", "width": width, "train_size": side,
        "init": "normal", "init_gain": 0.02, "gan": "vanilla", "l1_weight": 100.0, "ab_scale": 110.0,
        "learning_rate": 5e-4, "beta1": 0.5, "beta2": 0.999, "batch": batch,
    }  # fmt: skip


def write_photographs(source: Path, folder: Path, count: int) -> list[Path]:
    """``count`` JPEG files in ``folder``: crops of the pictures in ``source``, seeded, sides between :data:`SIDES`."""
    found = [path for path in sorted(source.iterdir()) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    if not found:
        raise SystemExit(f"There is no JPEG or PNG file in {source}. Name a folder of photographs by --photographs.")
    draw = np.random.default_rng(0)
    written = []
    for number in range(count):
        with Image.open(found[number % len(found)]) as opened:
            picture = opened.convert("RGB")
        width, height = (int(min(length, draw.integers(*SIDES, endpoint=True))) for length in picture.size)
        left = int(draw.integers(0, picture.width - width, endpoint=True))
        top = int(draw.integers(0, picture.height - height, endpoint=True))
        written.append(folder / f"{number:04}.jpg")
        picture.crop((left, top, left + width, top + height)).save(written[-1], quality=QUALITY)
    return written


def squares(files: Sequence[Path], side: int) -> np.ndarray:
    """uint8 N x side x side x 3: the files resized as the tutorial resizes them, so that both train on equal pixels."""
    made = []
    for path in files:
        with Image.open(path) as opened:
            made.append(np.asarray(opened.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)))
    return np.stack(made)
