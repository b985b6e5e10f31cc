"""The networks that a condition's parameters ask for, and what a step of training them costs.

Of ``params`` (the complete parameters of a ``colorizer``) these matter here: ``model``, ``layers``, ``width``,
``train_size``, ``init``, ``init_gain``; for the cost nothing else does either.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from generation.core.colorization import bins, layers, losses
from generation.core.colorization.initialise import initialise
from generation.core.colorization.patchgan import PatchGan
from generation.core.colorization.unet import UNet
from generation.core.colorization.zhang import Zhang, ZhangClass
from generation.core.spec import Params

Generator = UNet | Zhang | ZhangClass


def check(params: Params) -> None:
    """Raise ``ValueError`` with a sentence when no network answers to the parameters."""
    layers.check_side(str(params["model"]), str(params["layers"]), int(params["train_size"]))
    if int(params["width"]) < 1:
        raise ValueError(f"A network of width {params['width']} has no channels. Take a width of at least 1.")


def generator(params: Params) -> Generator:
    """The generator of the parameters, with torch's own first values: :func:`networks` gives those of the condition.

    Takes ``l_unit`` (B x 1 x H x W, H = W = ``train_size``), gives ``net_out`` (B x 2 x H x W, ab / 110), for
    ``zhang_class`` logits (B x Q x H/4 x W/4); float32. Raises ``ValueError`` as :func:`check` does.
    """
    check(params)
    model, text, width = str(params["model"]), str(params["layers"]), int(params["width"])
    if model == "isola":
        return UNet(layers.n_down(text), width, int(params["train_size"]))
    if model == "zhang":
        return Zhang(width, layers.zhang_layers(text))
    classifier = ZhangClass(width, layers.zhang_layers(text), len(bins.centres()))
    classifier.set_classes(bins.centres())
    return classifier


def discriminator(params: Params) -> PatchGan:
    """The discriminator of the parameters, with torch's own first values: concat[l_unit, ab_unit] to logits."""
    return PatchGan(int(params["width"]))


def networks(params: Params, seed: int) -> tuple[Generator, PatchGan | None]:
    """Generator and discriminator (none for ``zhang_class``) with the first weights of the condition, on the CPU.

    The same for the same ``seed`` whatever device trains them; torch's global random numbers are neither used nor
    moved. The discriminator is drawn first, so that it is the same one beside every generator of its width.
    """
    draw = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        made_g = generator(params)
        made_d = None if isinstance(made_g, ZhangClass) else discriminator(params)
    for network in (made_d, made_g):
        if network is not None:
            network.to_empty(device="cpu")
            initialise(network, str(params["init"]), float(params["init_gain"]), draw)
    if isinstance(made_g, ZhangClass):
        made_g.set_classes(bins.centres())
    return made_g, made_d


def flops(params: Params) -> float:
    """FLOP (2 x multiply-add) of one training step per picture, forwards and backwards, of both networks.

    The discriminator's step sees the real and the fake; the generator's step goes through the discriminator but not
    into its weights.
    """
    check(params)
    return _flops(str(params["model"]), str(params["layers"]), int(params["width"]), int(params["train_size"]))


@lru_cache(maxsize=256)
def _flops(model: str, text: str, width: int, side: int) -> float:
    params: Params = {"model": model, "layers": text, "width": width, "train_size": side}
    pictures = 2  # batch norm over one picture of 1 x 1 is refused
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        g, d = generator(params), discriminator(params)
        l_unit = torch.empty(pictures, 1, side, side)
        out = g(l_unit)
        if isinstance(g, ZhangClass):
            torch.autograd.backward(out.mean())
        else:
            real = torch.empty(pictures, 2, side, side)
            fake, genuine = (d(torch.cat([l_unit, ab], dim=1)) for ab in (out.detach(), real))
            torch.autograd.backward(losses.discriminator_loss(fake, genuine, "vanilla"))
            d.requires_grad_(False)
            torch.autograd.backward(d(torch.cat([l_unit, out], dim=1)).mean())
    return float(counter.get_total_flops()) / pictures
