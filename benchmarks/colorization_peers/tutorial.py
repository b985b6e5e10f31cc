"""A training the way tutorials teach it, after the best known one for this task (see docs/benchmarks.md).

A ``Dataset`` opens each JPEG anew in every epoch, resizes it, flips it and turns it to Lab with scikit-image, picture
by picture; a ``DataLoader`` without shuffling makes the batches; plain ``Adam`` steps; six running means of losses
are fed by ``.item()`` after every step. On a processor the loader works in the same process (num_workers=0): CPU
seconds are counted, and workers would spend as many. On a GPU it has four workers and pinned memory, as the tutorial.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage.color import rgb2lab
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from generation.core.colorization import build
from generation.core.spec import Params

from .networks import stock

NAMES = ("loss_D_fake", "loss_D_real", "loss_D", "loss_G_GAN", "loss_G_L1", "loss_G")


class Photographs(Dataset[dict[str, Tensor]]):
    """L in [-1, 1] and ab / 110 of a file."""

    def __init__(self, files: Sequence[Path], side: int, *, flip: bool) -> None:
        self._files = list(files)
        steps = [transforms.Resize((side, side), transforms.InterpolationMode.BICUBIC)]
        self._transform = transforms.Compose([*steps, *([transforms.RandomHorizontalFlip()] if flip else [])])

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        picture = self._transform(Image.open(self._files[number]).convert("RGB"))
        lab = transforms.functional.to_tensor(rgb2lab(np.array(picture)).astype("float32"))
        return {"L": lab[:1] / 50.0 - 1.0, "ab": lab[1:] / 110.0}


class Mean:
    """A running mean, weighted by the size of the batches."""

    def __init__(self) -> None:
        self.sum, self.count = 0.0, 0

    def update(self, value: float, count: int) -> None:
        self.sum += value * count
        self.count += count


class GanLoss(nn.Module):
    """Binary cross entropy of logits to labels kept as buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("real", torch.tensor(1.0))
        self.register_buffer("fake", torch.tensor(0.0))
        self.loss = nn.BCEWithLogitsLoss()

    def forward(self, logits: Tensor, real: bool) -> Tensor:
        answer: Tensor = self.loss(logits, (self.real if real else self.fake).expand_as(logits))
        return answer


class Tutorial:
    """Float32, eager, one batch at a time."""

    def __init__(self, given: Params, files: Sequence[Path], device: torch.device, *, flip: bool) -> None:
        self._device, self._l1_weight = device, float(given["l1_weight"])
        ours_g, ours_d = build.networks(given, seed=0)
        assert ours_d is not None
        self._g, self._d = (network.to(device) for network in stock(ours_g, ours_d, int(given["width"])))
        rate, betas = float(given["learning_rate"]), (float(given["beta1"]), float(given["beta2"]))
        self._adam_g = torch.optim.Adam(self._g.parameters(), lr=rate, betas=betas)
        self._adam_d = torch.optim.Adam(self._d.parameters(), lr=rate, betas=betas)
        self._gan, self._l1 = GanLoss().to(device), nn.L1Loss()
        cuda = device.type == "cuda"
        self._loader = DataLoader(
            Photographs(files, int(given["train_size"]), flip=flip), int(given["batch"]), drop_last=True,
            num_workers=4 if cuda else 0, pin_memory=cuda, persistent_workers=cuda,
            generator=torch.Generator(),  # or it would draw from that of the dropout
        )  # fmt: skip
        self._meters = {name: Mean() for name in NAMES}
        self._batches = self._endless()

    def step(self) -> None:
        """One batch, from the files to the running means."""
        data = next(self._batches)
        light, colour = data["L"].to(self._device), data["ab"].to(self._device)
        fake = self._g(light)

        self._d.train()
        self._asks(True)
        self._adam_d.zero_grad()
        d_fake = self._gan(self._d(torch.cat([light, fake.detach()], dim=1)), False)
        d_real = self._gan(self._d(torch.cat([light, colour], dim=1)), True)
        d = (d_fake + d_real) * 0.5
        d.backward()
        self._adam_d.step()

        self._g.train()
        self._asks(False)
        self._adam_g.zero_grad()
        g_gan = self._gan(self._d(torch.cat([light, fake], dim=1)), True)
        g_l1 = self._l1(fake, colour) * self._l1_weight
        g = g_gan + g_l1
        g.backward()
        self._adam_g.step()

        for name, value in zip(NAMES, (d_fake, d_real, d, g_gan, g_l1, g), strict=True):
            self._meters[name].update(value.item(), len(light))

    def losses(self) -> dict[str, float]:
        """Means so far, by our names."""
        means = {name: meter.sum / max(1, meter.count) for name, meter in self._meters.items()}
        return {"g_gan": means["loss_G_GAN"], "g_l1": means["loss_G_L1"], "g": means["loss_G"], "d": means["loss_D"]}

    def _asks(self, on: bool) -> None:
        for parameter in self._d.parameters():
            parameter.requires_grad = on

    def _endless(self) -> Iterator[dict[str, Tensor]]:
        while True:
            yield from self._loader
