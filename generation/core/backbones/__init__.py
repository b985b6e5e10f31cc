"""Frozen feature extractors: VGG16, VGG19 and SqueezeNet 1.1 from a file, and the seeded ``random-shallow``.

An extractor maps images (N x 3 x H x W, RGB in [0, 1]) to named features (N x C x h x w). It is cut after the last
layer that is needed, its weights never ask for gradients, and it brings its own preprocessing (``Weights``: scale,
mean, std) unless another is asked for (:class:`Build`).

Layer names: ``relu<block>_<conv>`` and ``conv<block>_<conv>`` (before the ReLU) for VGG; for SqueezeNet ``relu1``
(after the first convolution) and ``fire2`` ... ``fire9`` (the joined outputs of the fire modules, after their ReLU);
``level1`` ... ``level4`` for random-shallow.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)
from torchvision.models.squeezenet import Fire

from generation.core.backbones.winograd import ConvolutionReLU
from generation.core.weights import LAYERS, RANDOM_SHALLOW, RANDOM_SHALLOW_SEED, Weights, WeightsError

Features = dict[str, Tensor]
Extractor = Callable[[Tensor], Features]

_VGG = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


@dataclass(frozen=True)
class Build:
    """How a trained network is put together: ``pooling`` max or average, ``padding`` of the convolutions (zeros,
    reflect, replicate), ``preprocessing`` (network: as its file says; imagenet, caffe, none), ``dtype`` of weights and
    features."""

    pooling: str = "max"
    padding: Literal["zeros", "reflect", "replicate"] = "zeros"
    preprocessing: str = "network"
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class Preprocessing:
    """Input of a network: ``(scale * pixels - mean) / std`` for RGB pixels in [0, 1], then in ``order``."""

    order: str
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


PLAIN = Build()

#: Input by name; means and deviations stand in the order of the channels the network sees.
PREPROCESSING = {
    "imagenet": Preprocessing("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": Preprocessing("BGR", 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
    "none": Preprocessing("RGB", 1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


def pick_device() -> torch.device:
    """The GPU where there is one (the pool gives each process its own), else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def open_extractor(
    weights: Weights, layers: Sequence[str], content: Tensor, style: Tensor, build: Build = PLAIN
) -> Extractor:
    """The extractor for ``layers``. ``content`` and ``style`` (1 x 3 x H x W) only matter to random-shallow,
    whose channels are normalised on that pair of images. Raises ``WeightsError`` when the file ends too early."""
    weights.require(layers)
    if weights.network == RANDOM_SHALLOW:
        return ShallowPyramid(layers, content, style, build.dtype)
    ordered = tuple(sorted(set(layers), key=LAYERS[weights.network].index))
    return _pretrained(weights, ordered, build, str(content.device))


class Pretrained(nn.Module):
    """A trained network up to its last needed layer. ``forward`` preprocesses; ``raw`` takes prepared input."""

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Weights, layers: Sequence[str], build: Build = PLAIN) -> None:
        super().__init__()
        self.layers, self.dtype = tuple(layers), build.dtype
        own = Preprocessing(weights.colour_order, weights.scale, weights.mean, weights.std)
        self.input = own if build.preprocessing == "network" else PREPROCESSING[build.preprocessing]
        self.stack, self.taps = _architecture(weights.network, self.layers, build)
        _load(self.stack, weights)
        if self.input.order != weights.colour_order:
            self._turn_first_filters()
        self.requires_grad_(False)
        self.eval()
        self.to(build.dtype)
        # The preparation itself is done in float32, whatever the network works in.
        self.register_buffer("mean", torch.tensor(self.input.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(self.input.std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Features:
        """Features of RGB images in [0, 1]."""
        if self.input.order == "BGR":
            images = images.flip(1)
        return self.raw((images * self.input.scale - self.mean) / self.std)

    def raw(self, prepared: Tensor) -> Features:
        """Features of input that is in the network's own units already."""
        found: Features = {}
        x = prepared.to(self.dtype)
        for index, module in enumerate(self.stack):
            x = module(x)
            if index in self.taps:
                found[self.taps[index]] = x
        return found

    def _turn_first_filters(self) -> None:
        """The file's first filters expect the channels the other way round: the declared order is shown to them."""
        first = self.stack[0].weight
        with torch.no_grad():
            first.copy_(first.flip(1))  # type: ignore[operator]


@lru_cache(maxsize=2)
def _pretrained(weights: Weights, layers: tuple[str, ...], build: Build, device: str) -> Pretrained:
    network = Pretrained(weights, layers, build)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    _quicken(network)
    return network


def _quicken(network: Pretrained) -> None:
    """Put :class:`ConvolutionReLU` in the place of every pair that gains by it and is not looked into."""
    stack = network.stack
    for index in range(len(stack) - 1):
        convolution, after = stack[index], stack[index + 1]
        if not isinstance(convolution, nn.Conv2d) or not isinstance(after, nn.ReLU) or index in network.taps:
            continue
        if ConvolutionReLU.fits(convolution):
            stack[index], stack[index + 1] = nn.Identity(), ConvolutionReLU(convolution)


def _architecture(network: str, layers: Sequence[str], build: Build) -> tuple[nn.Sequential, dict[int, str]]:
    """The modules in torchvision's numbering (so that its state dicts fit) and module index -> layer name."""
    last = max(LAYERS[network].index(layer) for layer in layers)
    wanted = LAYERS[network][: last + 1]
    modules: list[nn.Module] = []
    names: dict[int, str] = {}
    # The initial values are overwritten by the file; the caller's random numbers must not notice.
    with torch.random.fork_rng(devices=[]):
        for module, name in _squeezenet(build) if network == "squeezenet1_1" else _vgg(_VGG[network], build):
            if isinstance(module, nn.ReLU) and names.get(len(modules) - 1) in layers:
                module.inplace = False  # what the convolution gave is looked at too
            modules.append(module)
            if name in wanted:
                names[len(modules) - 1] = name
            if name == wanted[-1]:
                break
    return nn.Sequential(*modules), {index: name for index, name in names.items() if name in layers}


def _vgg(convolutions: Sequence[int], build: Build) -> list[tuple[nn.Module, str]]:
    modules: list[tuple[nn.Module, str]] = []
    channels = 3
    for block, (count, width) in enumerate(zip(convolutions, (64, 128, 256, 512, 512), strict=True), 1):
        for number in range(1, count + 1):
            convolution = nn.Conv2d(channels, width, 3, padding=1, padding_mode=build.padding)
            modules.append((convolution, f"conv{block}_{number}"))
            modules.append((nn.ReLU(inplace=True), f"relu{block}_{number}"))
            channels = width
        modules.append((nn.MaxPool2d(2, 2) if build.pooling == "max" else nn.AvgPool2d(2, 2), ""))
    return modules


def _squeezenet(build: Build) -> list[tuple[nn.Module, str]]:
    def pool() -> tuple[nn.Module, str]:
        if build.pooling == "max":
            return nn.MaxPool2d(3, 2, ceil_mode=True), ""
        return nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False), ""

    def fire(name: str, channels: int, squeeze: int, expand: int) -> tuple[nn.Module, str]:
        module = Fire(channels, squeeze, expand, expand)
        module.expand3x3.padding_mode = build.padding
        return module, name

    return [
        (nn.Conv2d(3, 64, 3, stride=2), ""), (nn.ReLU(inplace=True), "relu1"), pool(),
        fire("fire2", 64, 16, 64), fire("fire3", 128, 16, 64), pool(),
        fire("fire4", 128, 32, 128), fire("fire5", 256, 32, 128), pool(),
        fire("fire6", 256, 48, 192), fire("fire7", 384, 48, 192),
        fire("fire8", 384, 64, 256), fire("fire9", 512, 64, 256),
    ]  # fmt: skip


def _load(stack: nn.Sequential, weights: Weights) -> None:
    """Copy ``features.*`` of the file into ``stack``; every tensor must be there with its shape."""
    if weights.path is None:
        raise WeightsError(f"{weights.title} has no file to read.")
    read: dict[str, Any]
    if weights.path.suffix == ".safetensors":
        read = load_file(weights.path)
    else:
        read = torch.load(weights.path, map_location="cpu", weights_only=True)
    try:
        state = {name: read[f"features.{name}"].float() for name in stack.state_dict()}
        stack.load_state_dict(state, strict=True)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(
            f"{weights.path.name} does not fit {weights.network} up to the layer that is needed ({error}). "
            "Its manifest names another network or a later last layer than it has."
        ) from error


class ShallowPyramid:
    """random-shallow: one layer of random filters on every level of an image pyramid (specs/style_transfer.md, 5).

    ``FILTERS`` random ``TAPS`` x ``TAPS`` filters per level, three quarters of them without response to a flat colour;
    each channel is scaled to unit variance on the content and style pictures and given a random negative bias, then
    ReLU. Level l sees the picture averaged down l - 1 times by two. Nothing is learned: identity is version and seed.
    After Ustyuzhaninov et al. 2016 (arXiv 1606.00021): one layer of random filters carries texture; depth hurts.
    """

    FILTERS = 48
    TAPS = 7

    def __init__(
        self, layers: Sequence[str], content: Tensor, style: Tensor, dtype: torch.dtype = torch.float32
    ) -> None:
        self.layers, self.dtype = frozenset(layers), dtype
        self.depth = max(int(layer.removeprefix("level")) for layer in layers)
        self._filters: list[Tensor] = []
        self._biases: list[Tensor] = []
        with torch.no_grad():
            for level in range(1, self.depth + 1):
                filters, offsets = _random_filters(level, self.FILTERS, self.TAPS)
                filters, offsets = polyphase(filters).to(content.device), offsets.to(content.device)
                answers = [self._convolve(self._shrink(image, level), filters) for image in (content, style)]
                flat = torch.cat([answer.flatten(2) for answer in answers], dim=2)[0]
                spread = flat.std(dim=1, correction=0).clamp_min(1e-6)
                scaled = filters / spread.repeat(4).view(-1, 1, 1, 1)
                self._filters.append(scaled.contiguous(memory_format=torch.channels_last).to(dtype))
                self._biases.append((-flat.mean(dim=1) / spread + offsets).to(dtype))

    def __call__(self, images: Tensor) -> Features:
        """Features of RGB images in [0, 1]."""
        found: Features = {}
        x = images = images.to(self.dtype)
        for level in range(1, self.depth + 1):
            x = images if level == 1 else F.avg_pool2d(x, 2, ceil_mode=True)
            if f"level{level}" in self.layers:
                answer = self._convolve(x, self._filters[level - 1], self._biases[level - 1])
                found[f"level{level}"] = F.relu_(answer)
        return found

    def _shrink(self, image: Tensor, level: int) -> Tensor:
        for _ in range(level - 1):
            image = F.avg_pool2d(image, 2, ceil_mode=True)
        return image

    def _convolve(self, images: Tensor, filters: Tensor, bias: Tensor | None = None) -> Tensor:
        """Answers (N x C x h/2 x 2w, the four pixels of a block side by side) of polyphase ``filters``.

        A convolution of 3 channels has a slow gradient on a CPU (2x here); the same numbers come out of one over the
        12 channels of 2 x 2 pixel blocks. The order of positions changes, which no statistic of ours sees.
        """
        height, width = images.shape[2:]
        edge = self.TAPS // 2
        # Mirrored borders: zeros would be an edge that both pictures have all around, and repeated ones give the
        # outermost pixels so much weight that they stand out. A strip too thin to mirror is repeated.
        mode = "reflect" if min(height, width) > edge + 1 else "replicate"
        padded = F.pad(images, (edge, edge + width % 2, edge, edge + height % 2), mode=mode)
        blocks = F.pixel_unshuffle(padded, 2).contiguous(memory_format=torch.channels_last)
        answers = F.conv2d(blocks, filters, None if bias is None else bias.repeat(4))
        rows = answers.permute(0, 2, 3, 1)
        return rows.reshape(rows.shape[0], rows.shape[1], -1, self.FILTERS).permute(0, 3, 1, 2)


def _random_filters(level: int, count: int, taps: int) -> tuple[Tensor, Tensor]:
    """Filters (count x 3 x taps x taps) and negative biases (count,) of one level, the same on every machine."""
    seed = hashlib.sha256(f"{RANDOM_SHALLOW_SEED}/{level}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(seed[:7], "big"))
    filters = torch.randn(count, 3, taps, taps, generator=generator)
    blind = count * 3 // 4
    filters[:blind] -= filters[:blind].mean(dim=(2, 3), keepdim=True)
    return filters, -torch.rand(count, generator=generator)


def polyphase(filters: Tensor) -> Tensor:
    """The filters (C x 3 x k x k) for 2 x 2 pixel blocks: 4C x 12 x K x K, K = (k + 1) / 2 (k odd).

    Output channel (2a + b) C + c answers at the pixel (2i + a, 2j + b); the order of ``pixel_unshuffle``.
    """
    count, channels, taps, _ = filters.shape
    blocks = torch.zeros(2, 2, count, channels, 2, 2, (taps + 1) // 2, (taps + 1) // 2)
    for a, b, u, v in itertools.product((0, 1), (0, 1), range(taps), range(taps)):
        blocks[a, b, :, :, (a + u) % 2, (b + v) % 2, (a + u) // 2, (b + v) // 2] = filters[:, :, u, v]
    return blocks.flatten(0, 2).flatten(1, 3)
