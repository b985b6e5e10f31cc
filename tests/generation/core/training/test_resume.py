"""A training that is killed ends as if it had not been, whatever moves its weights."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from generation.core.train_spec import TrainResult, TrainSpec
from generation.core.training import loop, run
from tests.generation.core.training.killed import killed_in_its_second_epoch
from tests.generation.core.training.linear import OPTIMIZERS, Line, line_spec

#: Rates at which the line neither stands still nor diverges; full batches where an optimizer asks for them.
CASES: dict[str, dict[str, Any]] = {
    **{name: {"optimizer": name} for name in OPTIMIZERS},
    "adadelta": {"optimizer": "adadelta", "rate": 1.0},
    "rprop": {"optimizer": "rprop", "batch": 24},
    "lbfgs": {"optimizer": "lbfgs", "batch": 24, "rate": 0.5},
    "lbfgs with a line search": {"strong_wolfe": True, "batch": 24, "dropout": 0.0},
}


def trained(spec: TrainSpec, say=None, scratch: Path | None = None, line: Line | None = None) -> TrainResult:
    return run(line or Line(spec), spec, (1, 3), {"dtype": "float32"}, say or (lambda *_: None), scratch)


def stop_at(epoch: int):
    def say(_done: int, _total: int, words: str) -> None:
        if words.startswith(f"epoch {epoch} "):
            raise KeyboardInterrupt

    return say


@pytest.fixture
def always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "KEEP_EVERY", 0.0)


@pytest.mark.usefixtures("always_kept")
@pytest.mark.parametrize("case", CASES)
def test_resumed_is_uninterrupted(case: str, tmp_path: Path) -> None:
    spec = line_spec(**CASES[case])
    whole = trained(spec)
    assert whole.status == "ok"
    assert whole.checkpoints[3] != whole.checkpoints[4]
    for stop in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            trained(spec, stop_at(stop), tmp_path)
    result = trained(spec, scratch=tmp_path)
    assert result.provenance["resumed_from"] == [1, 3]
    assert result.checkpoints == whole.checkpoints
    assert all(np.array_equal(values, result.curve[name]) for name, values in whole.curve.items())
    assert result.losses == whole.losses


@pytest.mark.slow
@pytest.mark.parametrize("case", ["adam", "lbfgs"])
def test_a_killed_process_is_gone_on_from(case: str, tmp_path: Path) -> None:
    spec = line_spec(**CASES[case])
    where = "tests.generation.core.training.linear:train"
    scratch = killed_in_its_second_epoch(where, spec, {}, tmp_path, save_at=(1, 3))
    result = trained(spec, scratch=scratch)
    assert result.provenance["resumed_from"] == [2]
    assert result.checkpoints == trained(spec).checkpoints


class Forgetful(Line):
    """Carries something from epoch to epoch that is in no state dict."""

    _factor = 1.0

    def epoch(self, number: int, tell: Any) -> torch.Tensor:
        self._rate *= self._factor
        self._factor = 0.5
        return super().epoch(number, tell)


@pytest.mark.usefixtures("always_kept")
def test_the_comparison_sees_what_is_not_kept(tmp_path: Path) -> None:
    spec = line_spec()
    whole = trained(spec, line=Forgetful(spec))
    with pytest.raises(KeyboardInterrupt):
        trained(spec, stop_at(2), tmp_path, Forgetful(spec))
    result = trained(spec, scratch=tmp_path, line=Forgetful(spec))
    assert result.provenance["resumed_from"] == [2]
    assert result.checkpoints[1] == whole.checkpoints[1]
    assert result.checkpoints[4] != whole.checkpoints[4]


@pytest.mark.usefixtures("always_kept")
def test_a_rate_that_is_a_tensor_stays_that_tensor(tmp_path: Path) -> None:
    spec = line_spec(optimizer="adam with its rate as a tensor")
    with pytest.raises(KeyboardInterrupt):
        trained(spec, stop_at(2), tmp_path)
    line = Line(spec)
    rate = line.optimizer.param_groups[0]["lr"]
    trained(spec, scratch=tmp_path, line=line)
    assert line.optimizer.param_groups[0]["lr"] is rate


@pytest.mark.usefixtures("always_kept")
def test_a_training_given_up_stays_given_up(tmp_path: Path) -> None:
    spec = line_spec(give_up=1e-6, epochs=20)
    first = trained(spec, scratch=tmp_path)
    again = trained(spec, say=pytest.fail, scratch=tmp_path)
    assert (again.final_reason, again.epochs, again.checkpoints) == ("given up", 2, first.checkpoints)
    assert again.seconds > first.seconds * 0.5


def test_the_time_before_the_trainee_was_made_counts() -> None:
    spec = line_spec()
    long_ago = time.perf_counter() - 100
    result = run(Line(spec), spec, (), {}, lambda *_: None, None, started=long_ago)
    assert 100 < result.seconds < 160
