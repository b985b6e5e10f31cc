"""Numbers as a reader meets them: percent, intervals, p-values; nothing breaks inside a number and its unit."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from evaluation.core.words import p_text


def percent(value: float | None) -> str | None:
    """'64 %', '−3 %', or None; the space does not break."""
    return None if value is None else f"{100 * value:.0f}\u00a0%".replace("-", "−")


def interval(low: float | None, high: float | None) -> str | None:
    """'58–70', in percent, or None."""
    return None if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f}"


def signed_interval(low: float | None, high: float | None) -> str | None:
    """'−0.10 to +0.40', or None."""
    return None if low is None or high is None else f"{signed(low)} to {signed(high)}"


def signed(value: float | None) -> str | None:
    """'+0.60', '−0.51', '0.00', or None."""
    if value is None:
        return None
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def plain(value: float | None) -> str | None:
    """Three significant digits: '0.0123', '1,234', '−0.5'; or None."""
    if value is None:
        return None
    text = f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.3g}"
    return text.replace("-", "−")


def plain_interval(low: float | None, high: float | None) -> str | None:
    """'0.12 to 0.4', or None."""
    return None if low is None or high is None else f"{plain(low)} to {plain(high)}"


def chance(p: float | None) -> str | None:
    """'p = .023' without a line break, or None."""
    return None if p is None else p_text(p).replace(" ", "\u00a0")


def unbroken(labels: Iterable[str]) -> Callable[[Any], Any]:
    """A function that takes the line breaks out of 'lr 0.3', '95 %' and 'p < .001' in every text of a JSON value."""
    bound = {label: re.sub(r" (?=[\d.])", "\u00a0", label) for label in labels}
    # Longer labels first: 'lr 0.1' is also the beginning of 'lr 0.15'.
    changed = sorted((label for label in bound if bound[label] != label), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, changed)) or r"(?!)")

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        if not isinstance(value, str):
            return value
        text = pattern.sub(lambda found: bound[found.group()], value)
        return re.sub(r"(?<=\d) (?=%)|(?<=\bp) (?=[<=] )|(?<=\bp [<=]) ", "\u00a0", text)

    return walk
