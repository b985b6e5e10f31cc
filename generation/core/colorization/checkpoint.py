"""Trained networks as one file: safetensors, the same bytes for the same numbers.

Tensors are named ``g.`` and ``d.`` and then as in the network's state; the one metadata entry ``eyeballot`` is JSON
with the format, the parameters of the condition, the digest of what was trained, the epoch and its losses. The colour
bins of ``zhang_class`` and the weights of its loss are tensors of the generator.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from generation.core.colorization import build
from generation.core.colorization.patchgan import PatchGan
from generation.core.colorization.zhang import ZhangClass
from generation.core.spec import Params, canonical_json

FORMAT = "eyeballot colorizer 1"
_KEY = "eyeballot"


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the text says why, and the mend."""


@dataclass(frozen=True)
class Checkpoint:
    """What :func:`read` finds: networks in eval mode on the CPU; ``training`` is the digest of the ``TrainSpec``."""

    generator: build.Generator
    discriminator: PatchGan | None
    params: Params
    training: str
    epoch: int
    losses: Mapping[str, float]


def write(
    generator: nn.Module,
    discriminator: nn.Module | None,
    params: Params,
    training_digest: str,
    epoch: int,
    losses: Mapping[str, float],
) -> bytes:
    """The file's bytes; floats as float32, wherever and however the networks lie. A loss that is no number is left out.

    Raises ``ValueError`` where a weight is not finite: such a network can colour nothing, and is never stored.
    """
    tensors = _tensors("g.", generator) | ({} if discriminator is None else _tensors("d.", discriminator))
    _check_finite(tensors, ValueError)
    said = {
        "format": FORMAT,
        "params": dict(params),
        "training": training_digest,
        "epoch": epoch,
        "losses": {name: float(value) for name, value in losses.items() if math.isfinite(value)},
    }
    return save(tensors, {_KEY: canonical_json(said)})


def read(data: bytes) -> Checkpoint:
    """The networks of a file from :func:`write`; anything else raises :class:`CheckpointError` with a sentence."""
    said, tensors = _metadata(data), _load(data)
    _check_finite(tensors, CheckpointError)
    try:
        params: Params = {str(key): value for key, value in said["params"].items()}
        with torch.device("meta"):
            generator = build.generator(params)
            discriminator = None if isinstance(generator, ZhangClass) else build.discriminator(params)
        training, epoch = str(said["training"]), int(said["epoch"])
        losses = {str(key): float(value) for key, value in said["losses"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"The checkpoint does not say which networks it holds ({error!s:.200}). Train the condition again."
        ) from error
    _fill("g.", generator, tensors)
    if discriminator is not None:
        _fill("d.", discriminator, tensors)
    if tensors:
        raise CheckpointError(
            f"The checkpoint holds {len(tensors)} tensors that its networks have no place for, "
            f"'{min(tensors)}' among them. Train the condition again."
        )
    return Checkpoint(generator, discriminator, params, training, epoch, losses)


def _tensors(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        kept = value.detach().to("cpu", torch.float32 if value.is_floating_point() else value.dtype)
        state[prefix + name] = kept.contiguous()
    return state


def _metadata(data: bytes) -> dict[str, Any]:
    """What the file says of itself; see the safetensors format: 8 bytes of length, then JSON."""
    foreign = CheckpointError(
        "This file is no checkpoint of a colorizer, or its beginning is damaged. "
        "Give one that a training of this project has written, or train the condition again."
    )
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        said: dict[str, Any] = json.loads(header["__metadata__"][_KEY])
        if said["format"] != FORMAT:
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
