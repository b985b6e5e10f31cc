"""The addresses of previews, which say that they were one when their rows are gone."""

import re

_SLUG = re.compile(r"preview-([0-9]{1,18})-[0-9a-f]{16}")


def preview_slug(study: int, number: str) -> str:
    """The slug of a preview of ``study`` (its pk); ``number`` are 16 hex digits that nobody guesses."""
    return f"preview-{study}-{number}"


def previewed(slug: str) -> int | None:
    """The pk of the study that a preview of this slug shows or showed; ``None`` where it is no preview's."""
    found = _SLUG.fullmatch(slug)
    return int(found[1]) if found else None
