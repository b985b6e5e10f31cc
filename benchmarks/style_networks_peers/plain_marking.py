"""A U-Net in stock layers under MONAI's DiceFocalLoss, in the loop that its tutorials teach.

The arithmetic of the network is that of ours (pix2pix's U-Net, no dropout), whose first weights it takes over.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from monai.losses.dice import DiceFocalLoss
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import functional

from generation.core.segmentation.network import Segmenter
from generation.core.spec import Params


class Level(nn.Module):
    """One level of the U-Net around the next one, with in-place activations."""

    def __init__(self, into: int, out: int, inner: "Level | None", *, outermost: bool) -> None:
        super().__init__()
        self.outermost = outermost
        self.down = nn.Conv2d(into, out, 4, 2, 1, bias=False)
        below = out if inner is None else 2 * out
        self.up = nn.ConvTranspose2d(below, into, 4, 2, 1, bias=outermost)
        self.inner = inner
        self.down_norm = None if outermost or inner is None else nn.BatchNorm2d(out)
        self.up_norm = None if outermost else nn.BatchNorm2d(into)
        layers: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2, True)]
        layers += [self.down, *([self.down_norm] if self.down_norm else []), *([inner] if inner else [])]
        layers += [nn.ReLU(True), self.up, *([self.up_norm] if self.up_norm else [])]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        if self.outermost:
            answer: Tensor = self.model(x)
            return answer
        return torch.cat([x, self.model(x)], 1)


def like(ours: Segmenter) -> Level:
    """The U-Net of the shape of ``ours`` and with its weights."""
    level: Level | None = None
    for number in range(len(ours.down) - 1, -1, -1):
        down = ours.down[number]
        assert isinstance(down, nn.Conv2d)
        level = Level(down.in_channels, down.out_channels, level, outermost=number == 0)
        pairs = (
            (level.down, down),
            (level.up, ours.up[number]),
            (level.down_norm, ours.down_norm[number]),
            (level.up_norm, ours.up_norm[number]),
        )
        for own, other in pairs:
            if own is not None:
                own.load_state_dict(other.state_dict())
    assert level is not None
    return level


class Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Grey pictures from -1 to 1 and their masks, 1 x side x side each."""

    def __init__(self, files: Sequence[tuple[Path, Path]]) -> None:
        self._files = list(files)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        picture, mask = (functional.to_tensor(Image.open(path).convert("L")) for path in self._files[number])
        return picture * 2 - 1, (mask > 0.5).float()


class PlainMarking:
    """The training: float32, eager, one batch at a time."""

    behind = 0.0

    def __init__(self, params: Params, first: Segmenter, files: Sequence[tuple[Path, Path]]) -> None:
        self._network = like(first).train()
        smooth = float(params["dice_smooth"])
        self._loss = DiceFocalLoss(
            sigmoid=True, smooth_nr=smooth, smooth_dr=smooth, gamma=float(params["focal_gamma"]),
            alpha=float(params["focal_alpha"]), lambda_dice=float(params["dice_weight"]),
            lambda_focal=float(params["focal_weight"]),
        )  # fmt: skip
        self._optimizer = torch.optim.Adam(self._network.parameters(), float(params["learning_rate"]))
        self._loader = DataLoader(Pairs(files), int(params["batch"]))
        self._batches = self._endless()
        self.epoch_loss = 0.0

    def step(self) -> float:
        """One batch, from the files to the sum of the losses: its loss, before the change."""
        inputs, labels = next(self._batches)
        self._optimizer.zero_grad()
        loss = self._loss(self._network(inputs), labels)
        loss.backward()
        self._optimizer.step()
        value: float = loss.item()
        self.epoch_loss += value
        return value

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self._loader
