"""The study as CSV files anyone can re-analyse, and back (specs/evaluation.md 3.1 and 3.2).

UTF-8, comma, LF, RFC 4180 quoting, missing = empty, booleans true/false, floats with repr precision, rows sorted by
primary key: two exports of the same data are byte-identical. Free text that a spreadsheet would run as a formula gets a
leading apostrophe, which reading takes off again.
"""

from evaluation.core.bundle.formats import FORMATS
from evaluation.core.bundle.package import described, explained
from evaluation.core.bundle.people import People
from evaluation.core.bundle.reading import Loaded, load, read
from evaluation.core.bundle.schema import Fact, fact
from evaluation.core.bundle.tables import TABLES, BundleError
from evaluation.core.bundle.writing import chunks, export_name, save, study_json, table_chunks, table_csv, write

__all__ = [
    "FORMATS",
    "TABLES",
    "BundleError",
    "Fact",
    "Loaded",
    "People",
    "chunks",
    "described",
    "explained",
    "export_name",
    "fact",
    "load",
    "read",
    "save",
    "study_json",
    "table_chunks",
    "table_csv",
    "write",
]
