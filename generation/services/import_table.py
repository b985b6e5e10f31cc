"""The table of renders made elsewhere: rows with the bytes of their pictures, or a sentence that names the mistake."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from generation.core import images
from generation.models import Metric

REQUIRED = ("file", "scene", "condition")
OPTIONAL = ("content", "seed")
LONGEST_WORD = 120  # characters of a scene, a condition or a column name
LONGEST_CELL = 10_000


class ImportRefused(ValueError):  # noqa: N818  (reads as what it says)
    """A folder or table that cannot be imported; the text names the row or column and the mend."""


@dataclass(frozen=True)
class Column:
    """What a column means. ``kind``: ``parameter`` or ``metric``; direction, scope and role are a metric's."""

    name: str
    kind: str
    direction: str = ""
    scope: str = ""
    role: str = "independent"

    def __post_init__(self) -> None:
        """Refuse a metric whose direction or scope nobody stated."""
        if self.kind == "metric":
            if self.direction not in Metric.Direction.values:
                raise ImportRefused(f"Column {self.name!r}: say whether lower_better or higher_better.")
            if self.scope not in Metric.Scope.values:
                raise ImportRefused(
                    f"Column {self.name!r}: say within what it is comparable (all, scene, objective, run)."
                )
            if self.role not in Metric.Role.values:
                raise ImportRefused(f"Column {self.name!r}: its role is one of {', '.join(Metric.Role.values)}.")
        elif self.kind != "parameter":
            raise ImportRefused(f"Column {self.name!r} is either a parameter or a metric.")


@dataclass(frozen=True)
class Row:
    """One line of the table, with the bytes of its pictures."""

    line: int
    scene: str
    condition: str
    seed: int
    image: bytes
    content: bytes | None
    cells: Mapping[str, str]


def table_columns(text: str) -> list[str]:
    """The columns of a scores table that must be declared. Raises :class:`ImportRefused` when a required one lacks."""
    header, _ = _read(text)
    return [name for name in header if name not in (*REQUIRED, *OPTIONAL)]


def table_files(text: str) -> set[str]:
    """Every file that the table names, as it is written there."""
    _, lines = _read(text)
    return {cells[name] for _, cells in lines for name in ("file", "content") if cells.get(name)}


def table_rows(text: str, read: Callable[[str], bytes], names: Sequence[str]) -> list[Row]:
    """The rows of the table, their pictures read through ``read(file)``; ``names`` are the declared columns."""
    _, lines = _read(text)
    if not lines:
        raise ImportRefused("The table has a header and no rows.")
    seen: dict[tuple[str, str, int], int] = {}
    photographs: dict[str, str] = {}
    rows: list[Row] = []
    for line, cells in lines:
        row = _row(line, cells, read, names)
        key = (row.scene, row.condition, row.seed)
        if key in seen:
            raise ImportRefused(f"Lines {seen[key]} and {line} are the same scene, condition and seed.")
        seen[key] = line
        content = cells.get("content", "")
        if photographs.setdefault(row.scene, content) != content:
            raise ImportRefused(f"Line {line}: the scene {row.scene!r} has another content than before; it has one.")
        rows.append(row)
    return rows


def _read(text: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header and numbered lines of the CSV, every line with as many cells as the header."""
    try:
        table = list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline="")))
    except csv.Error as error:
        raise ImportRefused(f"The table is not CSV: {error}. Save it as CSV (comma separated, UTF-8).") from None
    header = table[0] if table else []
    for name in REQUIRED:
        if name not in header:
            hint = " Cells are separated by commas, not by semicolons." if ";" in "".join(header) else ""
            raise ImportRefused(
                f"The table has no column {name!r}. It needs {', '.join(REQUIRED)}; it has {header}.{hint}"
            )
    for name in header:
        if header.count(name) > 1:
            raise ImportRefused(f"The table has the column {name!r} twice.")
        if not 0 < len(name.strip()) <= LONGEST_WORD:
            raise ImportRefused(f"The table has a column without a name, or with a very long one: {name[:40]!r}.")
    lines: list[tuple[int, dict[str, str]]] = []
    for line, cells in enumerate(table[1:], 2):
        if not cells:
            continue
        if len(cells) != len(header):
            raise ImportRefused(f"Line {line} has another number of cells than the header.")
        for name, cell in zip(header, cells, strict=True):
            if len(cell) > LONGEST_CELL:
                raise ImportRefused(f"Line {line}: {name} has more than {LONGEST_CELL} characters.")
        lines.append((line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}))
    return header, lines


def _row(line: int, cells: Mapping[str, str], read: Callable[[str], bytes], names: Sequence[str]) -> Row:
    for name in REQUIRED:
        if not cells[name]:
            raise ImportRefused(f"Line {line}: {name} is empty.")
        if name != "file" and len(cells[name]) > LONGEST_WORD:
            raise ImportRefused(f"Line {line}: {name} has more than {LONGEST_WORD} characters.")
    content = cells.get("content")
    return Row(
        line=line,
        scene=cells["scene"],
        condition=cells["condition"],
        seed=_seed(line, cells.get("seed") or "0"),
        image=_picture(line, cells["file"], read),
        content=_picture(line, content, read) if content else None,
        cells={name: cells[name] for name in names},
    )


def _seed(line: int, text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**31):
        raise ImportRefused(f"Line {line}: seed {text[:20]!r} is not a whole number from 0 to 2147483647.")
    return int(text)


def _picture(line: int, file: str, read: Callable[[str], bytes]) -> bytes:
    """The picture, re-encoded from its pixels: what people will see is exactly this PNG."""
    try:
        data = read(file)
    except OSError as error:
        raise ImportRefused(f"Line {line}: {file}: {error.strerror or error}.") from None
    except ImportRefused:
        raise
    except ValueError:  # a NUL in the name
        raise ImportRefused(f"Line {line}: {file!r} is not the name of a file.") from None
    try:
        return images.encode_png(images.decode(data, file))
    except images.ImageError as error:
        raise ImportRefused(f"Line {line}: {error}") from None
