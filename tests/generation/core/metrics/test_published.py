"""Our losses against check values that others published: Stanford's CS231n, assignment 3 of spring 2017.

The values and pictures lie beside the repository and are read here, none is committed. The assignment takes
torchvision's SqueezeNet 1.1 (ours is the same in half precision) and pictures whose shorter side has 192 pixels.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core import weights
from generation.core.style.losses import roughness
from generation.core.style.renderer import style_loss
from tests.generation.core.conftest import SHARED_WEIGHTS

ASSETS = SHARED_WEIGHTS.parent
CHECKS = ASSETS / "votes" / "small" / "cs231n_style_transfer_checks.npz"
CONTENT, STYLE = ASSETS / "content" / "tubingen.jpg", ASSETS / "style" / "starry_night.jpg"
SIDE = 192

CONFIG = {
    "pooling": "max", "padding": "zeros", "preprocessing": "imagenet", "statistic": "gram_chw", "style_form": "sum",
    "style_layers": ["relu1", "fire3", "fire4", "fire5"], "layer_weights": [300_000.0, 1000.0, 15.0, 3.0],
    "content_layers": ["fire2"], "content_form": "sum", "tv_form": "l2", "style_unit": 1.0, "content_unit": 1.0,
}  # fmt: skip

pytestmark = pytest.mark.usefixtures("real_weights")


@pytest.fixture(scope="module")
def checks() -> dict[str, Tensor]:
    for path in (CHECKS, CONTENT, STYLE):
        if not path.is_file():
            pytest.skip(f"needs {path}")
    with np.load(CHECKS, allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def _picture(path: Path) -> Tensor:
    """As the assignment loads it: shorter side to 192 (torchvision's Resize, bilinear)."""
    picture = Pillow.open(path).convert("RGB")
    scale = SIDE / min(picture.size)
    small = picture.resize(tuple(int(side * scale) for side in picture.size), Pillow.Resampling.BILINEAR)  # type: ignore[arg-type]
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)[None] / 255.0


def _mean_colour(like: Tensor) -> Tensor:
    """What the assignment calls an empty image: zeros behind the normalisation."""
    return torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand_as(like).contiguous()


def test_the_content_loss(checks: dict[str, Tensor]) -> None:
    content = _picture(CONTENT)
    loss = style_loss(CONFIG, weights.find("squeezenet1_1"), content, content)
    assert float(6e-2 * loss(_mean_colour(content)).content) == pytest.approx(float(checks["cl_out"]), rel=3e-3)


def test_the_total_variation(checks: dict[str, Tensor]) -> None:
    # The assignment adds squares up where we average them, and looks at normalised pixels: strip by strip, a picture of
    # two equal rows (columns) has differences along one axis only.
    image = _picture(CONTENT)[0] / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    rows, columns = (
        strips[:, :, None].repeat(1, 1, 2, 1) for strips in (image.permute(1, 0, 2), image.permute(2, 0, 1))
    )
    total = sum(float(roughness(strips).sum()) * 3 * (strips.shape[3] - 1) for strips in (rows, columns))
    assert 2e-2 * total == pytest.approx(float(checks["tv_out"]), rel=3e-3)


def test_the_gram_matrix_and_the_style_loss(checks: dict[str, Tensor]) -> None:
    # The scan of the painting at hand is another one than the assignment's: what is held is the form and the size,
    # which a factor of C, H W or 2 would miss by far.
    content, painting = _picture(CONTENT), _picture(STYLE)
    loss = style_loss(CONFIG, weights.find("squeezenet1_1"), content, painting)
    pooled = F.max_pool2d(loss.extractor(painting)["fire3"], 3, 2, ceil_mode=True)
    (gram,) = loss._statistics(pooled)
    assert gram.shape == checks["gm_out"].shape
    assert float(F.cosine_similarity(gram.flatten(), checks["gm_out"].flatten(), dim=0)) > 0.99
    assert float(gram.norm() / checks["gm_out"].norm()) == pytest.approx(1.0, abs=0.05)
    assert float(loss(content).style) == pytest.approx(float(checks["sl_out"]), rel=0.1)
