"""The networks of the tutorial in stock layers: a recursive U-Net with in-place activations, Zhang's, the PatchGAN.

Written from the papers' and the tutorial's descriptions. The arithmetic is that of our networks, whose first weights
they take over.
"""

import torch
from torch import Tensor, nn

from generation.core.colorization.build import Generator
from generation.core.colorization.patchgan import PatchGan
from generation.core.colorization.unet import UNet


class Level(nn.Module):
    """One level of the U-Net around the next one; ``hold`` keeps the size, for maps that are 1 x 1 already."""

    def __init__(self, into: int, out: int, inner: "Level | None", *, outermost: bool, hold: bool, drop: bool) -> None:
        super().__init__()
        kernel, stride = (3, 1) if hold else (4, 2)
        self.outermost = outermost
        self.down = nn.Conv2d(into, out, kernel, stride, 1, bias=False)
        below = out if inner is None else 2 * out
        self.up = nn.ConvTranspose2d(below, 2 if outermost else into, kernel, stride, 1, bias=outermost)
        self.inner = inner
        self.down_norm = None if outermost or inner is None else nn.BatchNorm2d(out)
        self.up_norm = None if outermost else nn.BatchNorm2d(into)
        layers: list[nn.Module] = [] if outermost else [nn.LeakyReLU(0.2, True)]
        layers += [self.down, *([self.down_norm] if self.down_norm else []), *([inner] if inner else [])]
        layers += [nn.ReLU(True), self.up, nn.Tanh() if self.up_norm is None else self.up_norm]
        self.model = nn.Sequential(*layers, *([nn.Dropout(0.5)] if drop else []))

    def forward(self, x: Tensor) -> Tensor:
        if self.outermost:
            answer: Tensor = self.model(x)
            return answer
        return torch.cat([x, self.model(x)], 1)


def recursive(like: UNet) -> Level:
    """The U-Net of the shape of ``like`` and with its weights."""
    innermost = len(like.down) - 1
    level: Level | None = None
    for number in range(innermost, -1, -1):
        down, dropped = like.down[number], isinstance(like.dropout[number], nn.Dropout)
        assert isinstance(down, nn.Conv2d)
        hold = down.stride == (1, 1)
        level = Level(down.in_channels, down.out_channels, level, outermost=number == 0, hold=hold, drop=dropped)
        pairs = (
            (level.down, down),
            (level.up, like.up[number]),
            (level.down_norm, like.down_norm[number]),
            (level.up_norm, like.up_norm[number]),
        )
        for own, other in pairs:
            if own is not None:
                own.load_state_dict(other.state_dict())
    assert level is not None
    return level


class Zhang(nn.Module):
    """Zhang's network without its blocks 5, 6 and 7, as a regression."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        into = 1
        for convolutions, stride, scale in ((2, 2, 1), (2, 2, 2), (3, 2, 4), (3, 1, 8)):
            for number in range(convolutions):
                last = number == convolutions - 1
                layers += [nn.Conv2d(into, scale * width, 3, stride if last else 1, 1), nn.ReLU(True)]
                into = scale * width
            layers.append(nn.BatchNorm2d(into))
        out = 4 * width
        layers += [nn.ConvTranspose2d(into, out, 4, 2, 1), nn.ReLU(True)]
        layers += [nn.Conv2d(out, out, 3, 1, 1), nn.ReLU(True), nn.Conv2d(out, out, 3, 1, 1), nn.ReLU(True)]
        layers += [nn.Conv2d(out, 313, 1), nn.Softmax(dim=1), nn.Conv2d(313, 2, 1, bias=False)]
        self.model = nn.Sequential(*layers, nn.Upsample(scale_factor=4, mode="bilinear"))

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.model(x)
        return answer


def patch_gan(width: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for into, out, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
        layers.append(nn.Conv2d(into * width, out * width, 4, stride, 1, bias=False))
        layers += [nn.BatchNorm2d(out * width), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


def stock(generator: Generator, discriminator: PatchGan, width: int) -> tuple[nn.Module, nn.Module]:
    """Both networks in stock layers, with the weights of ours."""
    made: nn.Module
    if isinstance(generator, UNet):
        made = recursive(generator)
    else:
        made = Zhang(width)
        _take_over(generator, made)
    judge = patch_gan(width)
    _take_over(discriminator, judge)
    return made, judge


def _take_over(ours: nn.Module, theirs: nn.Module) -> None:
    """Both list the same layers in the same order."""
    values = zip(theirs.state_dict(), ours.state_dict().values(), strict=True)
    theirs.load_state_dict({name: value.clone() for name, value in values})
