"""Small pictures drawn by code, and the real weights files beside the repository where they are."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from generation.core import images

SHARED_WEIGHTS = Path(__file__).resolve().parents[4] / "shared" / "assets" / "weights"

MANIFEST = """
[[weights]]
file = "{folder}/squeezenet1_1_torchvision_features_fp16.safetensors"
sha256 = "38c6097f53f1eafbfddc50c96db7182dea096c46c743f95eaa4a739d190ad381"
network = "squeezenet1_1"
title = "SqueezeNet 1.1 (torchvision features, fp16)"
training = "torchvision"
last_layer = "fire9"

[[weights]]
file = "{folder}/vgg19_oxford_conv1_1-conv3_4_fp16.safetensors"
sha256 = "43a7b43a0cdf062a201cf39d1a7f4233d3533805c46ba8c6fb9502903c3b2e83"
network = "vgg19"
title = "VGG19 (Oxford), conv1_1-conv3_4"
training = "oxford"
last_layer = "relu3_4"
scale = 255.0
mean = [123.68, 116.779, 103.939]
std = [1.0, 1.0, 1.0]
"""


@pytest.fixture(autouse=True)
def _no_weights_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test downloads, and none finds what lies in the developer's own cache."""
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", "0")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("EYEBALLOT_WEIGHTS", raising=False)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def real_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of ../shared/assets/weights under a manifest of their own."""
    if not SHARED_WEIGHTS.is_dir():
        pytest.skip(f"needs the weights files in {SHARED_WEIGHTS}")
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "weights.toml").write_text(MANIFEST.format(folder=SHARED_WEIGHTS))
    monkeypatch.setenv("EYEBALLOT_WEIGHTS", str(folder))
    return folder


def drawn(seed: int, height: int = 72, width: int = 96) -> images.Image:
    """Soft blobs with a little grain: enough structure for every layer."""
    noise = np.random.default_rng(seed)
    coarse = images.resize_to(noise.integers(0, 256, (9, 12, 3), dtype=np.uint8), height, width).astype(int)
    return (coarse + noise.integers(-20, 21, (height, width, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture
def content() -> images.Image:
    return drawn(1)


@pytest.fixture
def style() -> images.Image:
    return drawn(2, 80, 80)
