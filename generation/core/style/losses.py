"""The losses of style transfer as per-sample numbers, raw: no weights of the condition in here.

Definition ``declared-1``. Let phi_l(x) be the features of layer l (C x h x w), c the content picture, s the style
picture, x the image, x and c of one size; w_l the weights of the style layers. What a number is, the
:class:`Objective` declares:

    statistic  gram       T_l(x) = phi phi^T / (h w)           (Gatys' own notebook; the paper has no 1 / (h w))
               gram_chw   T_l(x) = phi phi^T / (C h w)         (PyTorch's tutorial, Johnson et al. 2016)
               moments    the covariance G_l - mu mu^T and the channel means mu_l; S_l is half of each one's
    style form mean       S_l(x) = mean (T_l(x) - T_l(s))^2
               sum        S_l(x) = sum (T_l(x) - T_l(s))^2
               relative   S_l(x) = mean (T_l(x) - T_l(s))^2 / mean T_l(s)^2
               start      S_l(x) = mean (T_l(x) - T_l(s))^2 / sum_k w_k mean (T_k(c) - T_k(s))^2
    style      = style unit * sum over the style layers of w_l S_l
    content form mean, sum, half_sum ((phi(x) - phi(c))^2, Gatys et al. 2016 eq. 1), relative (mean over mean phi(c)^2)
    content    = content unit * mean over the content layers
    tv form    relative   (mean (d_x x)^2 + mean (d_y x)^2) / the same of c
               l2         mean (d_x x)^2 + mean (d_y x)^2
               l1_sum     sum |d_x x| + sum |d_y x|            (tf.image.total_variation)

``relative``: 1 means "as far away as a blank" for every backbone and layer, so the same weights press alike everywhere
(layer normalisation after He, Wang & Hopcroft 2016, arXiv 1606.04801). ``start``: 1 is the content picture itself
(specs/style_transfer.md section 1c, ``meng2023-relative``).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from generation.core.backbones import Extractor, Features

_FLOOR = 1e-8  # a black picture has targets of zero


@dataclass(frozen=True)
class Objective:
    """What the raw losses are; see the module. ``layer_weights``: one per style layer."""

    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    layer_weights: tuple[float, ...]
    statistic: str = "gram"
    style_form: str = "relative"
    content_form: str = "relative"
    tv_form: str = "relative"
    style_unit: float = 1.0
    content_unit: float = 1.0

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Objective:
        """The objective of a config (``style_transfer.features``), which says more than this."""
        of_config = {field.name: config[field.name] for field in fields(cls)}
        own: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in of_config.items()}
        return cls(**own)


def _wide(tensor: Tensor) -> Tensor:
    """bfloat16 as float32; wider numbers as they are."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


class _Moments(torch.autograd.Function):
    """Gram matrix and channel means in one function: a single product in the backward pass instead of two, and no
    centred copy of the features in memory. The answers are float32 whatever the features are."""

    @staticmethod
    def forward(ctx: FunctionCtx, features: Tensor) -> tuple[Tensor, Tensor]:
        # Positions x channels is how channels_last features lie in memory: a view, not a copy.
        flat = features.permute(0, 2, 3, 1).flatten(1, 2)
        ctx.save_for_backward(flat)
        ctx.shape = features.shape  # type: ignore[attr-defined]
        # A product of bfloat16 is added up in float32 and only its end is rounded.
        return _wide(flat.transpose(1, 2) @ flat) / flat.shape[1], _wide(flat).mean(1)

    @staticmethod
    def backward(ctx: Any, gram_gradient: Tensor, mean_gradient: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        both = ((gram_gradient + gram_gradient.transpose(1, 2)) / flat.shape[1]).to(flat.dtype)
        gradient = torch.baddbmm((mean_gradient / flat.shape[1]).unsqueeze(1).to(flat.dtype), flat, both)
        _, channels, height, width = ctx.shape
        return gradient.view(-1, height, width, channels).permute(0, 3, 1, 2)


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Gram matrices (N x C x C, over the number of positions) and channel means (N x C) of N x C x h x w features."""
    result: tuple[Tensor, Tensor] = _Moments.apply(features)
    return result


class Target:
    """What an image is held against, in one of the forms: ``distance`` is a factor times the sum of squares."""

    def __init__(self, value: Tensor, form: str) -> None:
        """``value``: 1 x ... for all samples, or N x ..., one for each; ``form``: mean, start (its mean), sum,
        half_sum or relative."""
        self.value = _wide(value)
        values = value[0].numel()
        if form == "relative":
            square = self.value.square().sum(dim=tuple(range(1, value.dim())))
            self.factor = 1.0 / square.clamp_min(_FLOOR * values)
        else:
            factor = {"sum": 1.0, "half_sum": 0.5}.get(form, 1.0 / values)
            self.factor = torch.tensor(factor, device=value.device)

    def distance(self, value: Tensor) -> Tensor:
        """Of each sample of ``value`` (N x ...): (N,)."""
        return (value - self.value).square().flatten(1).sum(1) * self.factor


def roughness(images: Tensor, form: str = "l2") -> Tensor:
    """Differences of neighbouring pixels, horizontal plus vertical, squared and averaged or (l1_sum) added up: (N,)."""
    across, down = images[..., :, 1:] - images[..., :, :-1], images[..., 1:, :] - images[..., :-1, :]
    if form == "l1_sum":
        return across.abs().flatten(1).sum(1) + down.abs().flatten(1).sum(1)
    return across.square().flatten(1).mean(1) + down.square().flatten(1).mean(1)


@dataclass(frozen=True)
class Terms:
    """Raw losses of a batch: ``style``, ``content``, ``tv`` (N,); ``layers``: S_l (N x number of style layers)."""

    style: Tensor
    content: Tensor
    tv: Tensor
    layers: Tensor


class StyleLoss:
    """The raw losses against content and style pictures; the targets are computed once."""

    def __init__(self, extractor: Extractor, content: Tensor, style: Tensor, objective: Objective) -> None:
        """``content`` and ``style``: 1 x 3 x H x W in [0, 1] for all samples, or one for each (N x 3 x H x W)."""
        self.extractor, self.objective = extractor, objective
        self._weights = torch.tensor(objective.layer_weights, device=content.device)
        # Not inference_mode: its tensors cannot be saved for backward.
        with torch.no_grad():
            self._imitate(style)
            self._hold_against(content)

    def against(self, content: Tensor, style: Tensor | None = None) -> StyleLoss:
        """The losses against other content pictures and the same or other style pictures (as in ``__init__``)."""
        other = copy(self)
        with torch.no_grad():
            if style is not None:
                other._imitate(style)
            other._hold_against(content)
        return other

    def _imitate(self, style: Tensor) -> None:
        objective, features = self.objective, self.extractor(style)
        self._style = {
            layer: [Target(value, objective.style_form) for value in self._statistics(features[layer])]
            for layer in objective.style_layers
        }

    def _hold_against(self, content: Tensor) -> None:
        objective, features = self.objective, self.extractor(content)
        self._content = {n: Target(features[n], objective.content_form) for n in objective.content_layers}
        self._roughness = roughness(content).clamp_min(_FLOOR)
        self._start = torch.ones(1, device=content.device)
        if objective.style_form == "start":
            self._start = (self._layers(features) * self._weights).sum(1).clamp_min(_FLOOR)

    def __call__(self, images: Tensor) -> Terms:
        """Raw losses of ``images`` (N x 3 x H x W in [0, 1], of the content's size)."""
        this, features = self.objective, self.extractor(images)
        layers = self._layers(features) / self._start[:, None]
        content = [target.distance(features[name]) for name, target in self._content.items()]
        tv = roughness(images, this.tv_form)
        return Terms(
            style=(layers * self._weights).sum(1) * this.style_unit,
            content=torch.stack(content, dim=1).mean(1) * this.content_unit,
            tv=tv / self._roughness if this.tv_form == "relative" else tv,
            layers=layers,
        )

    def _layers(self, features: Features) -> Tensor:
        return torch.stack([self._style_layer(features[layer], layer) for layer in self.objective.style_layers], dim=1)

    def _statistics(self, features: Tensor) -> tuple[Tensor, ...]:
        gram, mean = moments(features)
        if self.objective.statistic == "moments":
            return gram - mean.unsqueeze(2) * mean.unsqueeze(1), mean
        return (gram / features.shape[1] if self.objective.statistic == "gram_chw" else gram,)

    def _style_layer(self, features: Tensor, layer: str) -> Tensor:
        pairs = zip(self._statistics(features), self._style[layer], strict=True)
        return torch.stack([target.distance(value) for value, target in pairs], dim=1).mean(1)
