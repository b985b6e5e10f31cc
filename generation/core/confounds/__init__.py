"""Confounds of a grid before anybody votes: does a loss go with something plain that people may like or dislike?

Plain data in, sentences and numbers out; torch-free. ``links`` correlates losses with properties of the pictures,
``strength`` asks how far each condition has moved from the photograph, ``judging`` puts both into words for a page.
"""

from generation.core.confounds.judging import Confounds, LossRow, judge
from generation.core.confounds.lacking import WANTED, Found, lacking
from generation.core.confounds.links import Link, Measure, links, one_order
from generation.core.confounds.strength import Strength, start_of, strengths

__all__ = [
    "WANTED",
    "Confounds",
    "Found",
    "Link",
    "LossRow",
    "Measure",
    "Strength",
    "judge",
    "lacking",
    "links",
    "one_order",
    "start_of",
    "strengths",
]
