"""How long trainings take on this machine: a step of each kind of network is tried, and the rest is in proportion."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from generation.core.backbones import pick_device
from generation.core.segmentation.losses import Form, losses
from generation.core.segmentation.network import drawn
from generation.core.segmentation.task import FULL_BATCH
from generation.core.spec import Params

#: What settling the batch norms after an epoch costs, in trainings of the same pictures: a way forwards.
_SETTLING = 1 / 3


def seconds(trainings: Sequence[tuple[Params, float]], _engine: Params) -> list[float]:
    """Signature of ``core.train.Foretell``: seconds of each training on the device that training would use.

    The machine is taken to stay as busy as it is now: an order of magnitude.
    """
    per_picture: dict[tuple[object, ...], float] = {}
    found = []
    for params, pictures in trainings:
        kind = tuple(params[name] for name in ("levels", "width", "train_size", "batch"))
        if kind not in per_picture:
            per_picture[kind] = _seconds_of_a_picture(params)
        shown = int(params["full_batch_steps"]) if params["optimizer"] in FULL_BATCH else 1
        found.append(int(params["epochs"]) * pictures * (shown + _SETTLING) * per_picture[kind])
    return found


def _seconds_of_a_picture(params: Params) -> float:
    device, side = pick_device(), int(params["train_size"])
    network = drawn(params, seed=0).to(device).train()
    tried = min(int(params["batch"]), 8)
    grey = torch.zeros(tried, 1, side, side, device=device)
    started = 0.0
    for attempt in range(2):  # the first one allocates
        started = time.perf_counter() if attempt else started
        loss = losses(network(grey), grey, Form.of(params))["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        loss.item()  # waits for the device
    return (time.perf_counter() - started) / tried
