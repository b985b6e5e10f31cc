"""Training of a segmenter: pictures with masks and parameters in, checkpoints and losses out. No database.

What decides a training is its spec alone. The first weights are the same for every optimiser, and so is the order in
which each epoch shows the pictures; optimisers that take full batches see all of them in each step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim

from generation.core import optimizer_table, optimizers, photographs
from generation.core.backbones import pick_device
from generation.core.photographs import Photographs, PhotographsError
from generation.core.protocols import Say
from generation.core.segmentation import checkpoint
from generation.core.segmentation.losses import Form, losses
from generation.core.segmentation.network import Segmenter, drawn, settle, unit
from generation.core.segmentation.task import FULL_BATCH
from generation.core.spec import Params
from generation.core.train_spec import TrainResult, TrainSpec
from generation.core.training import Tell, TellEvaluating, run
from generation.core.training.order import Order, Plan
from generation.core.training.pictures import Pictures
from generation.core.training.schedule import decay_factor

#: Pictures at a time where no gradients are wanted.
EVALUATION_BATCH = 32
_NAMES = ("dice", "focal", "loss", "iou")

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def train(
    spec: TrainSpec,
    data: Mapping[str, bytes],
    save_at: Sequence[int],
    engine: Params,
    say: Say,
    scratch: Path | None,
) -> TrainResult:
    """Train the network of ``spec`` on a pack of pictures with masks: signature of ``core.protocols.Train``.

    ``engine``: ``dtype`` is the type the network computes in (float32 or bfloat16). Raises ``ValueError`` with a
    sentence for what cannot be trained.
    """
    started = time.perf_counter()
    trainee = Segmenting(spec, photographs.read(data[spec.data]), str(engine.get("dtype", "float32")))
    return run(trainee, spec, save_at, engine, say, scratch, started=started)


class Segmenting:
    """A segmenter with its optimiser and its pictures: a ``core.training.Trainee``."""

    names = (*_NAMES, *(f"val_{name}" for name in _NAMES))

    def __init__(self, spec: TrainSpec, pack: Photographs, dtype: str = "float32") -> None:
        if dtype not in DTYPES:
            raise ValueError(f"A segmenter is trained in {' or '.join(DTYPES)}, not in {dtype}.")
        params, side = spec.params, int(spec.params["train_size"])
        _check(pack, side)
        self._spec, self._params = spec, params
        self._device = pick_device()
        self._half = dtype != "float32"
        self._train = _Pairs(pack.train, pack.train_masks, self._device)
        self._validation = _Pairs(pack.validation, pack.validation_masks, self._device)
        self._plan = Plan.of(len(self._train), int(params["batch"]), 1)
        self._form = Form.of(params)
        self._network = drawn(params, spec.seed).to(self._device)
        self._optimizer = open_optimizer(self._network, params)
        self._full = params["optimizer"] in FULL_BATCH
        self.epochs = int(params["epochs"])
        self.steps = int(params["full_batch_steps"]) if self._full else len(self._plan.sizes)
        self.networks: Mapping[str, nn.Module] = {"segmenter": self._network}
        self.optimizers: Mapping[str, optim.Optimizer] = {"segmenter": self._optimizer}
        self.baselines = self._nothing()
        self.notes: Sequence[str] = ()

    def epoch(self, number: int, tell: Tell) -> Tensor:
        """See ``Trainee``. Of full batches the means are over the steps of the epoch, each before its change."""
        for group in self._optimizer.param_groups:
            group["lr"] = float(self._params["learning_rate"]) * decay_factor(
                str(self._params["decay"]), number, self.epochs
            )
        order = Order.of(
            len(self._train),
            self._spec.seed,
            number,
            # All pictures are seen at once, in the same order and way each time.
            bool(self._params["shuffle"]) and not self._full,
            bool(self._params["flip"]) and not self._full,
            self._device,
        )
        sums = torch.zeros(len(_NAMES), dtype=torch.float64, device=self._device)
        shown = 0
        batches = list(self._batches(order))
        if self._full:
            for step in range(self.steps):
                sums += self._step(batches)
                shown += sum(len(rows) for rows, _ in batches)
                tell(step + 1)
        else:
            for step, batch in enumerate(batches):
                sums += self._step([batch])
                shown += len(batch[0])
                tell(step + 1)
        # Flipped and in another order the statistics would be those of this epoch; these are those of the pictures.
        settle(self._network, (grey for grey, _ in self._train.in_order(max(self._plan.sizes))))
        return sums / shown

    def evaluate(self, tell: TellEvaluating) -> Tensor:
        """See ``Trainee``."""
        sums = torch.zeros(len(_NAMES), dtype=torch.float64, device=self._device)
        for grey, mask in self._validation.in_order(EVALUATION_BATCH):
            sums += self._numbers(self._logits(grey), mask) * len(grey)
            tell()
        return sums / len(self._validation)

    def checkpoint(self, epoch: int, losses: Mapping[str, float]) -> bytes:
        """See ``Trainee``."""
        return checkpoint.write(self._network, self._params, self._spec.digest, epoch, losses)

    def hopeless(self, epoch: int, last: Mapping[str, float]) -> str:
        """Never: an optimiser that does not get anywhere is what the comparison is about."""
        return ""

    def words(self, last: Mapping[str, float]) -> str:
        """See ``Trainee``."""
        return f"loss {last['loss']:.3f} (IoU {last['val_iou']:.2f})"

    def provenance(self) -> Mapping[str, Any]:
        """See ``Trainee``."""
        return {
            "batches_per_epoch": len(self._plan.sizes),
            "full_batches": self._full,
            "steps_per_epoch": self.steps,
            "photographs": {"train": len(self._train), "validation": len(self._validation)},
            "defect_share": {"train": self._train.share(), "validation": self._validation.share()},
        }

    def _batches(self, order: Order) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows and flips of each batch."""
        sizes = list(self._plan.sizes)
        yield from zip(torch.split(order.rows, sizes), torch.split(order.flipped, sizes), strict=True)

    def _step(self, batches: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """One step on all of ``batches`` together; the sums of their numbers before it.

        Each batch goes through the network by itself, so that a full batch needs no more memory than a small one, and
        batch norm sees as many pictures at a time whatever the optimiser.
        """
        count = sum(len(rows) for rows, _ in batches)
        numbers = torch.zeros(len(_NAMES), dtype=torch.float64, device=self._device)

        def closure() -> float:
            self._optimizer.zero_grad(set_to_none=True)
            numbers.zero_()
            for rows, flipped in batches:
                grey, mask = self._train.batch(rows, flipped)
                logits = self._logits(grey)
                loss = losses(logits, mask, self._form)["loss"] * (len(rows) / count)
                loss.backward()  # type: ignore[no-untyped-call]
                numbers.add_(self._numbers(logits.detach(), mask), alpha=len(rows))
            return float(numbers[_NAMES.index("loss")] / count)

        self._optimizer.step(closure)
        return numbers

    def _logits(self, grey: Tensor) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            logits: Tensor = self._network(grey)
        return logits

    @torch.no_grad()
    def _numbers(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Means over the pictures of a batch, named :data:`_NAMES`; float64."""
        found = losses(logits, mask, self._form)
        values = [found["dice"], found["focal"], found["loss"], mean_iou(logits > 0, mask > 0.5)]
        return torch.stack([value.double() for value in values])

    def _nothing(self) -> dict[str, float]:
        """What marking nothing, and marking everything, would score on the pictures kept apart.

        Probabilities of 0 and 1 would have an infinite focal loss: the IoU says it as well.
        """
        sums = torch.zeros(2, dtype=torch.float64)
        for _, mask in self._validation.in_order(EVALUATION_BATCH):
            true = mask > 0.5
            for place, marked in enumerate((torch.zeros_like(true), torch.ones_like(true))):
                sums[place] += float(mean_iou(marked, true)) * len(mask)
        nothing, everything = (sums / len(self._validation)).tolist()
        return {"nothing_val_iou": nothing, "everything_val_iou": everything}


def mean_iou(marked: Tensor, true: Tensor) -> Tensor:
    """Mean over the pictures (B x 1 x H x W, bool) of intersection over union; 1 where both are empty."""
    both, either = ((op(marked, true)).flatten(1).sum(dim=1) for op in (torch.logical_and, torch.logical_or))
    return torch.where(either > 0, both / either.clamp(min=1), 1.0).mean()


def open_optimizer(network: Segmenter, params: Params) -> optim.Optimizer:
    """The optimiser of the parameters over the weights of ``network``."""
    options = optimizer_table.read_options(str(params["optimizer_options"]))
    return optimizers.for_weights(
        str(params["optimizer"]), network.parameters(), float(params["learning_rate"]), options
    )


class _Pairs:
    """Pictures and their masks on a device, shown together."""

    def __init__(self, pictures: Any, masks: Any, device: torch.device) -> None:
        self._pictures, self._masks = Pictures(pictures, device), Pictures(masks, device)

    def __len__(self) -> int:
        return len(self._pictures)

    def batch(self, rows: Tensor, flipped: Tensor) -> tuple[Tensor, Tensor]:
        """What the network sees (``network.unit``) and the mask (float32, 0 or 1), both B x 1 x S x S."""
        return unit(self._pictures.batch(rows, flipped)), self._masks.batch(rows, flipped).float()

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All of them as they are, ``size`` at a time."""
        for rgb, mask in zip(self._pictures.in_order(size), self._masks.in_order(size), strict=True):
            yield unit(rgb), mask.float()

    def share(self) -> float:
        """The share of all pixels that is defect."""
        return sum(float(mask.float().sum()) for mask in self._masks.in_order(EVALUATION_BATCH)) / sum(
            mask.numel() for mask in self._masks.in_order(EVALUATION_BATCH)
        )


def _check(pack: Photographs, side: int) -> None:
    if pack.train.shape[1] != side:
        raise PhotographsError(
            f"The pack holds pictures of {pack.train.shape[1]} px, and the training is of {side} px. "
            "Pack the folder again at that side."
        )
    if pack.train_masks is None or pack.validation_masks is None:
        raise PhotographsError(
            'The pack holds no masks, and a segmenter learns from them. Name their folder: masks = "...".'
        )
