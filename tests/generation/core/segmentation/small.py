"""Segmenters small enough to be trained in a test, and pictures that they can learn from."""

from collections.abc import Mapping
from pathlib import Path

from generation.core.segmentation import task, training
from generation.core.segmentation.samples import SampleOptions
from generation.core.spec import Params, sha256_bytes
from generation.core.train_spec import TrainResult, TrainSpec

#: Holes only, large and plain.
EASY = SampleOptions(side=48, kinds=("hole",), share=(0.03, 0.06), contrast=(0.9, 1.0), count=(1, 1))


def complete(**given: object) -> Params:
    """The parameters of a small segmenter."""
    small: dict[str, object] = {"levels": 3, "width": 4, "train_size": 32, "batch": 4, "epochs": 3}
    return task.SEGMENTER.complete(small | given)


def parameters(**given: object) -> Params:
    """Those of them that decide its training."""
    return task.training(complete(**given))


def spec_of(data: bytes, seed: int = 0, **given: object) -> TrainSpec:
    return TrainSpec("defects", "segmenter", parameters(**given), seed, sha256_bytes(data))


def trained(
    spec: TrainSpec,
    data: bytes,
    scratch: Path | None = None,
    engine: Mapping[str, str] | None = None,
    save_at: tuple[int, ...] = (),
) -> TrainResult:
    engine = engine or {"dtype": "float32"}
    return training.train(spec, {spec.data: data}, save_at, engine, lambda *_: None, scratch)
