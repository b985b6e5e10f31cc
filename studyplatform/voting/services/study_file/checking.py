"""Values of a study file checked one by one, as the models check theirs; each mistake is a sentence with its place."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

#: Entries of a list in the file, at most.
MOST = 5_000

Problems = list[str]
# What is accepted for each kind of field, and its words.
KINDS: tuple[tuple[type["models.Field[Any, Any]"], Callable[[Any], bool], str], ...] = (
    (models.BooleanField, lambda v: isinstance(v, bool), "true or false"),
    (models.IntegerField, lambda v: isinstance(v, int) and not isinstance(v, bool), "a whole number"),
    (models.FloatField, lambda v: isinstance(v, int | float) and not isinstance(v, bool), "a number"),
    (models.DecimalField, lambda v: v is None or isinstance(v, str), 'an amount as text, like "2.50", or null'),
    (
        models.DateTimeField,
        lambda v: v is None or isinstance(v, str),
        "a date and hour like 2026-05-04T09:00:00Z, or null",
    ),
    (models.TextField, lambda v: isinstance(v, str), "text"),
    (models.CharField, lambda v: isinstance(v, str), "text"),
)


def shown(value: object) -> str:
    """A value from the file as a sentence may hold it."""
    words = json.dumps(value, ensure_ascii=True)
    return words if len(words) <= 60 else words[:57] + "…"


def known(entries: Mapping[str, Any], names: Iterable[str], where: str, problems: Problems) -> None:
    """Say which keys are not among ``names``, and which one was meant."""
    names = list(names)
    for name in entries:
        if name not in names:
            near = get_close_matches(name, names, 1)
            here = f"Known here: {', '.join(names)}." if len(names) <= 10 else "Take it out, or correct its name."
            meant = f"Did you mean {near[0]}?" if near else here
            problems.append(f"{where}{shown(name)} is not known. {meant}")


def entry(value: object, names: Iterable[str], where: str, problems: Problems) -> dict[str, Any]:
    """An object with no other keys than ``names``; empty where it is none."""
    if not isinstance(value, dict):
        problems.append(f"{where} must be an object in braces, not {shown(value)}.")
        return {}
    known(value, names, f"{where}.", problems)
    return value


def listed(value: object, where: str, problems: Problems) -> list[Any]:
    """A list; empty where it is none, and cut where it is far too long."""
    if not isinstance(value, list):
        problems.append(f"{where} must be a list in square brackets, not {shown(value)}.")
        return []
    if len(value) > MOST:
        problems.append(f"{where} has {len(value)} entries; at most {MOST} are read.")
    return value[:MOST]


def row(
    model: type[models.Model], value: object, names: tuple[str, ...], where: str, problems: Problems
) -> dict[str, Any]:
    """The fields of one row: those that are written, checked as the model checks them, and defaults for the rest."""
    entries = entry(value, names, where, problems)
    read: dict[str, Any] = {}
    for name in names:
        field = model._meta.get_field(name)
        assert isinstance(field, models.Field)  # noqa: S101  (tells the type checker; a study file names no relations)
        if name in entries:
            read[name] = value_of(field, entries[name], f"{where}.{name}", problems)
        elif field.has_default() or field.blank:
            read[name] = field.get_default()
        else:
            problems.append(f"{where}.{name} is missing. It must be {_wanted(field)}.")
    return read


def _wanted(field: "models.Field[Any, Any]") -> str:
    if field.choices:
        return "one of " + ", ".join(str(choice) for choice, _ in field.flatchoices)
    return next(words for kind, _, words in KINDS if isinstance(field, kind))


def value_of(field: "models.Field[Any, Any]", given: object, where: str, problems: Problems) -> Any:
    """What is ``given`` as the field keeps it; ``None`` and a sentence where it cannot."""
    kind, fits, _ = next(row for row in KINDS if isinstance(field, row[0]))
    reasons = f"It must be {_wanted(field)}."
    if fits(given) and (not isinstance(given, str) or storable(given)):
        try:
            return field.clean(_converted(kind, given), None)
        except (ValueError, ArithmeticError):
            pass
        except ValidationError as error:
            own = " ".join(str(message) for message in error.messages)
            reasons = f"{own} {reasons}" if field.choices else own
    problems.append(f"{where}: {shown(given)} is not allowed. {reasons}")
    return None


def _converted(kind: type["models.Field[Any, Any]"], given: Any) -> Any:
    """A moment, an amount or a number from its JSON; ``ValueError`` or ``ArithmeticError`` for what is none."""
    if kind is models.FloatField:
        return float(given)
    if kind is models.DateTimeField and given is not None:
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is None:
            raise ValueError("a moment without its zone")
        return moment.astimezone(UTC)
    if kind is models.DecimalField and given is not None:
        amount = Decimal(given)
        if not amount.is_finite():
            raise ValueError("no amount")
        return amount
    return given


def storable(text: str) -> bool:
    """Whether every database keeps it: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
