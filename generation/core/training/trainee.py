"""What is trained, as the loop sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn, optim

#: Called within an epoch with the number of steps done in it, as often as one likes: the loop passes on a few.
Tell = Callable[[int], None]

#: Called while evaluating, as often as one likes.
TellEvaluating = Callable[[], None]


class Trainee(Protocol):
    """Networks with their optimizers, their data and their losses, made ready to train on their device.

    Everything that is carried from one epoch into the next lies in the state dicts of ``networks`` and ``optimizers``
    (a running statistic is a buffer of its network); an epoch is decided by them, by the seed and by its number alone.
    So a rate that changes is a function of the epoch's number, set at the beginning of :meth:`epoch`; after a resume
    the rates of all parameter groups are those that the trainee was made with, the same objects where they are tensors.
    A frozen network that only a loss looks at is not among ``networks``, and its mode is the trainee's own care.

    Any optimizer of ``torch.optim`` will do, one for all networks or one for each. L-BFGS takes its closure within
    :meth:`epoch`; full batches are one step of an epoch.
    """

    @property
    def epochs(self) -> int:
        """How many epochs are wanted."""
        ...

    @property
    def steps(self) -> int:
        """Steps (batches) of an epoch, for the progress."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers that :meth:`epoch` gives, followed by those that :meth:`evaluate` gives."""
        ...

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """What is trained, by name. The loop puts them into training and evaluation mode."""
        ...

    @property
    def optimizers(self) -> Mapping[str, optim.Optimizer]:
        """By name."""
        ...

    @property
    def baselines(self) -> Mapping[str, float]:
        """What doing nothing would score, without which no loss can be read; part of the losses of each checkpoint."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Sentences about this training for its provenance; mostly none."""
        ...

    def epoch(self, number: int, tell: Tell) -> Tensor:
        """Train one epoch (from 1): means over what was shown in it, float64, on the device, named ``names``.

        The networks are in training mode, and torch's global random numbers (of dropout) are seeded for this epoch;
        what else is drawn comes of ``order.seed_of(seed, number, …)``. Whether all is finite is looked at afterwards.
        """
        ...

    def evaluate(self, tell: TellEvaluating) -> Tensor:
        """Means over what is kept apart (none: an empty tensor), float64, on the device.

        The networks are in evaluation mode, and no gradients are recorded."""
        ...

    def checkpoint(self, epoch: int, losses: Mapping[str, float]) -> bytes:
        """The file of the networks as they are now, after ``epoch``: see ``training.checkpoint``."""
        ...

    def hopeless(self, epoch: int, last: Mapping[str, float]) -> str:
        """Why the training is given up after ``epoch`` with its numbers ``last``, a sentence, or an empty string.

        It decides by its arguments and the parameters alone, so that a training taken up again decides the same.
        """
        ...

    def words(self, last: Mapping[str, float]) -> str:
        """The numbers of the last whole epoch in a few words of progress, such as ``G 8.94 (L1 7.7 Lab)``."""
        ...

    def provenance(self) -> Mapping[str, Any]:
        """How it was trained, as JSON: batches, pictures, whatever a reader of the result should know."""
        ...
