"""E9: how preference depends on a numeric parameter of the grid: rising, falling, flat or with a peak inside."""

from evaluation.core.weights.shape.section import shape_section

__all__ = ["shape_section"]
