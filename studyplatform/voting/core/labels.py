"""Names that tell things apart."""

from collections import Counter
from collections.abc import Sequence


def unique(labels: Sequence[str], marks: Sequence[str]) -> list[str]:
    """Each label, with its mark behind it where another is called the same."""
    called = Counter(labels)
    return [label if called[label] == 1 else f"{label} ({mark})" for label, mark in zip(labels, marks, strict=True)]
