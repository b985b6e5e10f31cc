"""The studies that come with the project, as files to import."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from studyplatform.voting.services.errors import StudyError

SUFFIX = ".study.json"


@dataclass(frozen=True)
class Ready:
    """A study that comes with the project: the name of its file, its title, what it expects, notes on its source."""

    name: str
    title: str
    hypothesis: str
    notes: str


def ready_studies() -> list[Ready]:
    """All of them, by name."""
    options = {name: data["study"] for name, data in sorted(_files().items())}
    return [Ready(name, s["title"], s["hypothesis"], s["prereg_notes"]) for name, s in options.items()]


def ready_text(name: str) -> bytes:
    """The study file called ``name`` with its grid files written into it. Raises :class:`StudyError`."""
    if name not in _files():
        known = ", ".join(sorted(_files()))
        raise StudyError(f"No study that comes with the project is called {name!r}. Known: {known}.")
    return json.dumps(_files()[name], ensure_ascii=False).encode()


@cache
def _files() -> dict[str, dict[str, Any]]:
    """The files by name. A grid file that lies in fixtures/grids is named there and not written twice."""
    fixtures = Path(settings.BASE_DIR) / "fixtures"
    found = {}
    for path in (fixtures / "studies").glob(f"*{SUFFIX}"):
        data = json.loads(path.read_text())
        for grid in data["grids"]:
            grid["toml"] = (fixtures / "grids" / grid.pop("file")).read_text()
        found[path.name.removesuffix(SUFFIX)] = data
    return found
