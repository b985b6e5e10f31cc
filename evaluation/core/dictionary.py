"""The data dictionary: every table and column of a bundle, from the registries that also write it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from evaluation.core import derived
from evaluation.core.bundle import TABLES
from evaluation.core.bundle.columns import Column

Json = dict[str, Any]
WORDS = {"s": "text", "i": "integer", "f": "number", "b": "boolean", "t": "time"}


def dictionary() -> list[Json]:
    """Every table: its path, what a row is, whether a bundle needs it, and its columns."""
    wide = {table.name: table.wide for table in TABLES}
    found = [
        {
            "table": table.name, "path": table.path, "row": table.about, "needed": table.needed,
            "columns": [*map(_column, (*table.columns, *table.made)), *(_wide(*c) for c in wide[table.name])],
        }
        for table in TABLES
    ]  # fmt: skip
    for name, columns in derived.REGISTRY.items():
        more = [_wide(names, about, kind) for names, kind, about in derived.WIDE] if name == "votes_analysis" else []
        found.append(
            {
                "table": name, "path": f"derived/{name}.csv", "row": derived.ABOUT[name], "needed": False,
                "columns": [*map(_column, columns), *more],
            }
        )  # fmt: skip
    return found


def _column(column: Column) -> Json:
    found: Json = {"name": column.name, "type": WORDS[column.type], "unit": column.unit, "about": column.about}
    words = [word for word in column.among if word]
    flags = {"needed": column.needed, "made": column.made, "sealed": column.sealed}
    more: Json = {"words": words} if words else {}
    if column.to:
        more["refers_to"] = column.to
    return found | more | {name: True for name, is_so in flags.items() if is_so}


def _wide(names: str, about: str, kind: str = "s") -> Json:
    return {"name": names, "type": WORDS[kind], "unit": "as it is" if kind == "f" else "", "about": about}


def markdown() -> str:
    """The dictionary as the tables of docs/bundle.md."""
    return "\n".join(_lines(dictionary()))


def _lines(tables: Iterable[Json]) -> Iterator[str]:
    folder = ""
    for table in tables:
        if table["path"].split("/")[0] != folder:
            folder = table["path"].split("/")[0]
            yield f"### {folder}/\n"
        yield f"#### {table['table']}.csv\n"
        yield f"A row is {table['row']}.\n"
        yield "| column | type | unit | what it says |"
        yield "|---|---|---|---|"
        for column in table["columns"]:
            name = f"**{column['name']}**" if column.get("needed") else column["name"]
            if "<" in name:
                name = f"`{name}`"
            about = column["about"]
            if column.get("words"):
                about += f" One of {', '.join(column['words'])}."
            marks = [word for key, word in (("made", "made from others"), ("sealed", "sealed")) if column.get(key)]
            about += f" *({', '.join(marks)})*" if marks else ""
            yield f"| {name} | {column['type']} | {column['unit']} | {about.replace('|', chr(92) + '|')} |"
        yield ""
