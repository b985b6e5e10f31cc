"""Bradley-Terry strengths by maximum likelihood, from votes on pairs.

The model (Zermelo 1929; Bradley and Terry 1952): item i beats item j with probability sigma(theta_i - theta_j). A tie
counts as half a win to each side, or has a place of its own (:func:`fit_davidson`, :func:`fit_rao_kupper`). Strengths
have no natural zero, so they are given with mean zero in each connected component of the comparison graph. The maximum
exists if and only if that component is strongly connected as a graph of wins (Ford 1957); where it is not, a ridge
keeps the numbers finite and the result says so.

:func:`fit_pairs` takes counts on the pairs that met (:func:`count_pairs`) and is linear in them; :func:`fit` takes a
dense table of wins and calls it.
"""

from studyplatform.voting.core.bradley_terry.newton import RIDGE, TOLERANCE, Fit, fit, fit_pairs, win_probability
from studyplatform.voting.core.bradley_terry.pairs import (
    BoolArray,
    FloatArray,
    IntArray,
    Pairs,
    comparison_components,
    count_pairs,
    count_wins,
    gauge_matrix,
    strong_components,
    sum_votes,
)
from studyplatform.voting.core.bradley_terry.replicates import fit_many, fit_replicates
from studyplatform.voting.core.bradley_terry.ties import TieFit, fit_davidson, fit_half_wins, fit_rao_kupper

__all__ = [
    "RIDGE",
    "TOLERANCE",
    "BoolArray",
    "Fit",
    "FloatArray",
    "IntArray",
    "Pairs",
    "TieFit",
    "comparison_components",
    "count_pairs",
    "count_wins",
    "fit",
    "fit_davidson",
    "fit_half_wins",
    "fit_many",
    "fit_pairs",
    "fit_rao_kupper",
    "fit_replicates",
    "gauge_matrix",
    "strong_components",
    "sum_votes",
    "win_probability",
]
