"""How values of rows are written in data."""

from datetime import UTC, datetime


def time(value: datetime | None) -> str:
    """ISO 8601 in UTC; empty for none."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if value else ""
