"""Small readers of a grid file: each gives what is asked for or raises a :class:`GridError` that names what is wrong.

``where`` is the place in the file as its author knows it, for the sentence: ``[grid]``, ``[[conditions]] block 2``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from generation.core.spec import Scalar
from generation.core.tasks import Method, Param, ParameterError

AUTO = "auto"
Row = dict[str, Scalar]
#: Tables and lists within each other; a grid file needs five.
DEEPEST = 20
_TOO_DEEP = f"The grid file nests its tables or lists deeper than {DEEPEST} levels. Write it flatter."
_TOO_LONG = "The grid file has a whole number of more than 18 digits (TOML's are of 64 bits). Write a shorter one."


class GridError(ValueError):
    """A mistake in a grid file; the text names it and the mend."""


def loaded(words: str) -> dict[str, Any]:
    """The tables of a grid file. Raises :class:`GridError` for what is no TOML, or none that a sentence could quote."""
    try:
        data = tomllib.loads(words)
    except tomllib.TOMLDecodeError as error:
        raise GridError(f"The grid file is not valid TOML: {error}.") from None
    except RecursionError:
        raise GridError(_TOO_DEEP) from None
    except ValueError:  # Python reads no longer ones
        raise GridError(_TOO_LONG) from None
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        if any(isinstance(value, int) and value.bit_length() > 63 for value in level):
            raise GridError(_TOO_LONG)
        below = (value.values() if isinstance(value, dict) else value for value in level if _holds(value))
        if not (level := [value for values in below for value in values]):
            return data
    raise GridError(_TOO_DEEP)


def _holds(value: object) -> bool:
    return isinstance(value, dict | list)


def only(entries: Mapping[str, object], allowed: Sequence[str], where: str) -> None:
    """Refuse a key that is not among ``allowed``."""
    for key in entries:
        if key not in allowed:
            raise GridError(f"{where}: unknown key {key!r}. Known: {', '.join(allowed)}.")


def table(data: Mapping[str, Any], name: str, *, required: bool = False) -> dict[str, Any]:
    """The table called ``name``; empty where it is not written and not ``required``."""
    if name not in data:
        if required:
            raise GridError(f"The grid file has no [{name}] table.")
        return {}
    if not isinstance(data[name], dict):
        raise GridError(f"{name} must be a table, written as [{name}].")
    found: dict[str, Any] = data[name]
    return found


def text(entries: Mapping[str, object], key: str, where: str, longest: int = 120) -> str:
    """The text under ``key``, without the blanks around it: there, not empty, at most ``longest`` characters."""
    value = entries.get(key)
    if not isinstance(value, str) or not value.strip():
        raise GridError(f'{where}: {key} is missing. Write {key} = "...".')
    return short(value.strip(), f"{where} {key}", longest)


def short(words: str, where: str, longest: int = 120) -> str:
    """``words`` if they fit where they are stored and shown."""
    if len(words) > longest:
        raise GridError(f"{where} has {len(words)} characters; at most {longest} are allowed.")
    return words


def axis(name: str, values: object, where: str) -> list[Any]:
    """A list of at least one value."""
    if not isinstance(values, list):
        raise GridError(f"{where}: {name} must be a list of values, for example {name} = [1, 2].")
    if not values:
        raise GridError(f"{where}: the axis {name} is empty. Give it at least one value or take it out.")
    return values


def resolve(method: Method, entries: Mapping[str, Any], choose: Callable[[str, Param], Scalar] | None) -> Row:
    """The parameters with ``choose(name, param)`` in place of each ``"auto"`` that is no choice of its own."""
    resolved: Row = {}
    for name, value in entries.items():
        param = method.params.get(name)
        if value == AUTO and param is not None and param.kind == "choice" and AUTO not in param.choices:
            if choose is None:
                raise GridError(f'[parameters] {name} = "auto": nothing here can choose; name one of {param.choices}.')
            value = choose(name, param)
        resolved[name] = value
    return resolved


def complete(method: Method, row: Mapping[str, object], where: str) -> Row:
    """The row with the defaults of the method filled in and every value checked."""
    try:
        return method.complete(row)
    except ParameterError as error:
        raise GridError(f"{where}: {error}") from None
