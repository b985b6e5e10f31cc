"""The cases of `benchmarks/calibration.py`, in the order of its tables."""

from benchmarks.calibration_cases.agreements import AGREEMENT, MARGIN
from benchmarks.calibration_cases.exclusion import EXCLUSION
from benchmarks.calibration_cases.fooling import FOOLING
from benchmarks.calibration_cases.gains import GAINS
from benchmarks.calibration_cases.intervals import INTERVALS
from benchmarks.calibration_cases.minimum import EDGE, MINIMISER
from benchmarks.calibration_cases.printed import PRINTED
from benchmarks.calibration_cases.regressions import REGRESSION
from benchmarks.calibration_cases.settings import SETTINGS
from benchmarks.calibration_cases.shapes import SHAPE
from benchmarks.calibration_cases.weights import LEARNED
from benchmarks.calibration_cases.worlds import ALPHA, Case, Row

CASES = (
    MINIMISER, EDGE, AGREEMENT, MARGIN, EXCLUSION, INTERVALS, REGRESSION, LEARNED, GAINS, SHAPE, SETTINGS, FOOLING,
    PRINTED,
)  # fmt: skip

__all__ = ["ALPHA", "CASES", "Case", "Row"]
