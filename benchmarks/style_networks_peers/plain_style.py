"""PyTorch's fast_neural_style, written again: the network of Johnson et al., VGG16, Gram matrices, Adam.

As there: stock layers, VGG16 run to its end on the painted pictures and on the photographs, pictures between 0 and 255
behind the network, ``.item()`` of both losses after each step. Other than there, photographs enter the network between
0 and 1 (as in ours, so that equal weights are equal networks), and a photograph is squared by scaling it, as ours were.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from generation.core.spec import Params

from .given import WEIGHTS


class ConvLayer(nn.Module):
    def __init__(self, given: int, made: int, taps: int, stride: int, upsample: int | None = None) -> None:
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(taps // 2)
        self.conv2d = nn.Conv2d(given, made, taps, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.upsample:
            x = F.interpolate(x, mode="nearest", scale_factor=self.upsample)
        answer: Tensor = self.conv2d(self.reflection_pad(x))
        return answer


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvLayer(channels, channels, 3, 1)
        self.in1 = nn.InstanceNorm2d(channels, affine=True)
        self.conv2 = ConvLayer(channels, channels, 3, 1)
        self.in2 = nn.InstanceNorm2d(channels, affine=True)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.in1(self.conv1(x)))
        answer: Tensor = self.in2(self.conv2(out)) + x
        return answer


class TransformerNet(nn.Module):
    """Photographs in [0, 1] to pictures in units of 1/255."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for given, made, taps, stride in ((3, width, 9, 1), (width, 2 * width, 3, 2), (2 * width, 4 * width, 3, 2)):
            layers += [ConvLayer(given, made, taps, stride), nn.InstanceNorm2d(made, affine=True), nn.ReLU()]
        layers += [ResidualBlock(4 * width) for _ in range(blocks)]
        for given, made in ((4 * width, 2 * width), (2 * width, width)):
            layers += [ConvLayer(given, made, 3, 1, upsample=2), nn.InstanceNorm2d(made, affine=True), nn.ReLU()]
        self.layers = nn.Sequential(*layers, ConvLayer(width, 3, 9, 1))

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layers(x)
        return answer


def like(ours: nn.Module, params: Params) -> TransformerNet:
    """The network with the weights of ours: both list the same layers in the same order."""
    made = TransformerNet(int(params["width"]), int(params["blocks"]))
    values = zip(made.state_dict(), ours.state_dict().values(), strict=True)
    made.load_state_dict({name: value.clone() for name, value in values})
    return made


class VggOutputs(NamedTuple):
    relu1_2: Tensor
    relu2_2: Tensor
    relu3_3: Tensor
    relu4_3: Tensor


class Vgg16(nn.Module):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            features = torchvision.models.vgg16(weights=None, init_weights=False).features[:23]
        state = torch.load(folder / WEIGHTS, weights_only=True)
        features.load_state_dict({name.removeprefix("features."): value for name, value in state.items()})
        self.slices = nn.ModuleList(features[low:high] for low, high in ((0, 4), (4, 9), (9, 16), (16, 23)))
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> VggOutputs:
        found = []
        for part in self.slices:
            x = part(x)
            found.append(x)
        return VggOutputs(*found)


def gram_matrix(y: Tensor) -> Tensor:
    b, ch, h, w = y.size()
    features = y.view(b, ch, w * h)
    return features.bmm(features.transpose(1, 2)) / (ch * h * w)


def normalize_batch(batch: Tensor) -> Tensor:
    mean = batch.new_tensor([0.485, 0.456, 0.406]).view(-1, 1, 1)
    std = batch.new_tensor([0.229, 0.224, 0.225]).view(-1, 1, 1)
    return (batch.div(255.0) - mean) / std


class Photographs(Dataset[Tensor]):
    """Float32, 3 x side x side, 0 to 255."""

    def __init__(self, files: Sequence[Path], side: int) -> None:
        self._files = list(files)
        self._transform = transforms.Compose(
            [
                transforms.Resize((side, side), transforms.InterpolationMode.BICUBIC),
                transforms.ToTensor(),
                transforms.Lambda(lambda x: x.mul(255)),
            ]
        )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> Tensor:
        answer: Tensor = self._transform(Image.open(self._files[number]).convert("RGB"))
        return answer


class PlainStyle:
    """The training: float32, eager, one batch at a time."""

    behind = 0.0

    def __init__(self, params: Params, first: nn.Module, files: Sequence[Path], style: Path, weights: Path) -> None:
        self._style_weight, self._content_weight = float(params["style_weight"]), float(params["content_weight"])
        self._transformer = like(first, params).train()
        self._optimizer = torch.optim.Adam(self._transformer.parameters(), float(params["learning_rate"]))
        self._mse, self._vgg = nn.MSELoss(), Vgg16(weights)
        batch = int(params["batch"])
        self._loader = DataLoader(Photographs(files[:batch], int(params["train_size"])), batch)
        target = transforms.ToTensor()(Image.open(style).convert("RGB")).mul(255).repeat(batch, 1, 1, 1)
        self._gram_style = [gram_matrix(y) for y in self._vgg(normalize_batch(target))]
        self._batches = self._endless()
        self.content = self.style = 0.0

    def step(self) -> float:
        """One batch, from the files to the sums of the losses: its loss, before the change."""
        x = next(self._batches)
        n_batch = len(x)
        self._optimizer.zero_grad()
        y = self._transformer(x / 255.0)
        y, x = normalize_batch(y), normalize_batch(x)
        features_y, features_x = self._vgg(y), self._vgg(x)
        content_loss = self._content_weight * self._mse(features_y.relu2_2, features_x.relu2_2)
        style_loss = torch.zeros(())
        for ft_y, gm_s in zip(features_y, self._gram_style, strict=True):
            style_loss = style_loss + self._mse(gram_matrix(ft_y), gm_s[:n_batch])
        style_loss = style_loss * self._style_weight
        total_loss = content_loss + style_loss
        total_loss.backward()
        self._optimizer.step()
        self.content += content_loss.item()
        self.style += style_loss.item()
        value: float = total_loss.item()
        return value

    def _endless(self) -> Iterator[Tensor]:
        while True:
            yield from self._loader


class PlainRendering:
    """Open, scale, forward, save; one photograph after the other."""

    def __init__(self, params: Params, network: TransformerNet, files: Sequence[Path], folder: Path) -> None:
        self._size, self._network, self._files, self._folder = int(params["size"]), network.eval(), files, folder
        folder.mkdir()

    @torch.no_grad()
    def render(self) -> list[Path]:
        """All pictures as PNG files, in order."""
        written = []
        for number, path in enumerate(self._files):
            photograph = Image.open(path).convert("RGB")
            scale = self._size / max(photograph.size)
            width, height = (max(1, round(side * scale)) for side in photograph.size)
            x = transforms.functional.to_tensor(photograph.resize((width, height), Image.Resampling.LANCZOS))
            # Halved twice and doubled twice: where a side is no multiple of four, it is mirrored up to one and cut.
            padded = F.pad(x[None], (0, -width % 4, 0, -height % 4), mode="reflect")
            y = self._network(padded)[0, :, :height, :width].clamp(0, 255).round()
            picture = Image.fromarray(y.numpy().transpose(1, 2, 0).astype(np.uint8))
            written.append(self._folder / f"{number}.png")
            picture.save(written[-1])
        return written
