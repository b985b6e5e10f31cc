"""Figures of the report, drawn from the JSON of an analysis: SVG and PNG through matplotlib, and the data as CSV."""

from evaluation.core.figures.files import chart_files, chart_texts

__all__ = ["chart_files", "chart_texts"]
