"""Who may be offered to whom, and who comes first, worked out from rows: the code that decides is not asked.

The rules are those of docs/routing.md. Near the moment at which one begins to hold it may hold or not: timers
come a little late, so `surely` and `possibly` differ there.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from callengine.callcenter.routing.skills import NOTHING, Requirement, meets, proficiency, read_requirement
from callengine.callcenter.routing.tiers import open_tier
from callengine.vocabulary import AgentState
from tests.fakes.committed import Row, Rows

MARGIN = 0.01
"""Seconds about such a moment."""
_SAME_URGENCY = 1e-4
"""Points of priority by which two callers who have aged may differ and count as equal."""

Rank = tuple[int, float, float]


class Prospects:
    """What the rows of one moment say; `ageing` is in points a minute."""

    def __init__(self, rows: Rows, *, ageing: float = 0.0) -> None:
        self.rows = rows
        self.agents = {row["id"]: row for row in rows.agents}
        self.queues = {row["id"]: row for row in rows.queues}
        self.entries = {row["id"]: row for row in rows.entries}
        self._ageing = ageing
        self._places = {(row["queue_id"], row["agent_id"]): row for row in rows.memberships}
        self._levels = rows.levels()
        self._made_by = rows.made_by()
        self._steps = {row["id"]: _steps(row["skills"]) for row in rows.queues}

    def rank(self, entry: Row, at: float) -> Rank:
        """By the queue's weight, the effective priority, the first arrival; the lower one comes first."""
        queue = self.queues[entry["queue_id"]]
        aged = self._ageing * (at - entry["first_arrived_at"]) / 60
        return (
            -queue["weight"],
            -(entry["priority"] + queue["priority_base"] + aged),
            entry["first_arrived_at"],
        )

    def is_before(self, one: Rank, other: Rank) -> bool:
        """Whether a caller of one rank is surely served before one of the other."""
        if one[0] != other[0]:
            return one[0] < other[0]
        if self._ageing and abs(one[1] - other[1]) < _SAME_URGENCY:
            return False
        return one[1:] < other[1:]

    def surely(self, entry: Row, agent_id: int, at: float, missed: Collection[int]) -> bool:
        """Whether the agent may serve the caller if it is free, whatever timers do about `at`."""
        return all(self._may(entry, agent_id, at + by, missed) for by in (-MARGIN, MARGIN))

    def possibly(self, entry: Row, agent_id: int, at: float, missed: Collection[int]) -> bool:
        """Whether it may, by a timer that came early or late."""
        return any(self._may(entry, agent_id, at + by, missed) for by in (-MARGIN, 0.0, MARGIN))

    def preferred(self, entry: Row, at: float) -> int | None:
        """The agent that the caller would wait for at `at`, or just then no longer, whatever it does."""
        until = entry["preferred_until"]
        return None if until is None or until <= at - MARGIN else int(entry["preferred_agent_id"])

    def place(self, queue_id: int, agent_id: int) -> tuple[int, int] | None:
        """Tier and position of an agent in a queue, if it serves it."""
        found = self._places.get((queue_id, agent_id))
        return None if found is None else (found["tier"], found["position"])

    def merit(self, strategy: str, entry: Row, agent_id: int, at: float) -> tuple[float, ...]:
        """What orders the agents of a tier: the lowest comes first. Empty where rows do not tell it."""
        agent = self.agents[agent_id]
        free_since = agent["available_since"] or agent["state_since"]
        is_today = agent["counted_on"] == datetime.fromtimestamp(at, UTC).date().isoformat()
        place = self.place(entry["queue_id"], agent_id) or (1, 0)
        merits: dict[str, tuple[float, ...]] = {
            "longest_idle": (free_since,),
            "fewest_calls": (agent["calls_handled"] if is_today else 0, free_since),
            "least_talk_time": (agent["talk_seconds"] if is_today else 0.0, free_since),
            "top_down": (place[1], agent_id),
            "skills": (-proficiency(self._required(entry, at), self._levels[agent_id]), free_since),
        }
        return merits.get(strategy, ())

    def _may(self, entry: Row, agent_id: int, at: float, missed: Collection[int]) -> bool:
        awaited = self._awaited(entry, at, missed)
        if awaited is not None:
            return awaited == agent_id
        place = self.place(entry["queue_id"], agent_id)
        if place is None or not self._knows_enough(entry, agent_id, at):
            return False
        seconds = self.queues[entry["queue_id"]]["tier_wait_seconds"]
        is_own_call = self._made_by[entry["id"]] == agent_id
        return place[0] <= open_tier(_waited(entry, at), seconds) and not is_own_call

    def _awaited(self, entry: Row, at: float, missed: Collection[int]) -> int | None:
        """The preferred agent, as long as it is worth waiting for."""
        key = entry["preferred_agent_id"]
        if key is None or entry["preferred_until"] is None or entry["preferred_until"] <= at:
            return None
        is_here = self.agents[key]["state"] not in (AgentState.OFFLINE, AgentState.PAUSED)
        serves = self.place(entry["queue_id"], key) is not None and self._made_by[entry["id"]] != key
        is_awaited = is_here and serves and key not in missed and self._knows_enough(entry, key, at)
        return int(key) if is_awaited else None

    def _knows_enough(self, entry: Row, agent_id: int, at: float) -> bool:
        return meets(self._required(entry, at), self._levels[agent_id])

    def _required(self, entry: Row, at: float) -> Requirement:
        """The last step that has begun."""
        waited, required = _waited(entry, at), NOTHING
        for after_seconds, requirement in self._steps[entry["queue_id"]]:
            if after_seconds <= waited:
                required = requirement
        return required


def _waited(entry: Row, at: float) -> float:
    return max(0.0, at - float(entry["joined_at"]))


def _steps(written: Any) -> list[tuple[float, Requirement]]:
    """A JSON column: SQLite gives its text."""
    steps = json.loads(written) if isinstance(written, str) else written
    return [(step["after_seconds"], read_requirement(step)) for step in steps]
