"""When a study will be complete, reckoned from the pace of the last day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Projection:
    """The moment at which the last missing session would be complete; ``None`` with the reason in ``sentence``."""

    at: datetime | None
    sentence: str


def projection(
    *, now: datetime, wanted: int, finished: Sequence[datetime], ends_at: datetime | None = None
) -> Projection:
    """When ``wanted`` sessions will be complete if they go on finishing as in the last 24 hours.

    ``finished``: the moments at which those that count were completed. Where nobody finished in the last day, or the
    first did less than a day ago, the pace is that since the first one finished.
    """
    missing = wanted - len(finished)
    if missing <= 0:
        return Projection(None, f"All {wanted} sessions are complete.")
    if len(finished) < 2:
        return Projection(None, "Two complete sessions are needed to reckon a pace.")
    latest = [at for at in finished if now - at <= DAY]
    first = min(finished)
    if latest and now - first > DAY:
        pace, words = len(latest) / DAY.total_seconds(), f"{len(latest)} were completed in the last 24 hours"
    else:
        since = max(now - first, timedelta(minutes=1))
        pace, words = len(finished) / since.total_seconds(), f"{len(finished)} were completed since {_said(first)}"
    try:
        at = now + timedelta(seconds=missing / pace)
    except OverflowError:
        return Projection(None, f"{missing} sessions are missing, and {words}: too few to reckon with.")
    sentence = f"{missing} {'session is' if missing == 1 else 'sessions are'} missing, and {words}."
    if ends_at is not None and at > ends_at:
        by_then = len(finished) + max(0, int(pace * (ends_at - now).total_seconds()))
        sentence += f" At that pace {by_then} are complete by {_said(ends_at)}, when nobody starts any more."
    return Projection(at, sentence)


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
