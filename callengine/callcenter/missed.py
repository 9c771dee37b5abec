"""Missed offers: for how long an agent is left alone after one, and after how many in a row it is paused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from callengine.vocabulary import MISSED_OFFERS

PAUSE_REASON = "missed"
"""Why an agent is paused that has missed too many."""


@dataclass(frozen=True)
class MissedRules:
    """What follows a missed offer."""

    delays: Mapping[str, float] = field(default_factory=dict)
    """For each of `MISSED_OFFERS` the seconds for which no offer is made; none by default."""
    pause_after: int = 0
    """How many missed in a row lead to a pause; 0: never."""

    def delay_after(self, result: str) -> float:
        """The seconds for which no offer is made to an agent whose offer ended so."""
        return self.delays.get(result, 0.0)

    def is_too_many(self, in_row: int) -> bool:
        """Whether an agent is paused that has missed so many."""
        return 0 < self.pause_after <= in_row


def is_missed(result: str) -> bool:
    """Whether it was for the agent that an offer ended so; one that was withdrawn counts for nothing."""
    return result in MISSED_OFFERS
