"""How long trainings take on this machine: a step of each kind of network is tried, the rest follows from its FLOP."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from generation.core.backbones import pick_device
from generation.core.colorization import build
from generation.core.colorization.step import open_step
from generation.core.spec import Params

#: A step is tried with as many pictures of its batch as cost about this many FLOP: small ones need company to show
#: their speed, of large ones two say enough (and every batch normalisation can take two).
FLOP_TRIED = 2e11


def seconds(trainings: Sequence[tuple[Params, float]], engine: Params) -> list[float]:
    """Signature of ``core.train.Foretell``: seconds of each training on the device that training would use.

    A picture is taken to cost the same in every batch, and the machine to be as busy as it is now: an order of
    magnitude.
    """
    speed: dict[tuple[object, ...], float] = {}
    found = []
    for params, pictures in trainings:
        kind = tuple(params[name] for name in ("model", "width", "train_size"))
        if kind not in speed:
            speed[kind] = _flop_per_second(params, str(engine.get("dtype", "float32")))
        found.append(int(params["epochs"]) * pictures * build.flops(params) / speed[kind])
    return found


def _flop_per_second(params: Params, dtype: str) -> float:
    device = pick_device()
    generator, discriminator = build.networks(params, seed=0)
    for network in (generator, discriminator):
        if network is not None:
            network.to(device).train()
    step = open_step(
        generator, discriminator, params, torch.tensor(float(params["learning_rate"]), device=device), dtype
    )
    side, flop = int(params["train_size"]), build.flops(params)
    tried = max(2, min(int(params["batch"]), round(FLOP_TRIED / flop)))
    l_unit = torch.zeros(tried, 1, side, side, device=device)
    ab_lab = torch.zeros(tried, 2, side, side, device=device)
    float(step.train(l_unit, ab_lab).sum())  # the first one allocates
    started = time.perf_counter()
    float(step.train(l_unit, ab_lab).sum())  # waits for the device
    return tried * flop / (time.perf_counter() - started)
