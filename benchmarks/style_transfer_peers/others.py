"""The peers: pystiche, and the method of PyTorch's tutorial. One image after the other; the clock is of the last."""

import importlib
import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core.images import Image
from generation.core.style.pictures import to_image

from .scene import CONTENT_LAYER, CONTENT_WEIGHT, MEAN, STD, STYLE_LAYERS, Clock, ClockedAdam, Scene, Way


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
    encoder.to(scene.device)
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
