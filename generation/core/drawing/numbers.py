"""Numbers as short text."""

from __future__ import annotations


def short(value: float, digits: int = 6) -> str:
    """A number with at most ``digits`` significant ones and a real minus sign: 0.001, 41.7e9 as 4.17e10."""
    mantissa, _, power = f"{value:.{digits}g}".partition("e")
    return (f"{mantissa}e{int(power)}" if power else mantissa).replace("-", "−")


def short_number(value: float) -> str:
    """A number for a tick: 441330 -> '441.3k'; 0.00012 -> '0.00012'; 4.17e13 -> '4.17e13'."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(value) < 1e12:
            return short(value / size, 4) + letter
    return short(value, 4)
