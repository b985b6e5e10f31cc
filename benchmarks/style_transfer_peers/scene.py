"""What all ways have in common: pictures, weights, the clock."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core.images import Image
from generation.core.style.pictures import to_image, to_tensor

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"
CONTENT_WEIGHT = 1.0
LEARNING_RATE = 0.01
#: torchvision's normalisation, which all use.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: One finished image per style weight; the clock has one tick per step of a batch, or of the last image.
Way = Callable[["Scene", Sequence[float], "Clock"], list[Image]]


class Clock:
    """Seconds between the end of the first and of the last step of a run: what comes once is not counted."""

    def __init__(self, steps: int, device: torch.device) -> None:
        self.steps, self._device, self._done = steps, device, 0
        self.cpu = self.wall = float("nan")

    def tick(self, _images: int = 0) -> None:
        self._done += 1
        if self._done in (1, self.steps):
            if self._device.type == "cuda":
                torch.cuda.synchronize()
            cpu, wall = time.process_time(), time.perf_counter()
            if self._done == 1:
                self._began = cpu, wall
            else:
                self.cpu, self.wall = (
                    (cpu - self._began[0]) / (self._done - 1),
                    (wall - self._began[1]) / (self._done - 1),
                )


class ClockedAdam(torch.optim.Adam):
    """Adam that tells the clock after each step."""

    def __init__(self, image: Tensor, clock: Clock) -> None:
        super().__init__([image], lr=LEARNING_RATE)
        self._clock = clock

    def step(self, closure: Any = None) -> Any:
        answer = super().step(closure)
        self._clock.tick()
        return answer


@dataclass(frozen=True)
class Scene:
    """Two pictures of ``size`` x ``size`` pixels, the weights in a file, and where to work."""

    size: int
    weights: Path
    device: torch.device

    @property
    def content(self) -> Image:
        """Soft large blobs."""
        return picture(self.size, 8, 0.0, seed=1)

    @property
    def style(self) -> Image:
        """Smaller blobs with grain."""
        return picture(self.size, 4, 0.3, seed=2)

    def tensor(self, image: Image) -> Tensor:
        return to_tensor(image, self.device).contiguous()


def picture(size: int, blob: int, grain: float, seed: int) -> Image:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, size // blob, size // blob, generator=generator)
    smooth = F.interpolate(coarse, (size, size), mode="bicubic")
    return to_image(((1 - grain) * smooth + grain * torch.rand(1, 3, size, size, generator=generator))[0])


def write_weights(path: Path) -> None:
    """Seeded He-normal VGG19 in torchvision's names, without the classifier."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    place, channels = 0, 3
    for width, count in zip((64, 128, 256, 512, 512), (2, 2, 4, 4, 4), strict=True):
        for _ in range(count):
            spread = (2 / (9 * channels)) ** 0.5
            state[f"features.{place}.weight"] = spread * torch.randn(width, channels, 3, 3, generator=generator)
            state[f"features.{place}.bias"] = torch.zeros(width)
            place, channels = place + 2, width
        place += 1
    torch.save(state, path)
