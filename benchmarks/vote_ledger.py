"""What people know of their own votes, held against what is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Ledger:
    """Ballots by their number, as (trial, choice)."""

    sent: dict[str, tuple[int, str]] = field(default_factory=dict)
    acknowledged: dict[str, tuple[int, str]] = field(default_factory=dict)
    resolved: int = 0  # sent again, and the server said that it had them

    def compare(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, int]:
        """Votes that were acknowledged and are not there, that are there twice, and that nobody sent.

        ``rows`` are uuid (as PostgreSQL writes it), trial and choice of what is stored.
        """
        stored = {uuid: (trial, choice) for uuid, trial, choice in rows}
        return {
            "acknowledged": len(self.acknowledged),
            "lost": sum(stored.get(uuid) != vote for uuid, vote in self.acknowledged.items()),
            "duplicates": len(rows) - len({trial for _, trial, _ in rows}),
            "phantoms": sum(self.sent.get(uuid) != vote for uuid, vote in stored.items()),
        }
