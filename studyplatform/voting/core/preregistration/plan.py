"""What a preregistration is written from, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studyplatform.voting.core.claims import Claim, claims


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study just before it opens.

    ``design``: its frozen design (JSON), ``design_sha256`` the digest of it. ``primary``: slug of each grid -> keys of
    its primary metrics. ``primary_label``: what the one primary metric is called, empty where there is not exactly
    one; ``others``: the other metrics held against the votes. ``scenes``, ``conditions``: labels of what is shown;
    ``shared``: how many conditions every scene has. ``opens_at``, ``ends_at``: ISO 8601 in UTC, or empty. ``quotas``:
    in words. ``layout``, ``strategy``: in words. ``pilots``: people who took part before in a pilot.
    """

    design: Mapping[str, Any]
    design_sha256: str
    primary: Mapping[str, Sequence[str]]
    primary_label: str
    others: Sequence[str]
    scenes: Sequence[str]
    conditions: Sequence[str]
    shared: int
    layout: str
    strategy: str
    opens_at: str = ""
    ends_at: str = ""
    quotas: Sequence[str] = ()
    pilots: int = 0

    @property
    def study(self) -> Mapping[str, Any]:
        """The settings of the study, as its design has them."""
        settings: Mapping[str, Any] = self.design["study"]
        return settings

    @property
    def session(self) -> Mapping[str, int]:
        """How many pairs of each kind one person is shown."""
        pairs: Mapping[str, int] = self.design["session"]
        return pairs

    @property
    def compares(self) -> tuple[str, ...]:
        """The questions that compare two pictures of the grid, word for word."""
        return tuple(q["text"] for q in self.design["questions"] if q.get("kind") != "real_fake")

    @property
    def asks_which_is_real(self) -> tuple[str, ...]:
        """The questions that put a picture beside its photograph, word for word."""
        return tuple(q["text"] for q in self.design["questions"] if q.get("kind") == "real_fake")

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Which claims this design can put to the test."""
        people = self.study["sessions_planned"]
        return claims(participants=people, scenes=len(self.scenes), conditions=self.shared)
