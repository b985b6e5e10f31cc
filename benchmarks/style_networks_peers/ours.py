"""Our trainings one batch at a time, and a job of renders as a worker does it."""

import time
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from generation.core.feedforward import renderer
from generation.core.feedforward import task as style_task
from generation.core.feedforward.training import Painter
from generation.core.images import encode_png
from generation.core.photographs import read
from generation.core.render import run_job
from generation.core.segmentation import task as marking_task
from generation.core.segmentation.training import Segmenting
from generation.core.spec import TRAINED, JobItem, JobSpec, Params, RenderSpec, ScoreValue, sha256_bytes
from generation.core.train_spec import TrainSpec
from generation.core.training import Trainee


class Ours:
    """A ``Trainee`` whose pack is one batch, so that an epoch is one step and whatever it does at its end.

    ``behind`` are the CPU seconds of the last epoch behind its step.
    """

    def __init__(self, trainee: Trainee, loss: str) -> None:
        self.trainee, self._place, self._epoch = trainee, list(trainee.names).index(loss), 0
        self.behind = 0.0
        for network in trainee.networks.values():
            network.train()

    @property
    def network(self) -> nn.Module:
        """What is trained."""
        (network,) = self.trainee.networks.values()
        return network

    def checkpoint(self) -> bytes:
        """The file of the network as it is now."""
        return self.trainee.checkpoint(self._epoch, {})

    def step(self) -> float:
        """One epoch of one batch: its loss, before the change."""
        ended = 0.0

        def tell(_step: int) -> None:
            nonlocal ended
            ended = time.process_time()

        self._epoch += 1
        means = self.trainee.epoch(self._epoch, tell)
        self.behind = time.process_time() - ended
        return float(means[self._place])


def painter(params: Params, pack: bytes, style: bytes, vgg16: str, dtype: str) -> Ours:
    """A style network in training, from seed 0."""
    named = {sha256_bytes(data): data for data in (pack, style)}
    photographs, picture = named
    spec = TrainSpec(
        "style_transfer", "feedforward", style_task.training(params), 0, photographs, style=picture,
        weights={"vgg16": vgg16},
    )  # fmt: skip
    return Ours(Painter(spec, named, {"dtype": dtype}), "total")


def segmenter(params: Params, pack: bytes, dtype: str) -> Ours:
    """A segmenter in training, from seed 0."""
    spec = TrainSpec("defects", "segmenter", marking_task.training(params), 0, sha256_bytes(pack))
    return Ours(Segmenting(spec, read(pack), dtype), "loss")


class Rendering:
    """Renders of one trained network. ``job``: all that a worker does but for the measuring; else the renderer alone
    with its PNG."""

    def __init__(self, params: Params, network: bytes, files: Sequence[Path], folder: Path, *, job: bool) -> None:
        self._job, self._folder = job, folder
        photographs = [path.read_bytes() for path in files]
        digest = sha256_bytes(network)
        self._sources = {sha256_bytes(data): data for data in (*photographs, network)}
        self._specs = [
            RenderSpec(
                "style_transfer", "feedforward", sha256_bytes(data), None, params, 0,
                {} if job else {TRAINED: digest}, "of the benchmark",
            )
            for data in photographs
        ]  # fmt: skip
        self._digest = digest
        folder.mkdir()

    def render(self) -> list[Path]:
        """All pictures as PNG files, in order."""
        if self._job:
            items = tuple(JobItem(spec, network=self._digest) for spec in self._specs)
            results = run_job(
                JobSpec(items, ()), self._sources, {"feedforward": "generation.core.feedforward.renderer:render"},
                f"{__name__}:nothing", threads=1,
            )  # fmt: skip
            made = [(result.png, result.reason) for result in results]
        else:
            pictures = renderer.render(self._specs, self._sources, {}, lambda _n: None)
            made = [(None if one.image is None else encode_png(one.image), one.reason) for one in pictures]
        written = []
        for number, (png, reason) in enumerate(made):
            assert png is not None, reason
            written.append(self._folder / f"{number}.png")
            written[-1].write_bytes(png)
        return written


def nothing(*_given: object) -> list[ScoreValue]:
    """A measure of no metrics."""
    return []
