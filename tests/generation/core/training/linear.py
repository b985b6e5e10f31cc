"""The smallest trainee: a linear regression, with all that could make a resumed training differ.

That is dropout, batch norm, moments, a rate that decays and batches in an order of their own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim

from generation.core.protocols import Say
from generation.core.spec import Params
from generation.core.train_spec import TrainResult, TrainSpec
from generation.core.training import Tell, TellEvaluating, run
from generation.core.training.checkpoint import Form, Said, read, write
from generation.core.training.order import Order, Plan
from generation.core.training.schedule import decay_factor, is_hopeless

FORM = Form("test line 1", "a line")
CPU = torch.device("cpu")
COUNT, INPUTS = 24, 3

Make = Callable[[Iterable[nn.Parameter], float], optim.Optimizer]

#: The ten of Geng et al., and one whose rate is a tensor.
OPTIMIZERS: Mapping[str, Make] = {
    "sgd": lambda p, lr: optim.SGD(p, lr),
    "nesterov": lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True),
    "adagrad": lambda p, lr: optim.Adagrad(p, lr),
    "adadelta": lambda p, lr: optim.Adadelta(p, lr),
    "rprop": lambda p, lr: optim.Rprop(p, lr),
    "rmsprop": lambda p, lr: optim.RMSprop(p, lr, momentum=0.5),
    "adam": lambda p, lr: optim.Adam(p, lr),
    "amsgrad": lambda p, lr: optim.Adam(p, lr, amsgrad=True),
    "nadam": lambda p, lr: optim.NAdam(p, lr),
    "lbfgs": lambda p, lr: optim.LBFGS(p, lr, max_iter=2, history_size=3),
    "adam with its rate as a tensor": lambda p, lr: optim.Adam(p, torch.tensor(lr), fused=True),
}


def line_spec(**params: Any) -> TrainSpec:
    """A training of a second at most; tests name what they change."""
    course: dict[str, Any] = {"epochs": 4, "batch": 7, "decay": "linear", "give_up": 0.0}
    how: dict[str, Any] = {"optimizer": "adam", "rate": 0.05, "strong_wolfe": False, "dropout": 0.3}
    return TrainSpec("line", "line", {**course, **how, **params}, 0, "d" * 64)


def data(seed: int) -> tuple[Tensor, Tensor]:
    """COUNT x INPUTS and COUNT x 1: a line with a little noise."""
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(COUNT, INPUTS, generator=draw)
    line = torch.tensor([[1.0], [-2.0], [0.5]])
    return inputs, inputs @ line + 3.0 + 0.1 * torch.randn(COUNT, 1, generator=draw)


def networks(dropout: float = 0.0) -> dict[str, nn.Module]:
    """A batch norm with dropout, and the line."""
    return {"norm.": nn.Sequential(nn.BatchNorm1d(INPUTS), nn.Dropout(dropout)), "line.": nn.Linear(INPUTS, 1)}


class Line:
    """A ``Trainee``: mean squared error ``loss``, and ``val_loss`` on other data."""

    names: tuple[str, ...] = ("loss", "val_loss")

    def __init__(self, spec: TrainSpec) -> None:
        self.spec, params = spec, spec.params
        self.epochs = int(params["epochs"])
        self._plan = Plan.of(COUNT, int(params["batch"]), 2)
        self.steps = len(self._plan.sizes)
        with torch.random.fork_rng([]):
            torch.manual_seed(spec.seed)
            self.networks = networks(float(params["dropout"]))
        weights = [weight for network in self.networks.values() for weight in network.parameters()]
        self._rate = float(params["rate"])
        self.optimizer = OPTIMIZERS[str(params["optimizer"])](weights, self._rate)
        if params["strong_wolfe"]:
            self.optimizer = optim.LBFGS(weights, self._rate, line_search_fn="strong_wolfe")
        self.optimizers = {"one for both": self.optimizer}
        self._train, self._validation = data(1), data(2)
        self.baselines = {"nothing_loss": float(self._train[1].square().mean())}
        self.notes: list[str] = []

    def epoch(self, number: int, tell: Tell) -> Tensor:
        """See ``Trainee``."""
        rate = self._rate * decay_factor(str(self.spec.params["decay"]), number, self.epochs)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        rows = Order.of(COUNT, self.spec.seed, number, shuffle=True, flip=False, device=CPU).rows
        sums, start = torch.zeros(1, dtype=torch.float64), 0
        for done, size in enumerate(self._plan.sizes, start=1):
            sums += self._step(rows[start : start + size]) * size
            start += size
            tell(done)
        return sums / start

    def _step(self, rows: Tensor) -> float:
        inputs, wanted = (part[rows] for part in self._train)

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            loss = self._loss(inputs, wanted)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        loss: Tensor = self.optimizer.step(closure)  # type: ignore[arg-type, assignment]
        return float(loss.detach())

    def _loss(self, inputs: Tensor, wanted: Tensor) -> Tensor:
        return nn.functional.mse_loss(self.networks["line."](self.networks["norm."](inputs)), wanted)

    def evaluate(self, tell: TellEvaluating) -> Tensor:
        """See ``Trainee``."""
        tell()
        return self._loss(*self._validation).double()[None]

    def checkpoint(self, epoch: int, losses: Mapping[str, float]) -> bytes:
        """See ``Trainee``."""
        return write(FORM, self.networks, Said(self.spec.params, self.spec.digest, epoch, losses))

    def hopeless(self, epoch: int, last: Mapping[str, float]) -> str:
        """See ``Trainee``."""
        factor, nothing = float(self.spec.params["give_up"]), self.baselines["nothing_loss"]
        return "No line comes of it." if is_hopeless(factor, epoch, self.epochs, last["loss"], nothing) else ""

    def words(self, last: Mapping[str, float]) -> str:
        """See ``Trainee``."""
        return f"loss {last['loss']:.2f}"

    def provenance(self) -> dict[str, Any]:
        """See ``Trainee``."""
        return {"batches_per_epoch": self.steps}


def train(
    spec: TrainSpec, _data: Mapping[str, bytes], save_at: Sequence[int], engine: Params, say: Say, scratch: Path | None
) -> TrainResult:
    """The training of a :class:`Line`, as a ``Trainer`` names one."""
    return run(Line(spec), spec, save_at, engine, say, scratch)


def read_line(data: bytes) -> tuple[dict[str, nn.Module], Said]:
    """What a checkpoint of a :class:`Line` holds."""
    return read(FORM, data, lambda params: networks(float(params["dropout"])))
