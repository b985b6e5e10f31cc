"""Every address of a URLconf: its name, its pattern, and a path that fits it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

# What a path holds where nothing else is given: something that the converter or the expression takes.
FILL = {"int": "1", "slug": "one", "str": "one", "path": "1", "uuid": "00000000-0000-4000-8000-000000000001"}


@dataclass(frozen=True)
class Route:
    """A pattern with the namespaces it stands in; one without a name is called by its pattern."""

    name: str
    pattern: str
    callback: Any

    @property
    def captures(self) -> list[str]:
        """Names of what the pattern captures."""
        return re.findall(r"<(?:\w+:)?(\w+)>", self.pattern)

    @property
    def takes_other_methods(self) -> bool:
        """Whether it is a view of the API, which may answer PUT, PATCH and DELETE."""
        return hasattr(self.callback, "cls")

    def made_up(self, name: str) -> str:
        """Something that the capture of that name takes, and nothing is called so."""
        expression = re.search(rf"\(\?P<{name}>((?:[^()]|\([^()]*\))*)\)", self.pattern)
        if expression:
            return _fits(expression[1])
        converter = re.search(rf"<(?:(\w+):)?{name}>", self.pattern)
        return FILL[(converter and converter[1]) or "str"]

    def filled(self, **values: Any) -> str:
        """A path for the pattern; what is not among ``values`` is made up."""

        path = self.pattern
        for name in self.captures:
            value = str(values[name] if name in values else self.made_up(name))
            capture = rf"\(\?P<{name}>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?{name}>"
            path = re.sub(capture, value.replace("\\", ""), path, count=1)
        return "/" + path.replace("^", "").replace("$", "").replace("\\", "")


def _fits(expression: str) -> str:
    """The first of a few texts that the expression of a named group takes."""
    for text in ("a" * 32, "a" * 64, "1", "one", "plate0", "a.svg", "png", "voting", "preview-" + "0" * 24):
        if re.fullmatch(expression, text):
            return text
    raise LookupError(f"Give tests/config/addresses.py a text that {expression} takes.")


def routes(urlconf: Any = None) -> list[Route]:
    """All patterns of a URLconf (the root's if none is given), in order."""
    return list(_walk(get_resolver(urlconf), (), ""))


def _walk(resolver: URLResolver, spaces: tuple[str, ...], before: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        pattern = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield Route(":".join([*spaces, entry.name or pattern]), pattern, entry.callback)
        else:
            yield from _walk(entry, (*spaces, entry.namespace) if entry.namespace else spaces, pattern)
