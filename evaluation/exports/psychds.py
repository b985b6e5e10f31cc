"""An export in the layout of Psych-DS: the same parts, placed and named as that standard asks."""

from __future__ import annotations

import json
from collections.abc import Iterator

from evaluation.core.bundle import psychds
from evaluation.exports import about
from evaluation.exports.contents import Export, Part


def psychds_parts(export: Export) -> Iterator[Part]:
    """All files, those that explain the others last; each is passed on as the bundle makes it."""
    study = export.study
    explaining = {}
    for path, content in export.parts():
        if path in ("datapackage.json", "manifest.json"):
            explaining[path] = json.loads(b"".join(content))
        elif place := psychds.placed(path, study.slug, simulated=study.simulated):
            yield place, content
    files = psychds.laid_out(
        explaining["datapackage.json"],
        explaining["manifest.json"],
        author=about.owner_name(study),
        licence=study.data_licence.strip(),
    )
    for path, text in files.items():
        yield path, [text]
