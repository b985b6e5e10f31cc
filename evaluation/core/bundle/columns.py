"""What a column of a bundle's file is: its name and meaning for readers, its type and rules for programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Ids name files too, so they hold nothing a path could be made of (specs/evaluation.md 3.1).
ID = re.compile(r"(?!\.)[A-Za-z0-9_.:-]+")


class BundleError(ValueError):
    """A bundle that cannot be read; the text names the file, the row and the column, and what would mend it."""


@dataclass(frozen=True)
class Column:
    """A column: its name in the file, the field it holds, its type (s text, i integer, f number, b boolean, t time) and
    what it says.

    ``unit``: of a number. ``free``: whether people wrote it. ``among``: the only words allowed. ``to``: the table whose
    ids it holds. ``empty``: whether a number may be missing (a cell that is no number is then read as missing, and
    said). ``needed``: a file without it cannot be read; every other column may be left out (docs/bundle.md says what it
    then is). ``made``: it repeats or sums up what other columns say; reading passes it over. ``sealed``: it tells which
    picture was chosen, and stays in the house while people vote.
    """

    name: str
    field: str
    type: str
    about: str
    unit: str = ""
    free: bool = False
    among: tuple[str, ...] = ()
    to: str = ""
    empty: bool = False
    needed: bool = False
    made: bool = False
    sealed: bool = False


@dataclass(frozen=True)
class Table:
    """A file: its name, the rows it holds in the study, their class, what a row is, and its columns.

    ``key``: the fields that tell its rows apart. ``needed``: a bundle without the file cannot be read. ``wide``: what
    its columns beyond these are called, and what they say.
    """

    name: str
    field: str
    row: Callable[..., Any]
    about: str
    all_columns: tuple[Column, ...]
    key: tuple[str, ...]
    needed: bool = False
    wide: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """Where the file lies in a bundle."""
        return f"data/{self.name}.csv"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are read."""
        return tuple(c for c in self.all_columns if not c.made)

    @property
    def made(self) -> tuple[Column, ...]:
        """The columns that are only written."""
        return tuple(c for c in self.all_columns if c.made)


def column(name: str, about: str, type: str = "s", field: str = "", **more: Any) -> Column:  # noqa: A002
    """A column that may be left out."""
    return Column(name, field or name, type, about, **more)


def needed(name: str, about: str, type: str = "s", field: str = "", **more: Any) -> Column:  # noqa: A002
    """A column without which the file cannot be read."""
    return column(name, about, type, field, needed=True, **more)


def made(name: str, about: str, type: str = "s", **more: Any) -> Column:  # noqa: A002
    """A column that follows from others."""
    return column(name, about, type, made=True, **more)
