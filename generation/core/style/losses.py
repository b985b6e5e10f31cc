"""The losses of style transfer as per-sample numbers, raw: no weights in here.

Definition ``relative-1``. Let phi_l(x) be the features of layer l (C x h x w), c the content picture, s the style
picture, x the image, all at the image's size.

    G_l(x)      = phi phi^T / (h w)                            (as Gatys' own notebook; the paper has no 1 / (h w))
    S_l(x)      = mean (G_l(x) - G_l(s))^2 / mean G_l(s)^2     statistic ``gram``
    S_l(x)      = 1/2 of the same for the covariance G_l - mu mu^T, 1/2 for the channel means mu_l     ``moments``
    style       = mean over the style layers of S_l
    content     = mean over the content layers of mean (phi_l(x) - phi_l(c))^2 / mean phi_l(c)^2
    tv          = (mean (d_x x)^2 + mean (d_y x)^2) / the same of c

Each term is divided by its target's own mean square, so 1 means "as far away as a blank" for every backbone and layer
and the same weights press alike everywhere (specs/style_transfer.md section 1c, ``meng2023-relative``;
layer normalisation after He, Wang & Hopcroft 2016, arXiv 1606.04801).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from generation.core.backbones import Extractor, Features

_FLOOR = 1e-8  # a black picture has targets of zero


class _Moments(torch.autograd.Function):
    """Gram matrix and channel means in one function: a single product in the backward pass instead of two, and no
    centred copy of the features in memory."""

    @staticmethod
    def forward(ctx: FunctionCtx, features: Tensor) -> tuple[Tensor, Tensor]:
        # Positions x channels is how channels_last features lie in memory: a view, not a copy.
        flat = features.permute(0, 2, 3, 1).flatten(1, 2)
        ctx.save_for_backward(flat)
        ctx.shape = features.shape  # type: ignore[attr-defined]
        return flat.transpose(1, 2) @ flat / flat.shape[1], flat.mean(1)

    @staticmethod
    def backward(ctx: Any, gram_gradient: Tensor, mean_gradient: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        both = (gram_gradient + gram_gradient.transpose(1, 2)) / flat.shape[1]
        gradient = torch.baddbmm((mean_gradient / flat.shape[1]).unsqueeze(1), flat, both)
        _, channels, height, width = ctx.shape
        return gradient.view(-1, height, width, channels).permute(0, 3, 1, 2)


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Gram matrices (N x C x C, over the number of positions) and channel means (N x C) of N x C x h x w features."""
    result: tuple[Tensor, Tensor] = _Moments.apply(features)
    return result


def relative(value: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of each sample to the one target, over the target's mean square: (N,)."""
    return (value - target).square().flatten(1).mean(1) / target.square().mean().clamp_min(_FLOOR)


def roughness(images: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels, horizontal plus vertical: (N,)."""
    across = (images[..., :, 1:] - images[..., :, :-1]).square().flatten(1).mean(1)
    down = (images[..., 1:, :] - images[..., :-1, :]).square().flatten(1).mean(1)
    return across + down


@dataclass(frozen=True)
class Terms:
    """Raw losses of a batch: ``style``, ``content``, ``tv`` (N,); ``layers`` (N x number of style layers)."""

    style: Tensor
    content: Tensor
    tv: Tensor
    layers: Tensor


class StyleLoss:
    """The raw losses against one content and one style picture; the targets are computed once."""

    def __init__(
        self,
        extractor: Extractor,
        content: Tensor,
        style: Tensor,
        *,
        style_layers: Sequence[str],
        content_layers: Sequence[str],
        statistic: str,
    ) -> None:
        """``content`` and ``style``: 1 x 3 x H x W in [0, 1]; ``statistic``: ``gram`` or ``moments``."""
        self.extractor = extractor
        self.style_layers, self.content_layers, self.statistic = tuple(style_layers), tuple(content_layers), statistic
        # Not inference_mode: its tensors cannot be saved for backward.
        with torch.no_grad():
            style_features, content_features = extractor(style), extractor(content)
            self._style = {layer: self._statistics(style_features[layer]) for layer in self.style_layers}
            self._content = {layer: content_features[layer] for layer in self.content_layers}
            self._roughness = roughness(content).clamp_min(_FLOOR)

    def __call__(self, images: Tensor) -> Terms:
        """Raw losses of ``images`` (N x 3 x H x W in [0, 1], of the content's size)."""
        features = self.extractor(images)
        layers = torch.stack([self._style_layer(features, layer) for layer in self.style_layers], dim=1)
        content = [relative(features[layer], self._content[layer]) for layer in self.content_layers]
        return Terms(
            style=layers.mean(1),
            content=torch.stack(content, dim=1).mean(1),
            tv=roughness(images) / self._roughness,
            layers=layers,
        )

    def _statistics(self, features: Tensor) -> tuple[Tensor, ...]:
        gram, mean = moments(features)
        if self.statistic == "gram":
            return (gram,)
        return gram - mean.unsqueeze(2) * mean.unsqueeze(1), mean

    def _style_layer(self, features: Features, layer: str) -> Tensor:
        pairs = zip(self._statistics(features[layer]), self._style[layer], strict=True)
        return torch.stack([relative(value, target) for value, target in pairs], dim=1).mean(1)
