"""Lengths of time in words, as people say them of work that lies ahead. Torch-free."""


def in_words(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``, ``2.1 days``: two digits are as many as a foretold time has."""
    for unit, length, until in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds / length < until:
            value = seconds / length
            return f"{value:.0f} {unit}" if value >= 10 or unit == "s" else f"{value:.2g} {unit}"
    return f"{seconds / 86400:.2g} days"
