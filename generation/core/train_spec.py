"""What to train, as plain frozen data with a digest, and what comes back. ``core.spec`` is the same for images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.core.spec import Params, digest


@dataclass(frozen=True)
class TrainSpec:
    """One trained network: what decides how it comes out. ``data``: SHA-256 of the pack of photographs; ``version`` of
    the code that trains: another number where the same settings give another network.

    ``params`` are those of the method that decide the training; the engine's settings belong to the job, as for images.
    ``style``: SHA-256 of the style picture that the network is for, or of the pack of style pictures. ``weights``: the
    pretrained networks that its loss looks through (name -> SHA-256). A training without them says nothing of them.
    """

    task: str
    method: str
    params: Params
    seed: int
    data: str
    version: str = "1"
    style: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The JSON object stored with the training; :meth:`from_json` is its inverse."""
        said: dict[str, Any] = {
            "task": self.task,
            "method": self.method,
            "params": dict(self.params),
            "seed": self.seed,
            "data": self.data,
            "version": self.version,
        }
        said |= {"style": self.style} if self.style else {}
        return said | ({"weights": dict(self.weights)} if self.weights else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainSpec:
        """Rebuild a spec from :meth:`to_json`; an unknown key raises ``TypeError``."""
        return cls(**value)

    @property
    def digest(self) -> str:
        """Identity of the trained network: what has it is not trained again."""
        return digest(self.to_json())


@dataclass(frozen=True)
class TrainJobSpec:
    """The job that trains one network, under the digest of the training. ``save_at``: epochs whose network is kept; the
    last one always is."""

    training: TrainSpec
    save_at: tuple[int, ...] = ()
    engine: Params = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The JSON object stored in the queue; :meth:`from_json` is its inverse."""
        return {"training": self.training.to_json(), "save_at": list(self.save_at), "engine": dict(self.engine)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainJobSpec:
        """Rebuild a job from :meth:`to_json`."""
        return cls(TrainSpec.from_json(value["training"]), tuple(value["save_at"]), dict(value["engine"]))

    @property
    def artifacts(self) -> frozenset[str]:
        """SHA-256 of the pack of photographs, and of the style picture or the pack of them where there is one."""
        return frozenset(filter(None, [self.training.data, self.training.style]))

    @property
    def networks(self) -> frozenset[str]:
        """SHA-256 of the weights of every pretrained network that the loss looks through."""
        return frozenset(self.training.weights.values())


@dataclass(frozen=True)
class TrainResult:
    """What a trainer gives back. ``checkpoints``: epoch -> bytes of the network after it; ``curve``: float64 arrays by
    name, one value an epoch; ``losses``: the numbers of the last finite epoch, and what doing nothing would score.

    ``status``: ``ok``; ``nan`` (diverged; the checkpoints before stand); ``failed`` (nothing to keep; ``reason``).
    """

    status: str
    checkpoints: Mapping[int, bytes] = field(default_factory=dict)
    curve: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    epochs: int = 0
    final_reason: str = ""
    losses: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    provenance: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
