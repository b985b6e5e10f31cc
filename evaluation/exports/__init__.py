"""The data of a study on their way out: one bundle for the download, the command and the API, streamed."""

from evaluation.exports.contents import Export
from evaluation.exports.leaving import (
    LAYOUTS,
    bundle_save,
    bundle_zip,
    export_record,
    file_name,
    table_stream,
    votes_for,
)

__all__ = [
    "LAYOUTS",
    "Export",
    "bundle_save",
    "bundle_zip",
    "export_record",
    "file_name",
    "table_stream",
    "votes_for",
]
