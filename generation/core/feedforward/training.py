"""Training of a style network: photographs, a style or many, and parameters in; checkpoints and losses out.

What is minimised are the declared losses of ``core.style.losses`` with the weights of the condition, on average over
the photographs of a batch. A training is decided by its spec alone and can be killed at any time: see
``core.training``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn, optim

from generation.core import images, photographs, weights
from generation.core.backbones import pick_device
from generation.core.feedforward import build
from generation.core.images import Image
from generation.core.optimizer_table import read_options
from generation.core.optimizers import for_weights
from generation.core.photographs import PhotographsError
from generation.core.protocols import Say
from generation.core.spec import Params
from generation.core.style.losses import StyleLoss, Terms
from generation.core.style.pictures import longest, scaled
from generation.core.style.renderer import DTYPES, style_loss
from generation.core.style_objective import WEIGHTS, features, network_name
from generation.core.train_spec import TrainResult, TrainSpec
from generation.core.training import Tell, TellEvaluating, run
from generation.core.training.checkpoint import Said
from generation.core.training.order import Order, Plan, seed_of
from generation.core.training.pictures import Pictures
from generation.core.training.schedule import decay_factor
from generation.core.weights import RANDOM_SHALLOW

#: Pictures at a time where no gradients are wanted.
EVALUATION_BATCH = 8
#: random-shallow normalises its channels on this many photographs, evenly spaced over the pack, one below the other.
NORMALISED_ON = 8


def train(
    spec: TrainSpec,
    data: Mapping[str, bytes],
    save_at: Sequence[int],
    engine: Params,
    say: Say,
    scratch: Path | None,
) -> TrainResult:
    """Train the network of ``spec``: signature of ``core.protocols.Train``.

    ``data`` holds the pack of photographs and, under ``spec.style``, the style picture or the pack of them. ``engine``:
    ``dtype`` is the type in which networks and losses are computed (float32 or bfloat16). Raises ``ValueError`` with a
    sentence for what cannot be trained.
    """
    started = time.perf_counter()
    try:
        trainee = Painter(spec, data, engine)
    except (images.ImageError, weights.WeightsError) as error:
        raise ValueError(str(error)) from error
    return run(trainee, spec, save_at, engine, say, scratch, started=started)


class Painter:
    """The networks of one condition on their way: a ``core.training.Trainee``."""

    baselines: Mapping[str, float]

    def __init__(self, spec: TrainSpec, data: Mapping[str, bytes], engine: Params) -> None:
        params = spec.params
        dtype = str(engine.get("dtype", "float32"))
        if dtype not in DTYPES:
            raise ValueError(f"A style network is trained in {' or '.join(DTYPES)}, not in {dtype}.")
        self._spec, self._params = spec, params
        self.epochs, self.notes = int(params["epochs"]), ()
        self._device = pick_device()
        pack = _pack(data[spec.data], int(params["train_size"]), "photographs")
        self._train, self._validation = (Pictures(part, self._device) for part in (pack.train, pack.validation))
        self._plan = Plan.of(len(self._train), int(params["batch"]), 1)
        self._styles, self._other_styles = self._read_styles(data[spec.style])
        self._loss = self._open_loss(spec, pack.train, dtype)
        self._weights = torch.tensor([float(params[name]) for name in WEIGHTS], device=self._device)
        self._autocast = _autocast(self._device, DTYPES[dtype])

        self._networks = build.first(params, spec.seed).to(self._device)
        self.networks: Mapping[str, nn.Module] = {"networks": self._networks}
        name = str(params["optimizer"])
        if self._device.type == "cuda" and name != "lbfgs":  # which flattens its weights by a view
            self._networks.to(memory_format=torch.channels_last)
        options = read_options(str(params["optimizer_options"]))
        self._optimizer = for_weights(name, self._networks.parameters(), float(params["learning_rate"]), options)
        self.optimizers: Mapping[str, optim.Optimizer] = {"optimizer": self._optimizer}
        layers = tuple(f"style_{layer}" for layer in features(params)["style_layers"])
        self._terms = ("total", "style", "content", "tv", *layers)
        self.baselines = self._of_the_photographs()

    @property
    def steps(self) -> int:
        """See ``Trainee``, as for all that follow."""
        return len(self._plan.sizes)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._terms, *(f"val_{name}" for name in self._terms))

    def epoch(self, number: int, tell: Tell) -> Tensor:
        params, seed = self._params, self._spec.seed
        rate = float(params["learning_rate"]) * decay_factor(str(params["decay"]), number, self.epochs)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        order = Order.of(len(self._train), seed, number, bool(params["shuffle"]), bool(params["flip"]), self._device)
        drawn = torch.Generator().manual_seed(seed_of(seed, number, "styles"))
        sums = torch.zeros(len(self._terms), dtype=torch.float64, device=self._device)
        start = 0
        for done, size in enumerate(self._plan.sizes):
            rows = slice(start, start + size)
            photographs = _floats(self._train.batch(order.rows[rows], order.flipped[rows]))
            styles = self._drawn_styles(size, drawn)
            sums += self._step(photographs, styles) * size
            start += size
            tell(done + 1)
        return sums / start

    def evaluate(self, tell: TellEvaluating) -> Tensor:
        return self._kept_apart(self._networks, tell)

    def checkpoint(self, epoch: int, losses: Mapping[str, float]) -> bytes:
        return build.checkpoint(
            self._spec.method, self._networks, Said(self._params, self._spec.digest, epoch, dict(losses))
        )

    def hopeless(self, epoch: int, last: Mapping[str, float]) -> str:
        return ""

    def words(self, last: Mapping[str, float]) -> str:
        return f"loss {last['total']:.4g} (style {last['style']:.3g}, content {last['content']:.3g})"

    def provenance(self) -> Mapping[str, Any]:
        network = network_name(self._params)
        return {
            "batches_per_epoch": len(self._plan.sizes),
            "photographs": {"train": len(self._train), "validation": len(self._validation)},
            "loss": features(self._params),
            "weights": {network: self._spec.weights.get(network, "")},
            **({"styles": _counts(self._styles, self._other_styles)} if self._styles is not None else {}),
        }

    def _step(self, photographs: Tensor, styles: Tensor | None) -> Tensor:
        """Change the networks by one batch; its numbers, taken before the change."""
        loss = self._loss.against(photographs, styles)
        numbers = torch.empty(0)

        def closure() -> Tensor:
            nonlocal numbers
            self._optimizer.zero_grad(set_to_none=True)
            terms = self._painted(self._networks, loss, photographs, styles)
            total = self._total(terms)
            total.backward()  # type: ignore[no-untyped-call]
            numbers = _numbers(total, terms)
            return total.detach()

        self._optimizer.step(closure)  # type: ignore[arg-type]
        return numbers

    def _painted(
        self, network: Callable[[Tensor, Tensor | None], Tensor], loss: StyleLoss, given: Tensor, styles: Tensor | None
    ) -> Terms:
        with self._autocast():
            made = network(given, styles)
        return loss(made.float())

    def _total(self, terms: Terms) -> Tensor:
        return (torch.stack([terms.style, terms.content, terms.tv], dim=1) * self._weights).sum(1).mean()

    def _kept_apart(self, network: Callable[[Tensor, Tensor | None], Tensor], tell: TellEvaluating) -> Tensor:
        """The numbers of ``network`` over the photographs kept apart, each with one of the styles kept apart."""
        sums = torch.zeros(len(self._terms), dtype=torch.float64, device=self._device)
        start = 0
        for planes in self._validation.in_order(EVALUATION_BATCH):
            given, size = _floats(planes), len(planes)
            styles = None
            if self._other_styles is not None:
                rows = torch.arange(start, start + size, device=self._device) % len(self._other_styles)
                styles = _floats(self._other_styles.batch(rows, torch.zeros_like(rows, dtype=torch.bool)))
            terms = self._painted(network, self._loss.against(given, styles), given, styles)
            sums += _numbers(self._total(terms), terms) * size
            start += size
            tell()
        return sums / start

    @torch.no_grad()
    def _of_the_photographs(self) -> dict[str, float]:
        """What a network would score that leaves photographs as they are."""
        found = self._kept_apart(lambda given, _: given, lambda: None).tolist()
        return {f"photograph_val_{name}": value for name, value in zip(self._terms, found, strict=True)}

    def _read_styles(self, data: bytes) -> tuple[Pictures | None, Pictures | None]:
        """The style pictures to train on and those kept apart; none where the network is for one style."""
        if self._spec.method == "feedforward":
            style, side = images.decode(data, "the style picture"), int(self._params["style_size"])
            shape = longest(style, side or int(self._params["train_size"]))
            self._style = scaled(style, shape, str(self._params["resize"]), self._device)
            return None, None
        pack = _pack(data, int(self._params["train_size"]), "style pictures")
        train, other = Pictures(pack.train, self._device), Pictures(pack.validation, self._device)
        self._style = _normalised_on(pack.train, self._device)
        return train, other

    def _open_loss(self, spec: TrainSpec, pictures: Image, dtype: str) -> StyleLoss:
        config, network = features(spec.params), network_name(spec.params)
        found = weights.find(network, spec.weights.get(network), [*config["style_layers"], *config["content_layers"]])
        some = pictures if found.network == RANDOM_SHALLOW else pictures[:1]  # nothing else looks at them
        return style_loss(config, found, _normalised_on(some, self._device), self._style, dtype)

    def _drawn_styles(self, size: int, drawn: torch.Generator) -> Tensor | None:
        if self._styles is None:
            return None
        rows = torch.randint(len(self._styles), (size,), generator=drawn).to(self._device)
        return _floats(self._styles.batch(rows, torch.zeros_like(rows, dtype=torch.bool)))


def _pack(data: bytes, side: int, what: str) -> photographs.Photographs:
    pack = photographs.read(data)
    if pack.train.shape[1] != side:
        raise PhotographsError(
            f"The pack holds {what} of {pack.train.shape[1]} px, and the training is of {side} px. "
            "Pack the folder again at that side."
        )
    return pack


def _normalised_on(pictures: Image, device: torch.device) -> Tensor:
    """Some of the pictures one below the other: 1 x 3 x (n S) x S in [0, 1]."""
    # From one end to the other: the first ones may all be cuts of one photograph.
    rows = np.linspace(0, len(pictures) - 1, min(NORMALISED_ON, len(pictures))).round().astype(int)
    some = torch.tensor(pictures[rows], device=device)
    return _floats(some.flatten(0, 1).permute(2, 0, 1)[None])


def _floats(planes: Tensor) -> Tensor:
    """uint8 as float32 in [0, 1], channels last as the feature networks want them."""
    return (planes.float() / 255.0).contiguous(memory_format=torch.channels_last)


def _numbers(total: Tensor, terms: Terms) -> Tensor:
    """Means over a batch: total, raw style, content and tv, and raw style of each layer."""
    raw = torch.stack([terms.style.mean(), terms.content.mean(), terms.tv.mean()])
    return torch.cat([total[None], raw, terms.layers.mean(0)]).detach()


def _counts(train: Pictures | None, other: Pictures | None) -> dict[str, int]:
    return {"train": len(train or ()), "validation": len(other or ())}


def _autocast(device: torch.device, dtype: torch.dtype) -> Callable[[], AbstractContextManager[None]]:
    return lambda: torch.autocast(device.type, torch.bfloat16, enabled=dtype != torch.float32)
