"""Training of any network: the loop over epochs, what it keeps of itself on the way, and the file it ends with.

``run(trainee, spec, save_at, engine, say, scratch)`` trains a ``Trainee`` and can be killed at any time: with a
``scratch`` folder it goes on after the last epoch kept there, and on one thread of one machine ends with the same bytes
as if it had never stopped. Beside it: ``order`` (what an epoch shows, and how it is cut into batches), ``pictures``
(photographs and masks on the device), ``schedule`` (rates, giving up, words), ``captured`` (a step as one launch on a
GPU), ``checkpoint`` (trained networks as one file), ``state`` (an unfinished training in a folder).
"""

from generation.core.training.loop import run
from generation.core.training.trainee import Tell, TellEvaluating, Trainee

__all__ = ["Tell", "TellEvaluating", "Trainee", "run"]
