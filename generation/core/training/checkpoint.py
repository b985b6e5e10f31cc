"""Trained networks as one file: safetensors, the same bytes for the same numbers.

Tensors are named by their network's prefix (``g.``) and then as in its state; the one metadata entry ``eyeballot`` is
JSON with the format, the parameters of the condition, the digest of what was trained, the epoch and its losses.
Everything that a network needs must lie in its state dict, buffers too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from generation.core.spec import Params, canonical_json

_KEY = "eyeballot"


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the text says why, and the mend."""


@dataclass(frozen=True)
class Form:
    """A kind of checkpoint: ``name`` stands in the file (``eyeballot colorizer 1``; another number where the same
    tensors mean another network), ``trained`` is what it is one of, in words (``a colorizer``)."""

    name: str
    trained: str


@dataclass(frozen=True)
class Said:
    """What a checkpoint says of itself; ``training`` is the digest of the ``TrainSpec``."""

    params: Params
    training: str
    epoch: int
    losses: Mapping[str, float]


def write(form: Form, networks: Mapping[str, nn.Module], said: Said) -> bytes:
    """The bytes of a file with ``networks`` by prefix; floats as float32, wherever and however the networks lie. A loss
    that is no number is left out.

    Raises ``ValueError`` where a weight is not finite: such a network can make no picture, and is never stored.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, network in networks.items():
        tensors |= _tensors(prefix, network)
    _check_finite(tensors, ValueError)
    written = {
        "format": form.name,
        "params": dict(said.params),
        "training": said.training,
        "epoch": said.epoch,
        "losses": {name: float(value) for name, value in said.losses.items() if math.isfinite(value)},
    }
    return save(tensors, {_KEY: canonical_json(written)})


def read(
    form: Form, data: bytes, build: Callable[[Params], Mapping[str, nn.Module]]
) -> tuple[dict[str, nn.Module], Said]:
    """The networks by prefix of a file from :func:`write`, in eval mode on the CPU, and what it says of itself.

    ``build(params)``: those networks with any weights, made on torch's ``meta`` device, so that a file that asks for
    enormous ones costs nothing. Anything else raises :class:`CheckpointError` with a sentence.
    """
    found, tensors = _metadata(form, data), _load(data)
    _check_finite(tensors, CheckpointError)
    try:
        params: Params = {str(key): value for key, value in found["params"].items()}
        with torch.device("meta"):
            networks = dict(build(params))
        said = Said(
            params,
            str(found["training"]),
            int(found["epoch"]),
            {str(key): float(value) for key, value in found["losses"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"The checkpoint does not say which networks it holds ({error!s:.200}). Train the condition again."
        ) from error
    for prefix, network in networks.items():
        _fill(prefix, network, tensors)
    if tensors:
        raise CheckpointError(
            f"The checkpoint holds {len(tensors)} tensors that its networks have no place for, "
            f"'{min(tensors)}' among them. Train the condition again."
        )
    return networks, said


def _tensors(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        kept = value.detach().to("cpu", torch.float32 if value.is_floating_point() else value.dtype)
        state[prefix + name] = kept.contiguous()
    return state


def _metadata(form: Form, data: bytes) -> dict[str, Any]:
    """What the file says of itself; see the safetensors format: 8 bytes of length, then JSON."""
    foreign = CheckpointError(
        f"This file is no checkpoint of {form.trained}, or its beginning is damaged. "
        "Give one that a training of this project has written, or train the condition again."
    )
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        said: dict[str, Any] = json.loads(header["__metadata__"][_KEY])
        if said["format"] != form.name:
            raise foreign
    except (ValueError, KeyError, TypeError, RecursionError):
        raise foreign from None
    return said


def _load(data: bytes) -> dict[str, Tensor]:
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"The checkpoint is damaged: {error!s:.200}. Copy the file again, or train the condition again."
        ) from error


def _check_finite(tensors: Mapping[str, Tensor], error: type[Exception]) -> None:
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise error(f"The weights '{name}' hold numbers that are not finite: the training has diverged.")


def _fill(prefix: str, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Hand the tensors of ``prefix`` over to ``network``; they leave ``tensors``."""
    own = {name: tensors.pop(name) for name in sorted(tensors) if name.startswith(prefix)}
    wanted = {prefix + name: (value.shape, value.dtype) for name, value in network.state_dict().items()}
    for name, (shape, dtype) in wanted.items():
        found = own.get(name)
        if found is None or found.shape != shape or found.dtype != dtype:
            has = "is missing" if found is None else f"is {_form(found.dtype, found.shape)}, not {_form(dtype, shape)}"
            raise CheckpointError(
                f"The checkpoint does not fit its own parameters: the tensor '{name}' {has}. Train the condition again."
            )
    tensors.update({name: value for name, value in own.items() if name not in wanted})
    state = {name.removeprefix(prefix): own[name] for name in wanted}
    network.load_state_dict(state, assign=True)
    network.eval()


def _form(dtype: torch.dtype, shape: torch.Size) -> str:
    return f"{str(dtype).removeprefix('torch.')} {tuple(shape)}"
