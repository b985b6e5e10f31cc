"""All that comes of a bundle: for each question results, figures, tables and a page; and what explains them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from evaluation.core import derived, standalone
from evaluation.core.analysis import analyse
from evaluation.core.bundle import Loaded, described
from evaluation.core.figures import chart_files
from evaluation.core.options import Options

Json = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """``results``: the analysis of each question. ``files``: path -> bytes of all there is to write."""

    results: tuple[Json, ...]
    files: dict[str, bytes]


def outcome(loaded: Loaded, options: Options) -> Outcome:
    """Analyse every question of ``loaded``. The same study, notes and options give the same bytes."""
    results = tuple(analyse(loaded.data, options, question=q.id) for q in loaded.data.asked)
    files = {"notes.txt": "".join(f"{note}\n" for note in loaded.notes).encode()}
    for result in results:
        figures = chart_files(result)
        text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        own = figures | derived.files(result, loaded.data)
        own |= {"results.json": text.encode(), "report.html": standalone.page(result, figures)}
        files |= {f"{result['question']['id']}/{name}": content for name, content in own.items()}
    # The data of the figures are described by the figures, not by the package.
    tables = {path: content for path, content in files.items() if "/derived/" in path or not path.endswith(".csv")}
    package = described(tables, loaded.data, derived.schemas(tables), options=options.to_json())
    return Outcome(results, files | package)
