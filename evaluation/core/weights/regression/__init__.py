"""E11: what each metric adds to style and content loss in predicting votes."""

from evaluation.core.weights.regression.section import regression_section

__all__ = ["regression_section"]
