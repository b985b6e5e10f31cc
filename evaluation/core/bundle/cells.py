"""What a cell of a bundle's file says."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from evaluation.core.bundle.tables import Column

#: An empty cell of a column that may be left out: what holds without the column holds here.
LEAVE = object()


def reader(column: Column, *, decimal_comma: bool) -> Callable[[str], Any]:
    """A function from the text of a cell to its value; it raises ``ValueError`` with the end of a sentence."""
    if column.free:
        return _free
    if column.type in ("s", "t") and not column.among:
        return str.strip if column.needed or column.to else _whole

    def read(text: str) -> Any:
        text = text.strip()
        if text == "" and not column.needed and "" not in column.among:
            return LEAVE
        if column.among:
            return _word(text, column.among)
        if column.type == "b":
            return _truth(text)
        if text == "" and column.empty:
            return None
        return _number(text.replace(",", ".") if decimal_comma else text, text, whole=column.type == "i")

    return read


def parameter(text: str, *, decimal_comma: bool) -> Any:
    """A parameter of the grid: JSON as exports write it, True and False, a number, or else the text itself.

    ``ValueError`` for JSON that is neither a text, a finite number, true nor false.
    """
    if text in ("True", "False"):
        return text == "True"
    try:
        value = json.loads(text.replace(",", ".") if decimal_comma and text[:1] != '"' else text, parse_int=_integer)
    except (json.JSONDecodeError, RecursionError):
        return text
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{text[:80]!r} is not a text, a finite number, true or false.")
    if isinstance(value, str) and not is_whole_text(value):
        raise ValueError(f"{text[:80]!r} holds half of a character (a lone surrogate).")
    return value


def is_whole_text(text: str) -> bool:
    r"""Whether ``text`` can be written: JSON may hold half of a character, such as '\ud800'."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_object(text: str) -> None:
    """``ValueError`` with the end of a sentence for a text that is neither empty nor a JSON object."""
    try:
        value = json.loads(text or "{}", parse_int=_integer)
    except (json.JSONDecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError(f"{text[:80]!r} is no JSON object.")


def _integer(digits: str) -> int:
    if not math.isfinite(float(digits)):
        raise ValueError(f"{digits[:80]} is too large a number.")
    return int(digits)


def _whole(text: str) -> str:
    return text


def _free(text: str) -> str:
    return text.removeprefix("'")


def _word(text: str, among: Sequence[str]) -> str:
    if text not in among:
        words = ", ".join(word or "(empty)" for word in among)
        raise ValueError(f"{text[:80]!r} is none of {words}.")
    return text


def _truth(text: str) -> bool:
    word = text.lower()  # R writes TRUE, pandas True
    if word not in ("true", "false", "1", "0"):
        raise ValueError(f"{text[:80]!r} is neither true nor false.")
    return word in ("true", "1")


def _number(text: str, shown: str, *, whole: bool) -> int | float:
    try:
        number = float("" if "_" in text else text)
        if whole and number.is_integer():
            number = int(text) if text.lstrip("+-").isdigit() else int(number)  # pandas writes 1500.0
    except ValueError as error:
        raise ValueError(f"{shown[:80]!r} is not {'a whole number' if whole else 'a number'}.") from error
    if not math.isfinite(number):
        raise ValueError(f"{shown[:80]} is not finite.")
    if whole and not isinstance(number, int):
        raise ValueError(f"{shown[:80]!r} is not a whole number.")
    return number
