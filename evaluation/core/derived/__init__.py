"""What the analysis of a study comes to, as tables: ``derived/*.csv`` (specs/evaluation.md 3.2; docs/bundle.md)."""

from evaluation.core.bundle.schema import Schema
from evaluation.core.derived.columns import ABOUT, COLUMNS, REGISTRY, VOTES, WIDE, schemas
from evaluation.core.derived.files import files, table_csv, tables
from evaluation.core.derived.votes import NAME, VoteRows, votes_analysis

__all__ = [
    "ABOUT",
    "COLUMNS",
    "NAME",
    "REGISTRY",
    "VOTES",
    "WIDE",
    "Schema",
    "VoteRows",
    "files",
    "schemas",
    "table_csv",
    "tables",
    "votes_analysis",
]
