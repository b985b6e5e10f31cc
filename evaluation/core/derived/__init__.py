"""What the analysis of a study comes to, as tables: ``derived/*.csv`` (specs/evaluation.md 3.2; docs/bundle.md)."""

from evaluation.core.derived.columns import COLUMNS, schemas
from evaluation.core.derived.files import files, table_csv
from evaluation.core.derived.votes import NAME, votes_analysis

__all__ = ["COLUMNS", "NAME", "files", "schemas", "table_csv", "votes_analysis"]
