"""The loop over epochs with the smallest trainee: what comes back, what ends it, and what it says on the way."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from generation.core.train_spec import TrainResult
from generation.core.training import TellEvaluating, loop, run
from tests.generation.core.training.linear import Line, data, line_spec, read_line


def trained(line: Line, save_at=(), say=None, scratch: Path | None = None) -> TrainResult:
    return run(line, line.spec, save_at, {"dtype": "float32"}, say or (lambda *_: None), scratch)


def test_what_comes_back() -> None:
    said: list[tuple[int, int, str]] = []
    line = Line(line_spec())
    line.notes.append("A note of the trainee.")
    result = trained(line, (1, 9, 0), lambda *words: said.append(words))
    assert (result.status, result.final_reason, result.epochs, result.reason) == ("ok", "all epochs", 4, "")
    assert list(result.curve) == ["loss", "val_loss"]
    assert all(values.shape == (4,) and values.dtype == np.float64 for values in result.curve.values())
    assert result.losses == {name: values[-1] for name, values in result.curve.items()} | line.baselines
    assert list(result.checkpoints) == [1, 4]
    assert result.provenance == {"batches_per_epoch": 4, "resumed_from": [], "notes": ["A note of the trainee."]}
    json.dumps(result.provenance, allow_nan=False)
    networks, last = read_line(result.checkpoints[4])
    assert (last.epoch, last.training, last.losses) == (4, line.spec.digest, result.losses)
    inputs, wanted = data(2)
    with torch.no_grad():
        out = networks["line."](networks["norm."](inputs))
    assert float(torch.nn.functional.mse_loss(out, wanted)) == pytest.approx(result.losses["val_loss"], rel=1e-6)
    assert [(done, total) for done, total, _ in said] == [(4, 16), (8, 16), (12, 16), (16, 16)]
    assert said[2][2].startswith(f"epoch 3 of 4 · loss {result.curve['loss'][2]:.2f} · ")


def test_it_learns_the_line() -> None:
    """L-BFGS with its closure and full batches is at the least squares in a few epochs."""
    line = Line(line_spec(strong_wolfe=True, rate=1.0, batch=24, dropout=0.0, decay="none", epochs=3))
    result = trained(line)
    assert line.steps == 1
    inputs, wanted = (part.double().numpy() for part in data(1))
    _, (squares,), _, _ = np.linalg.lstsq(np.c_[inputs, np.ones(len(inputs))], wanted, rcond=None)
    assert result.losses["loss"] == pytest.approx(squares / len(inputs), rel=1e-4)


def test_the_caller_keeps_its_random_numbers() -> None:
    torch.manual_seed(1)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    first = trained(Line(line_spec()))
    assert torch.equal(torch.rand(1), drawn)
    torch.manual_seed(2)
    assert trained(Line(line_spec())).checkpoints == first.checkpoints
    assert trained(Line(line_spec(dropout=0.0))).checkpoints != first.checkpoints


class Watched(Line):
    """Writes down how the loop has left the networks for it."""

    def epoch(self, number: int, tell: Any) -> Tensor:
        self.seen = [all(network.training for network in self.networks.values()), torch.is_grad_enabled()]
        return super().epoch(number, tell)

    def evaluate(self, tell: TellEvaluating) -> Tensor:
        self.seen += [any(network.training for network in self.networks.values()), torch.is_grad_enabled()]
        return super().evaluate(tell)


def test_modes_and_gradients() -> None:
    line = Watched(line_spec(epochs=1))
    trained(line)
    assert line.seen == [True, True, False, False]


class NothingKeptApart(Line):
    names = ("loss",)

    def evaluate(self, tell: TellEvaluating) -> Tensor:
        return torch.zeros(0, dtype=torch.float64)


def test_nothing_need_be_kept_apart() -> None:
    result = trained(NothingKeptApart(line_spec()))
    assert (result.status, list(result.curve)) == ("ok", ["loss"])


def test_progress_within_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAY_EVERY", 0.0)
    said: list[tuple[int, int, str]] = []
    trained(Line(line_spec(epochs=2, batch=12)), say=lambda *words: said.append(words))
    assert [(done, total) for done, total, _ in said] == [(n, 4) for n in (1, 2, 2, 2, 3, 4, 4, 4)]
    assert [words for _, _, words in said[:3]] == [
        "epoch 1 of 2, batch 1 of 2",
        "epoch 1 of 2, batch 2 of 2",
        "epoch 1 of 2, at the pictures kept apart",
    ]
    assert said[4][2].startswith("epoch 2 of 2, batch 1 of 2 · loss ")


def test_giving_up() -> None:
    result = trained(Line(line_spec(give_up=1e-6, epochs=20)), (1, 20))
    assert (result.status, result.final_reason, result.epochs) == ("ok", "given up", 2)
    assert result.reason == "No line comes of it."
    assert list(result.checkpoints) == [1, 2]


class Diverging(Line):
    """``where`` something stops being finite in epoch 3."""

    def __init__(self, where: str) -> None:
        super().__init__(line_spec(decay="none"))
        self._where, self._now = where, 0

    def epoch(self, number: int, tell: Any) -> Tensor:
        self._now = number
        means = super().epoch(number, tell)
        if number == 3 and self._where in ("weight", "statistic"):
            name, key = {"weight": ("line.", "weight"), "statistic": ("norm.", "0.running_var")}[self._where]
            # Unseen by the losses: evaluate is told to look at sound ones.
            self.networks[name].state_dict()[key].view(-1)[0] = float("inf")
        return means * float("nan") if number == 3 and self._where == "loss" else means

    def evaluate(self, tell: TellEvaluating) -> Tensor:
        means = super().evaluate(tell).nan_to_num(1.0, 1.0)
        return means * float("inf") if self._now == 3 and self._where == "validation" else means


@pytest.mark.parametrize("where", ["loss", "validation", "weight", "statistic"])
def test_divergence_goes_back_to_the_last_finite_networks(where: str) -> None:
    sound = trained(Line(line_spec(decay="none")), (1, 2))
    line = Diverging(where)
    result = trained(line, (1, 2, 3))
    assert (result.status, result.final_reason, result.epochs) == ("nan", "diverged", 2)
    assert result.reason == (
        "The losses or weights stopped being finite in epoch 3 of 4; the network after epoch 2 is the last one. "
        "Take a lower learning rate."
    )
    assert result.checkpoints == {epoch: sound.checkpoints[epoch] for epoch in (1, 2)}
    assert all(np.array_equal(values, sound.curve[name][:2]) for name, values in result.curve.items())
    assert line.checkpoint(2, result.losses) == result.checkpoints[2], "the networks themselves have gone back"


@pytest.mark.parametrize("params", [{"optimizer": "sgd"}, {"optimizer": "lbfgs", "batch": 24, "dropout": 0.0}])
def test_a_rate_too_high_leaves_no_network(params: Mapping[str, Any]) -> None:
    result = trained(Line(line_spec(rate=1e30, **params)))
    assert (result.status, result.epochs, result.checkpoints) == ("nan", 0, {})
    assert "in epoch 1 of 4, the first one, so there is no network to keep" in result.reason
    assert set(result.losses) == {"nothing_loss"}
