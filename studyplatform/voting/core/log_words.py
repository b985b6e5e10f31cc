"""What an entry of the audit log says beside its action, as sentences."""

from collections.abc import Mapping
from typing import Any

#: Longer texts are cut on the page; the log keeps them whole.
SHOWN = 160
DIGEST = 64


def log_words(data: Mapping[str, Any]) -> list[str]:
    """Every value of ``data`` in words: “title: “Old” → “New””, “design: SHA-256 9f86d081884c…”."""
    found = [f"{_name(key)}: {_change(pair)}" for key, pair in dict(data.get("changes") or {}).items()]
    found += [f"{_name(key)}: {_value(value)}" for key, value in data.items() if key != "changes" and value != ""]
    return found


def _name(key: str) -> str:
    return str(key).replace("_", " ")


def _change(pair: Any) -> str:
    if not isinstance(pair, list) or len(pair) != 2:
        return _value(pair)
    before, after = pair
    if isinstance(before, list) and isinstance(after, list):
        gone = [f"without {_value(row)}" for row in before if row not in after]
        come = [f"with {_value(row)}" for row in after if row not in before]
        return ", ".join(come + gone) or "another order"
    return f"{_value(before)} → {_value(after)}"


def _value(value: Any) -> str:
    if value is None or value == "" or value == [] or value == {}:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_name(key)} {_value(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(inner) for inner in value)
    if not isinstance(value, str):
        return str(value)
    if len(value) == DIGEST and all(letter in "0123456789abcdef" for letter in value):
        return f"SHA-256 {value[:12]}…"
    one = " ".join(value.split())
    return f"“{one if len(one) <= SHOWN else one[: SHOWN - 1] + '…'}”"
