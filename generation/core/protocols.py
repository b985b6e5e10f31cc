"""What renderers and measures look like to ``core.render``; torch-free, so that any of them may import it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from generation.core.spec import MetricSpec, Params, RenderSpec, ScoreValue
from generation.core.train_spec import TrainResult, TrainSpec

Image = npt.NDArray[np.uint8]

#: Called with the number of image-steps just done.
Tick = Callable[[int], None]


@dataclass(frozen=True)
class Picture:
    """What a renderer gives back for one spec. ``image``: uint8, H x W x 3, sRGB; ``curve``: float64 arrays by name.

    ``status``: ``ok``; ``nan`` (diverged: ``image`` is the last finite one); ``failed`` (no image; see ``reason``).
    """

    status: str
    image: Image | None
    curve: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    steps: int = 0
    final_step_reason: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


class Renderer(Protocol):
    """Makes the pictures of one method. One batch: the answer may depend on its composition, never on anything else.

    ``sources``: SHA-256 -> bytes of the encoded photograph. Gives one :class:`Picture` per spec, in order; what
    concerns one spec alone is a ``failed`` picture, an exception fails the whole batch.
    """

    def __call__(
        self, specs: Sequence[RenderSpec], sources: Mapping[str, bytes], engine: Params, tick: Tick, /
    ) -> list[Picture]: ...


class Measure(Protocol):
    """Takes the numbers of one stored image (uint8, H x W x 3), one :class:`ScoreValue` per metric, in order."""

    def __call__(
        self, image: Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec], /
    ) -> list[ScoreValue]: ...


#: Called with what is done, what there is to do, and words about it for people.
Say = Callable[[int, int, str], None]


class Train(Protocol):
    """Trains one network. ``data``: SHA-256 -> bytes of ``spec.data``, the pack of photographs, and of ``spec.style``
    where there is one; ``save_at``: epochs whose network is kept (the last one always is); ``scratch``: a folder on
    this machine for the state, in files that begin with the training's digest, so that one that was killed goes on;
    None keeps nothing. The networks of ``spec.weights`` are found by ``core.weights``. Raises ``ValueError`` with a
    sentence for what cannot be trained."""

    def __call__(
        self,
        spec: TrainSpec,
        data: Mapping[str, bytes],
        save_at: Sequence[int],
        engine: Params,
        say: Say,
        scratch: Path | None,
        /,
    ) -> TrainResult: ...


def forget(scratch: Path, digest: str) -> None:
    """Remove what a training kept of its state: its result is stored."""
    for path in scratch.glob(f"{digest}.*"):
        path.unlink(missing_ok=True)


def loss_terms(curve: Mapping[str, npt.NDArray[np.float64]]) -> dict[str, tuple[npt.NDArray[np.float64], float]]:
    """The terms of a curve by name: values by step, and the weight of each in the total, which itself weighs 1.

    The arrays of a curve stand in the order of their ``weights``, the total behind them.
    """
    names = [name for name in curve if name not in ("total", "weights")][: len(curve.get("weights", ()))]
    terms = {name: (curve[name], float(w)) for name, w in zip(names, curve.get("weights", ()), strict=False)}
    return terms | ({"total": (curve["total"], 1.0)} if "total" in curve else {})


def read_curve(data: bytes) -> dict[str, npt.NDArray[np.float64]]:
    """The arrays of a curve artifact (npz without pickles), by name."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def curve_bytes(arrays: Mapping[str, npt.NDArray[np.float64]]) -> bytes:
    """A curve artifact of the arrays; the inverse of :func:`read_curve`."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()
