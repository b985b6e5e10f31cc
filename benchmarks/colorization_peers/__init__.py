"""The two ways to train a colouriser that colorization.py measures: the tutorial's and ours.

Both begin with the same weights and show the same pictures in the same order; a call of ``step`` is everything that a
training does for one batch, from the stored picture to the numbers of the losses.
"""

from .ours import Ours
from .pictures import params, write_photographs
from .tutorial import Tutorial

__all__ = ["Ours", "Tutorial", "params", "write_photographs"]
