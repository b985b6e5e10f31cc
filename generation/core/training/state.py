"""How far a training has come, in a folder of this machine, so that a killed one goes on where it was.

Of the training with the digest d there are ``d.state`` (the SHA-256 of what follows, then a torch file) and for each
checkpoint made so far ``d.epoch-<number>.safetensors``, which is written once. Each file is complete or not there at
all. What cannot be read is put aside as ``d.state.aside``, and the training starts over.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from generation.core.spec import sha256_bytes

#: Raised by one when what is in the file changes.
_FORMAT = 1


@dataclass
class State:
    """A training after ``epoch``. ``networks`` and ``optimizers``: state dicts by name; ``curve``: values by epoch;
    ``checkpoints``: epoch -> bytes; ``seconds`` of work so far; ``resumed_from``: the epochs after which it was taken
    up again."""

    epoch: int = 0
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    optimizers: dict[str, dict[str, Any]] = field(default_factory=dict)
    curve: dict[str, list[float]] = field(default_factory=dict)
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    seconds: float = 0.0
    resumed_from: list[int] = field(default_factory=list)


def keep(scratch: Path, digest: str, engine: Mapping[str, Any], state: State) -> None:
    """Write ``state`` of the training ``digest``. Raises ``OSError`` when the folder cannot be written."""
    scratch.mkdir(parents=True, exist_ok=True)
    for epoch, data in state.checkpoints.items():
        path = _checkpoint(scratch, digest, epoch)
        # One that an earlier start left may be of another run.
        if not path.exists() or sha256_bytes(path.read_bytes()) != sha256_bytes(data):
            _write(path, data)
    content = {
        "format": _FORMAT,
        "training": digest,
        "engine": dict(engine),
        **{name: getattr(state, name) for name in ("epoch", "networks", "optimizers", "curve", "seconds")},
        "resumed_from": state.resumed_from,
        "checkpoints": {epoch: sha256_bytes(data) for epoch, data in state.checkpoints.items()},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    _write(scratch / f"{digest}.state", hashlib.sha256(buffer.getbuffer()).digest(), buffer.getbuffer())


def find(scratch: Path, digest: str, engine: Mapping[str, Any], wanted: frozenset[int]) -> tuple[State | None, str]:
    """The state of the training ``digest``, or None; and a sentence where there was one that cannot be used.

    ``wanted``: the epochs whose checkpoints are asked for; a state that went past one without keeping it is of no use.
    """
    path = scratch / f"{digest}.state"
    if not path.exists():
        _drop_checkpoints(scratch, digest)
        return None, ""
    try:
        return _read(path, digest, engine, wanted), ""
    except (_UnusableError, OSError) as error:
        why = str(error)
    path.replace(path.with_name(f"{path.name}.aside"))
    _drop_checkpoints(scratch, digest)
    return None, f"{why} It was put aside as {path.name}.aside, and the training started over."


class _UnusableError(Exception):
    """Says in a sentence why a state cannot be gone on from."""


def _read(path: Path, digest: str, engine: Mapping[str, Any], wanted: frozenset[int]) -> State:
    data = path.read_bytes()
    body = memoryview(data)[32:]
    if hashlib.sha256(body).digest() != data[:32]:
        raise _UnusableError("The state of an earlier start is damaged or no state at all.")
    content = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    if content.pop("format") != _FORMAT:
        raise _UnusableError("The state of an earlier start was written by another version of this program.")
    if content.pop("training") != digest:
        raise _UnusableError("The state of an earlier start belongs to another training.")
    if content.pop("engine") != dict(engine):
        raise _UnusableError("The state of an earlier start was computed with other settings of the engine.")
    made: dict[int, str] = content.pop("checkpoints")
    lacking = sorted(epoch for epoch in wanted if epoch <= content["epoch"] and epoch not in made)
    if lacking:
        raise _UnusableError(f"The state of an earlier start did not keep epoch {lacking[0]}, which is wanted now.")
    checkpoints = {}
    for epoch, sha256 in made.items():
        stored = _checkpoint(path.parent, digest, epoch)
        checkpoints[epoch] = stored.read_bytes() if stored.exists() else b""
        if sha256_bytes(checkpoints[epoch]) != sha256:
            raise _UnusableError(f"The checkpoint of epoch {epoch} of an earlier start is missing or damaged.")
    return State(**content, checkpoints=checkpoints)


def _checkpoint(scratch: Path, digest: str, epoch: int) -> Path:
    return scratch / f"{digest}.epoch-{epoch}.safetensors"


def _drop_checkpoints(scratch: Path, digest: str) -> None:
    """What is started over makes its checkpoints again."""
    for path in scratch.glob(f"{digest}.epoch-*.safetensors"):
        path.unlink(missing_ok=True)


def _write(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file whole or not at all, whatever happens meanwhile: beside it, to the disk, then in its place."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
