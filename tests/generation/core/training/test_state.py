"""The file of an unfinished training: what is put into it comes out, and nothing else is believed."""

import os
from pathlib import Path

import pytest
import torch

from generation.core.protocols import forget
from generation.core.training import state
from generation.core.training.state import State

DIGEST = "ab" * 32
ENGINE = {"dtype": "float32"}
NOTHING: frozenset[int] = frozenset()


def example(epoch: int = 3) -> State:
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters(), torch.tensor(1e-3), fused=True)
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return State(
        epoch,
        {"generator": network.state_dict()},
        {"generator": optimizer.state_dict()},
        {"g": [3.0, 2.0, 1.0][:epoch]},
        {1: b"one", epoch: b"three"},
        12.5,
        [1],
    )


def kept(folder: Path) -> Path:
    return folder / f"{DIGEST}.state"


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    before = example()
    state.keep(tmp_path / "new" / "folder", DIGEST, ENGINE, before)
    found, note = state.find(tmp_path / "new" / "folder", DIGEST, ENGINE, frozenset({1, 3, 5}))
    assert found is not None
    assert note == ""
    for name in ("epoch", "curve", "checkpoints", "seconds", "resumed_from"):
        assert getattr(found, name) == getattr(before, name)
    for key, value in before.networks["generator"].items():
        assert torch.equal(found.networks["generator"][key], value)
    moments, again = (one.optimizers["generator"]["state"][0] for one in (before, found))
    assert all(torch.equal(again[key], moments[key]) for key in ("step", "exp_avg", "exp_avg_sq"))


def test_there_may_be_none(tmp_path: Path) -> None:
    assert state.find(tmp_path, DIGEST, ENGINE, NOTHING) == (None, "")
    assert state.find(tmp_path / "missing", DIGEST, ENGINE, NOTHING) == (None, "")


def test_a_checkpoint_is_written_once(tmp_path: Path) -> None:
    state.keep(tmp_path, DIGEST, ENGINE, example())
    first = (tmp_path / f"{DIGEST}.epoch-1.safetensors").stat()
    state.keep(tmp_path, DIGEST, ENGINE, example())
    again = (tmp_path / f"{DIGEST}.epoch-1.safetensors").stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("cut", "damaged"),
        ("bit", "damaged"),
        ("empty", "damaged"),
        ("foreign", "another training"),
        ("engine", "other settings of the engine"),
        ("format", "another version"),
        ("checkpoint", "checkpoint of epoch 1"),
        ("no checkpoint", "checkpoint of epoch 1"),
        ("wanted", "did not keep epoch 2"),
    ],
)
def test_what_cannot_be_gone_on_from_is_put_aside(
    tmp_path: Path, fault: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "format":
        monkeypatch.setattr(state, "_FORMAT", 0)
    state.keep(tmp_path, DIGEST, ENGINE, example())
    monkeypatch.undo()
    data, digest, engine, wanted = kept(tmp_path).read_bytes(), DIGEST, ENGINE, NOTHING
    one = tmp_path / f"{DIGEST}.epoch-1.safetensors"
    if fault == "cut":
        kept(tmp_path).write_bytes(data[:-1])
    elif fault == "bit":
        kept(tmp_path).write_bytes(data[:500] + bytes([data[500] ^ 1]) + data[501:])
    elif fault == "empty":
        kept(tmp_path).write_bytes(b"")
    elif fault == "foreign":
        digest = "cd" * 32
        kept(tmp_path).rename(tmp_path / f"{digest}.state")
    elif fault == "engine":
        engine = {"dtype": "bfloat16"}
    elif fault == "checkpoint":
        one.write_bytes(b"two")
    elif fault == "no checkpoint":
        one.unlink()
    elif fault == "wanted":
        wanted = frozenset({2, 4})
    found, note = state.find(tmp_path, digest, engine, wanted)
    assert found is None
    assert words in note
    assert f"put aside as {digest}.state.aside" in note
    assert (tmp_path / f"{digest}.state.aside").exists()
    assert not list(tmp_path.glob(f"{digest}.epoch-*"))
    assert state.find(tmp_path, digest, engine, wanted) == (None, "")


def test_checkpoints_without_a_state_are_made_again(tmp_path: Path) -> None:
    """They may be of a start that another machine or another version made."""
    state.keep(tmp_path, DIGEST, ENGINE, example())
    kept(tmp_path).unlink()
    state.find(tmp_path, DIGEST, ENGINE, NOTHING)
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_leaves_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.keep(tmp_path, DIGEST, ENGINE, example())
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        state.keep(tmp_path, DIGEST, ENGINE, example(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    found, _ = state.find(tmp_path, DIGEST, ENGINE, NOTHING)
    assert found is not None
    assert found.epoch == 3


def test_forgetting_removes_one_training_only(tmp_path: Path) -> None:
    for digest in (DIGEST, "cd" * 32):
        state.keep(tmp_path, digest, ENGINE, example())
    (tmp_path / f"{DIGEST}.state.77.tmp").write_bytes(b"of a killed process")
    forget(tmp_path, DIGEST)
    assert {path.name[:64] for path in tmp_path.iterdir()} == {"cd" * 32}
    forget(tmp_path / "missing", DIGEST)
