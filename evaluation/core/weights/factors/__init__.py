"""E17: which hyper-parameter matters, for the loss and for people?

In a grid that crosses its hyper-parameters a level is its marginal mean against the mean of all; in one that changes
them one at a time it is the change from the default. The size of a hyper-parameter is the range over its levels.
"""

from evaluation.core.weights.factors.effects import Effects, range_interval, rank_probabilities, sizes
from evaluation.core.weights.factors.losses import loss_factors
from evaluation.core.weights.factors.results import LossFactors
from evaluation.core.weights.factors.sayings import loss_sentences
from evaluation.core.weights.factors.section import factors_section

__all__ = [
    "Effects",
    "LossFactors",
    "factors_section",
    "loss_factors",
    "loss_sentences",
    "range_interval",
    "rank_probabilities",
    "sizes",
]
