"""Whether a pack fits into the memory of this machine, asked before a photograph is read."""

from __future__ import annotations

import os

from generation.core.photographs.options import PackOptions, PhotographsError

#: A pack is put together in memory from its pictures: for a moment it is there twice.
_TIMES = 2
_GIB = 1 << 30


def memory() -> int:
    """The bytes of memory of this machine; 0 where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def check(count: int, options: PackOptions, masks: bool, there: int) -> None:
    """Raise :class:`PhotographsError` where the pack of ``count`` photographs has no room in ``there`` bytes (0: not
    known), with the number that has."""
    each = options.side**2 * (4 if masks else 3) * options.crops
    taken = min(count, options.limit or count)
    if not there or taken * each * _TIMES <= there:
        return
    cuts = f", {options.crops} squares of each," if options.crops > 1 else ""
    said = (
        f"{taken:,} photographs{cuts} at {options.side} px are a pack of {taken * each / _GIB:,.1f} GiB. It is put "
        f"together in memory, which takes twice as much, and this machine has {there / _GIB:,.1f} GiB. "
    )
    fitting = _round(there // (each * _TIMES))
    raise PhotographsError(
        said + (f"Write limit = {fitting}, or train" if fitting else "Train") + " on smaller squares."
    )


def _round(number: int) -> int:
    """Down to two digits: 38 912 becomes 38 000."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return number // step * step
