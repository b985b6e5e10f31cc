"""The ways to render a grid of style transfers that style_transfer.py measures: ours, pystiche, PyTorch's tutorial.

All minimise the same sum from the same pictures, networks and weights with Adam: VGG19, Gram / (h w) of relu1_1,
relu2_1, ..., relu5_1 with the mean of squared differences and of layers, the mean of squared differences of relu4_2,
from the content picture, pixels unbounded until the end. The network's weights are random (He-normal, seeded): speed
does not depend on their values, and nothing has to be fetched. What costs time once (networks, targets) is made before
the clock runs, for all.
"""

import importlib
import importlib.util
import io
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core import style_transfer
from generation.core.images import Image
from generation.core.style import engine, renderer
from generation.core.style.pictures import to_image, to_tensor
from generation.core.weights import LAYERS, Weights, file_sha256

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"
CONTENT_WEIGHT = 1.0
LEARNING_RATE = 0.01
#: torchvision's normalisation, which all use.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: A name, and how many images an answer is.
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
                self.cpu, self.wall = ((cpu - self._began[0]) / (self._done - 1), (wall - self._began[1]) / (self._done - 1))


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


def our_loss(scene: Scene, content: Tensor, style: Tensor, dtype: str) -> Any:
    """The engine's losses for the sum that all minimise."""
    method = style_transfer.STYLE_TRANSFER.methods["gatys"]
    declared = {
        "backbone": "vgg19", "style_layers": ",".join(STYLE_LAYERS), "content_layers": CONTENT_LAYER,
        "layer_weights": "mean", "statistic": "gram", "style_form": "mean", "content_form": "mean",
    }  # fmt: skip
    found = Weights(
        network="vgg19",
        title="VGG19 of random weights",
        sha256=file_sha256(scene.weights),
        path=scene.weights,
        last_layer=LAYERS["vgg19"][-1],
        training="random",
        source="seeded",
        mean=MEAN,
        std=STD,
    )
    return renderer.style_loss(style_transfer.features(method.complete(declared)), found, content, style, dtype)


def ours(dtype: str) -> Way:
    """The engine: all conditions in one batch."""

    def render(scene: Scene, style_weights: Sequence[float], clock: Clock) -> list[Image]:
        steps = clock.steps
        samples = [
            engine.Sample(LEARNING_RATE, weight, CONTENT_WEIGHT, 0.0, "content", 0, (steps,)) for weight in style_weights
        ]
        settings = engine.Settings(scene.size, steps, 1, "adam", "none", {}, clamp="end", loss_scale="none")
        outcomes = engine.transfer(
            scene.content, scene.style, samples, settings, lambda c, s: our_loss(scene, c, s, dtype), scene.device,
            clock.tick,
        )  # fmt: skip
        return [outcome.images[steps] for outcome in outcomes]

    return render


def import_pystiche() -> Any:
    """pystiche 1.0.1 of March 2022. It asks torchvision for tables of addresses that are no longer there; they are
    supplied (empty: nothing is fetched), and nothing else of it is changed."""
    for module, names in (
        ("alexnet", ["alexnet"]),
        ("vgg", [f"vgg{layers}{normed}" for layers in (11, 13, 16, 19) for normed in ("", "_bn")]),
    ):
        there = importlib.import_module(f"torchvision.models.{module}")
        if not hasattr(there, "model_urls"):
            there.model_urls = dict.fromkeys(names, "")  # type: ignore[attr-defined]
    return importlib.import_module("pystiche")


def pystiche(scene: Scene, style_weights: Sequence[float], clock: Clock) -> list[Image]:
    """pystiche as its examples have it: ``image_optimization`` of a ``PerceptualLoss``, one image after the other, the
    encoder's weights not frozen. The clock is of the last image."""
    package = import_pystiche()
    encoder = package.enc.vgg19_multi_layer_encoder(pretrained=False)
    # Its names for the layers differ; "not strict" because the file has no classifier.
    encoder.load_state_dict(torch.load(scene.weights, weights_only=True), strict=False)
    content, images = scene.tensor(scene.content), []
    for weight in style_weights:
        loss = package.loss.PerceptualLoss(
            package.loss.FeatureReconstructionLoss(encoder.extract_encoder(CONTENT_LAYER), score_weight=CONTENT_WEIGHT),
            package.loss.MultiLayerEncodingLoss(
                encoder,
                STYLE_LAYERS,
                lambda part, share: package.loss.GramLoss(part, score_weight=share),
                layer_weights="mean",
                score_weight=weight,
            ),
        ).to(scene.device)
        loss.set_content_image(content)
        loss.set_style_image(scene.tensor(scene.style))
        timed = Clock(clock.steps, scene.device)
        with redirect_stdout(io.StringIO()):
            found = package.optim.image_optimization(
                content.clone(),
                loss,
                optimizer=lambda image, timed=timed: ClockedAdam(image.requires_grad_(True), timed),
                num_steps=clock.steps,
                quiet=True,
            )
        images.append(to_image(found[0]))
        clock.cpu, clock.wall = timed.cpu, timed.wall
    return images


class _Normalization(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(-1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std


class _Listener(nn.Module):
    """A transparent layer that keeps its loss, as the tutorial's ContentLoss and StyleLoss."""

    def __init__(self, target: Tensor, statistic: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.target, self.statistic = statistic(target).detach(), statistic

    def forward(self, features: Tensor) -> Tensor:
        self.loss = F.mse_loss(self.statistic(features), self.target)
        return features


def _gram(features: Tensor) -> Tensor:
    flat = features.view(features.shape[1], -1)
    return torch.mm(flat, flat.t()) / flat.shape[1]


def tutorial(*, frozen: bool) -> Way:
    """The method of PyTorch's "Neural Transfer Using PyTorch": a network cut after the last loss, with layers between
    that keep their loss, one image after the other. Today's text freezes the weights (``frozen``); its versions before
    2021, and much that was copied from them, do not. The clock is of the last image."""

    def render(scene: Scene, style_weights: Sequence[float], clock: Clock) -> list[Image]:
        with torch.random.fork_rng(devices=[]):
            network = torchvision.models.vgg19(weights=None).features.eval()
        state = torch.load(scene.weights, weights_only=True)
        network.load_state_dict({name.removeprefix("features."): value for name, value in state.items()})
        content, style = scene.tensor(scene.content), scene.tensor(scene.style)
        model = nn.Sequential(_Normalization()).to(scene.device)
        styles, contents = [], []
        block, number = 1, 0
        for layer in network.to(scene.device):
            if isinstance(layer, nn.MaxPool2d):
                block, number = block + 1, 0
            number += isinstance(layer, nn.Conv2d)
            model.append(nn.ReLU(inplace=False) if isinstance(layer, nn.ReLU) else layer)
            name = f"relu{block}_{number}" if isinstance(layer, nn.ReLU) else ""
            with torch.no_grad():
                if name == CONTENT_LAYER:
                    contents.append(_Listener(model(content), lambda features: features))
                    model.append(contents[-1])
                if name in STYLE_LAYERS:
                    styles.append(_Listener(model(style), _gram))
                    model.append(styles[-1])
            if name == STYLE_LAYERS[-1]:
                break
        model.eval()
        model.requires_grad_(not frozen)
        images = []
        for weight in style_weights:
            timed = Clock(clock.steps, scene.device)
            image = content.clone().requires_grad_(True)
            optimizer = ClockedAdam(image, timed)

            def closure(optimizer: Any = optimizer, image: Tensor = image, weight: float = weight) -> Tensor:
                optimizer.zero_grad()
                model(image)
                style_score = torch.stack([part.loss for part in styles]).mean()
                content_score = torch.stack([part.loss for part in contents]).mean()
                loss = weight * style_score + CONTENT_WEIGHT * content_score
                loss.backward()
                return loss

            for _ in range(clock.steps):
                optimizer.step(closure)
            images.append(to_image(image.detach()[0]))
            clock.cpu, clock.wall = timed.cpu, timed.wall
        return images

    return render


@dataclass(frozen=True)
class Peer:
    """``batched``: a step moves all images; else one, and the clock is per image already."""

    name: str
    render: Way
    batched: bool = False
    package: str = "torch"

    @property
    def installed(self) -> bool:
        return self.package in sys.modules or importlib.util.find_spec(self.package) is not None


OURS = {
    "fp32": Peer("ours, float32", ours("float32"), batched=True),
    "bf16": Peer("ours, bfloat16", ours("bfloat16"), batched=True),
}
PYSTICHE = Peer("pystiche 1.0.1", pystiche, package="pystiche")
TUTORIAL = Peer("tutorial", tutorial(frozen=True))
UNFROZEN = Peer("tutorial, weights not frozen", tutorial(frozen=False))


def totals(scene: Scene, images: Sequence[Image], style_weights: Sequence[float]) -> list[float]:
    """The sum that was minimised of finished 8-bit images, by one function for all: tutorial modules in float32."""
    content, style = scene.tensor(scene.content), scene.tensor(scene.style)
    loss = our_loss(scene, content, style, "float32")
    values = []
    with torch.no_grad():
        for image, weight in zip(images, style_weights, strict=True):
            terms = loss(to_tensor(image, scene.device))
            values.append(float(weight * terms.style + CONTENT_WEIGHT * terms.content))
    return values


def psnr(image: Image, other: Image) -> float:
    """Peak signal-to-noise ratio of two 8-bit images in dB; 99 where they are the same."""
    error = float(np.mean((image.astype(float) - other.astype(float)) ** 2))
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))
