"""What the report page shows, as plain words and numbers: an analysis made ready for its template."""

from evaluation.report.page import Report, report_of

__all__ = ["Report", "report_of"]
