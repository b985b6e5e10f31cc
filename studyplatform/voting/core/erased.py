"""Names of somebody who is erased, taken out of what stays: texts and decoded JSON."""

import re
from collections.abc import Iterable
from typing import Any

ERASED = "erased"


def names_found(names: Iterable[str]) -> re.Pattern[str]:
    """Finds each of ``names`` as a whole word; “12” is no word of “2026-12-01”, “12:30” or “0.12”."""
    # The longest first: a name may begin with another one.
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?<!\d[.:-])(?:{words})(?!\w)(?![.:-]\d)" if words else r"(?!)")


def without_names(value: Any, found: re.Pattern[str]) -> Any:
    """Decoded JSON with :data:`ERASED` for what ``found`` finds in its strings; numbers and keys stay as they are."""
    if isinstance(value, dict):
        return {key: without_names(inner, found) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_names(inner, found) for inner in value]
    return found.sub(ERASED, value) if isinstance(value, str) else value
