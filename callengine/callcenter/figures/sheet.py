"""What is counted of one queue, one agent, or all in an interval, and the figures that follow from it.

Everything here adds up: the sheet of [a, c) is the sum of those of [a, b) and [b, c), and the longest wait is
the longer of both. Rates and means are worked out of the sums at the end. `docs/figures.md` has the meaning
and the formula of each.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from callengine.vocabulary import MISSED_OFFERS, AgentState

SERVICE_LEVEL_FORMULA = "answered_within / settled"
"""Also written: answered within X s, of all calls offered but for those abandoned in short."""

HANDLING = (AgentState.BUSY, AgentState.WRAP_UP)
"""The states in which an agent works on calls."""


class Scope(StrEnum):
    """What a sheet is about; not every figure makes sense for each."""

    TOTAL = "total"
    QUEUE = "queue"
    AGENT = "agent"


def _of_missed() -> Counter[str]:
    return Counter(dict.fromkeys(MISSED_OFFERS, 0))


def _of_states() -> dict[str, float]:
    return dict.fromkeys(AgentState, 0.0)


@dataclass
class Sheet:
    """Counts of what happened in the interval, and the parts of agents' states that lie in it, in seconds."""

    scope: Scope
    offered: int = 0
    handled: int = 0
    answered_within: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    overflowed: int = 0
    timed_out: int = 0
    rejected: int = 0
    failed: int = 0
    waited_seconds: float = 0.0
    longest_wait_seconds: float = 0.0
    conversations: int = 0
    talk_seconds: float = 0.0
    hold_seconds: float = 0.0
    wrap_up_seconds: float = 0.0
    offers: int = 0
    offers_missed: Counter[str] = field(default_factory=_of_missed)
    state_seconds: dict[str, float] = field(default_factory=_of_states)
    pause_seconds: dict[str, float] = field(default_factory=dict)

    def add(self, other: Sheet) -> None:
        """Make this the sheet of both intervals."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_wait_seconds = max(self.longest_wait_seconds, other.longest_wait_seconds)
        self.offers_missed.update(other.offers_missed)
        for mine, theirs in (
            (self.state_seconds, other.state_seconds),
            (self.pause_seconds, other.pause_seconds),
        ):
            for name, seconds in theirs.items():
                mine[name] = mine.get(name, 0.0) + seconds

    def note_wait(self, seconds: float) -> None:
        """Somebody's waiting is over, with an agent or without."""
        self.longest_wait_seconds = max(self.longest_wait_seconds, seconds)

    def note_state(self, state: AgentState, pause_reason: str | None, seconds: float) -> None:
        """An agent was in that state for so long."""
        self.state_seconds[state] += seconds
        if state is AgentState.PAUSED:
            reason = pause_reason or ""
            self.pause_seconds[reason] = self.pause_seconds.get(reason, 0.0) + seconds

    @property
    def settled(self) -> int:
        """The calls of which it was settled whether they are answered; short abandons are left out.

        A call that overflows is settled for the queue that it leaves, not for the call center.
        """
        moved = self.overflowed if self.scope is Scope.QUEUE else 0
        return self.handled + self.abandoned + self.timed_out + self.rejected + self.failed + moved

    def document(self) -> dict[str, Any]:
        """All that is known for this scope, by name; a mean or rate of nothing is None."""
        if self.scope is Scope.AGENT:
            return {"offers": self.offers, "handled": self.handled, **self._work(), **self._presence()}
        return {
            "offered": self.offered,
            "handled": self.handled,
            "abandoned": self.abandoned,
            "short_abandoned": self.short_abandoned,
            "overflowed": self.overflowed,
            "timed_out": self.timed_out,
            "rejected": self.rejected,
            "failed": self.failed,
            "settled": self.settled,
            "abandonment_rate": _ratio(self.abandoned, self.settled),
            "answered_within": self.answered_within,
            "service_level": _ratio(self.answered_within, self.settled),
            "average_speed_of_answer_seconds": _ratio(self.waited_seconds, self.handled),
            "longest_wait_seconds": _round(self.longest_wait_seconds),
            "offers": self.offers,
            **self._work(),
            **self._presence(),
        }

    def _work(self) -> dict[str, Any]:
        handling = self.talk_seconds + self.hold_seconds + self.wrap_up_seconds
        return {
            "offers_missed": dict(self.offers_missed),
            "conversations": self.conversations,
            "talk_seconds": _round(self.talk_seconds),
            "hold_seconds": _round(self.hold_seconds),
            "wrap_up_seconds": _round(self.wrap_up_seconds),
            "average_talk_seconds": _ratio(self.talk_seconds, self.conversations),
            "average_handling_seconds": _ratio(handling, self.conversations),
        }

    def _presence(self) -> dict[str, Any]:
        seconds = self.state_seconds
        handling = sum(seconds[state] for state in HANDLING)
        return {
            "staffed_seconds": _round(sum(seconds.values()) - seconds[AgentState.OFFLINE]),
            "occupancy": _ratio(handling, handling + seconds[AgentState.AVAILABLE]),
            "state_seconds": {state: _round(spent) for state, spent in seconds.items()},
            "pause_seconds": {reason: _round(spent) for reason, spent in sorted(self.pause_seconds.items())},
        }


_SUMS = (
    "offered",
    "handled",
    "answered_within",
    "abandoned",
    "short_abandoned",
    "overflowed",
    "timed_out",
    "rejected",
    "failed",
    "waited_seconds",
    "conversations",
    "talk_seconds",
    "hold_seconds",
    "wrap_up_seconds",
    "offers",
)


def _ratio(part: float, whole: float) -> float | None:
    return _round(part / whole) if whole else None


def _round(value: float) -> float:
    return round(value, 3)
