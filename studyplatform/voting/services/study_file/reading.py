"""A study file read: every mistake at once, a sentence each, and nothing stored."""

import json
from typing import Any, NoReturn

from generation.models import Grid
from studyplatform.voting.models import Panel, Question, Quota, Study
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.study_file import checking, form
from studyplatform.voting.services.study_file.checking import Problems, shown, storable

#: Bytes of the largest study file; the grid files are nearly all of it.
LONGEST = 2_000_000


def study_read(data: bytes) -> dict[str, Any]:
    """The parts of a study file, checked, with the model's defaults where an option is not written.

    Raises :class:`StudyError` with a sentence for each mistake, which names its place in the file.
    """
    parts = _json(data)
    if not isinstance(parts, dict) or parts.get("format") != form.FORMAT:
        raise StudyError(f'This is no study file: one begins with "format": "{form.FORMAT}".')
    version = parts.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise StudyError(f"version: {shown(version)} is no version of a study file; this one writes {form.VERSION}.")
    if version > form.VERSION:
        raise StudyError(
            f"version: this file has version {version}, written by a newer Eyeballot; this one reads {form.VERSION}. "
            "Update it, then import the file."
        )
    problems: Problems = []
    checking.known(parts, form.PARTS, "", problems)
    read = {
        "study": _study(parts.get("study"), problems),
        "questions": _questions(parts.get("questions", []), problems),
        "panel": checking.row(Panel, parts.get("panel"), form.PANEL_OPTIONS, "panel", problems)
        if parts.get("panel") is not None
        else None,
        "quotas": _quotas(parts.get("quotas", []), problems),
        "left_out": _left_out(parts.get("left_out", {}), problems),
        "grids": _grids(parts.get("grids", []), problems),
    }
    if problems:
        raise StudyError(*problems)
    return read


def _json(data: bytes) -> Any:
    if len(data) > LONGEST:
        raise StudyError(f"The file has {len(data):,} bytes; a study file has at most {LONGEST:,}. It is none of ours.")
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number, object_pairs_hook=_no_key_twice)
    except UnicodeDecodeError:
        raise StudyError("This is no study file: it is not text in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise StudyError(
            f"This is no study file: it is not JSON from line {error.lineno}, column {error.colno} on ({error.msg})."
        ) from None
    except RecursionError:
        raise StudyError("This is no study file: it is nested far too deeply.") from None
    except ValueError as error:
        raise StudyError(f"This is no study file: {error}") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number that a study file may hold.")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} stands twice in one place.")
    return found


def _study(value: object, problems: Problems) -> dict[str, Any]:
    before = len(problems)
    read = checking.row(Study, value if value is not None else {}, form.STUDY_OPTIONS, "study", problems)
    if len(problems) == before and read["opens_at"] and read["ends_at"] and read["opens_at"] >= read["ends_at"]:
        problems.append("study.ends_at: the last day and hour must lie after the first (study.opens_at).")
    return read


def _questions(value: object, problems: Problems) -> list[str]:
    read: list[str] = []
    for number, preset in enumerate(checking.listed(value, "questions", problems)):
        where = f"questions[{number}]"
        if not isinstance(preset, str) or preset not in Question.Preset.values:
            problems.append(f"{where}: {shown(preset)} is not known. Known: {', '.join(Question.Preset.values)}.")
        elif preset in read:
            problems.append(f"{where}: {preset} is asked already; a study asks each question once.")
        else:
            read.append(preset)
    return read


def _quotas(value: object, problems: Problems) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = []
    for number, entry in enumerate(checking.listed(value, "quotas", problems)):
        where, before = f"quotas[{number}]", len(problems)
        quota = checking.row(Quota, entry, form.QUOTA_OPTIONS, where, problems)
        if len(problems) > before:
            continue
        if (quota["kind"] == Quota.Kind.PARAMETER) != bool(quota["parameter"]):
            problems.append(f"{where}.parameter: a quota names one if its kind is “parameter”, and only then.")
        same = ("kind", "parameter", "value")
        if any(all(quota[name] == other[name] for name in same) for other in read):
            problems.append(f"{where}: there is a quota for the same people already.")
        read.append(quota)
    return read


def _left_out(value: object, problems: Problems) -> dict[str, list[dict[str, str]]]:
    entries = checking.entry(value, ("scenes", "conditions"), "left_out", problems)
    read: dict[str, list[dict[str, str]]] = {}
    for kind in ("scenes", "conditions"):
        where = f"left_out.{kind}"
        read[kind] = []
        for number, entry in enumerate(checking.listed(entries.get(kind, []), where, problems)):
            place = f"{where}[{number}]"
            fields = checking.entry(entry, form.LEFT_OUT, place, problems)
            digest, label = fields.get("digest"), fields.get("label", "")
            if not _is_digest(digest):
                problems.append(f"{place}.digest must be 64 lower-case hex digits, not {shown(digest)}.")
            elif not isinstance(label, str) or not storable(label):
                problems.append(f"{place}.label must be text, not {shown(label)}.")
            else:
                read[kind].append({"digest": str(digest), "label": label})
    return read


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")


def _grids(value: object, problems: Problems) -> list[dict[str, str]]:
    read: list[dict[str, str]] = []
    for number, entry in enumerate(checking.listed(value, "grids", problems)):
        where, before = f"grids[{number}]", len(problems)
        fields = checking.entry(entry, form.GRID, where, problems)
        slug = checking.value_of(Grid._meta.get_field("slug"), fields.get("slug"), f"{where}.slug", problems)
        digest, toml = fields.get("digest", ""), fields.get("toml", "")
        if digest != "" and not _is_digest(digest):
            problems.append(f"{where}.digest must be 64 lower-case hex digits, or empty, not {shown(digest)}.")
        if not isinstance(toml, str) or not storable(toml):
            problems.append(f"{where}.toml must be the text of a grid file, not {shown(toml)}.")
        if len(problems) == before and any(slug == other["slug"] for other in read):
            problems.append(f"{where}: the grid {slug} stands in the file already.")
        if len(problems) == before:
            read.append({"slug": str(slug), "digest": str(digest), "toml": str(toml)})
    return read
