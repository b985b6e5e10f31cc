"""How long trainings take on this machine: a step of each kind of network and loss is tried."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from generation.core import weights
from generation.core.backbones import pick_device
from generation.core.feedforward import build
from generation.core.optimizer_table import read_options
from generation.core.optimizers import for_weights
from generation.core.spec import Params, canonical_json
from generation.core.style.renderer import style_loss
from generation.core.style_objective import features, networks

#: What a step costs beside the size of its batch; each kind is tried once.
_KIND = ("width", "blocks", "train_size", "bottleneck", "predictor_width", "optimizer")
#: Pictures of a batch that are tried at most: the cost of one is taken to be the same in a larger one.
TRIED = 4


def seconds(trainings: Sequence[tuple[Params, float]], engine: Params) -> list[float]:
    """Signature of ``core.train.Foretell``: seconds of each training on the device that training would use.

    The machine is taken to be as busy as it is now: an order of magnitude.
    """
    per_picture: dict[str, float] = {}
    found = []
    for params, pictures in trainings:
        kind = canonical_json([[params.get(name) for name in _KIND], features(params)])
        if kind not in per_picture:
            per_picture[kind] = _tried(params, str(engine.get("dtype", "float32")))
        found.append(int(params["epochs"]) * pictures * per_picture[kind])
    return found


def _tried(params: Params, dtype: str) -> float:
    """Seconds of a step per picture."""
    device, side = pick_device(), int(params["train_size"])
    styler = build.first(params, seed=0).to(device)
    ((network, layers),) = networks(params).items()
    count = min(TRIED, int(params["batch"]))
    given = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    loss = style_loss(features(params), weights.find(network, None, layers), given[:1], given[:1], dtype)
    options = read_options(str(params["optimizer_options"]))
    optimizer = for_weights(str(params["optimizer"]), styler.parameters(), float(params["learning_rate"]), options)

    def step() -> None:
        of_batch = loss.against(given, given if "bottleneck" in params else None)

        def closure() -> Tensor:
            optimizer.zero_grad(set_to_none=True)
            terms = of_batch(styler(given, given))
            total = (terms.style + terms.content).mean()
            total.backward()  # type: ignore[no-untyped-call]
            return total.detach()

        float(optimizer.step(closure))  # type: ignore[arg-type]  # waits for the device

    step()  # the first one allocates
    started = time.perf_counter()
    step()
    return (time.perf_counter() - started) / count
