"""The figures of a run: what one call costs, what came of the calls, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

GOAL_MILLISECONDS = 2.5
"""CPU time of a queued call, media process included."""


@dataclass(frozen=True)
class Figures:
    """What one target did with the load, and what it used for it."""

    calls: int
    successful: int
    failed: int
    served_by_agents: int
    still_active: int
    calls_per_second: float
    """From the first customer's INVITE to the last; never more than was asked for."""
    cpu_ms_per_call: Mapping[str, float]
    """By process."""
    resident_mb: Mapping[str, float]
    """By process, after the last call."""
    retransmissions: int
    """What the target had to send again."""
    sent_again_to_it: int
    """What the customers had to send again."""
    calls_by_agent: Sequence[int]
    """How many each agent has had, the fewest first, those of the warm-up included; empty if unknown."""
    answered_twice: int
    """Calls that more than one agent has had."""
    answer_ms: Mapping[str, float]
    """From a customer's INVITE to its 200: `p50` and `p99`."""
    offer_ms: Mapping[str, float]
    """From a customer's INVITE to that of the agent; empty where it is not known whose it is."""

    @property
    def cpu_ms_in_all(self) -> float:
        """Of all processes, for each call."""
        return sum(self.cpu_ms_per_call.values())

    @property
    def is_complete(self) -> bool:
        """Whether every call was served by an agent, by one alone, and ended."""
        is_served = self.successful == self.served_by_agents == self.calls
        return is_served and self.still_active == 0 and self.answered_twice == 0


def quantiles(ordered: Sequence[float]) -> dict[str, float]:
    """The median and the 99th percentile of sorted values; nothing of none."""
    if not ordered:
        return {}
    last = len(ordered) - 1
    return {name: round(ordered[round(part * last)], 1) for name, part in (("p50", 0.5), ("p99", 0.99))}


def document(
    figures: Figures,
    floors: Sequence[Figures],
    *,
    at: str,
    machine: Mapping[str, Any],
    load: Mapping[str, int],
) -> dict[str, Any]:
    """The whole result as JSON has it."""
    return {
        "benchmark": "per_call",
        "at": at,
        "machine": machine,
        "load": load,
        "goal_ms": GOAL_MILLISECONDS,
        "cpu_ms_per_call": round(figures.cpu_ms_in_all, 3),
        "ratio_to_goal": round(figures.cpu_ms_in_all / GOAL_MILLISECONDS, 2),
        "ratio_to_floor": round(figures.cpu_ms_in_all / _cpu_ms_of(floors), 2),
        "callengine": asdict(figures),
        "floor_ms_per_call": round(_cpu_ms_of(floors), 3),
        "floors": [asdict(floor) for floor in floors],
    }


def _cpu_ms_of(floors: Sequence[Figures]) -> float:
    return sum(floor.cpu_ms_in_all for floor in floors) / len(floors)


def text(figures: Figures, floors: Sequence[Figures], load: Mapping[str, int]) -> str:
    """The result for people."""
    in_all, least = figures.cpu_ms_in_all, _cpu_ms_of(floors)
    each = " and ".join(f"{floor.cpu_ms_in_all:.2f}" for floor in floors)
    parts = ", ".join(f"{name} {cpu:.2f}" for name, cpu in figures.cpu_ms_per_call.items())
    rows = [
        ("CPU per queued call", f"{in_all:.2f} ms ({parts}); goal {GOAL_MILLISECONDS} ms"),
        ("the floor", f"{least:.2f} ms ({each}); callengine costs {in_all / least:.1f} times as much"),
        ("load", "{calls} calls, {rate} each second, {agents} agents, talk {talk_ms} ms".format(**load)),
        *_rows(figures),
        *((f"the floor's {name}", words) for floor in floors for name, words in _rows(floor)[1:3]),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {words}" for name, words in rows)


def _rows(figures: Figures) -> list[tuple[str, str]]:
    memory = ", ".join(f"{name} {megabytes:.0f} MB" for name, megabytes in figures.resident_mb.items())
    return [
        ("rate", f"{figures.calls_per_second:.1f} calls/s"),
        ("calls", f"{figures.served_by_agents} served, {figures.failed} failed, {_sent_again(figures)}"),
        ("INVITE to 200", _times(figures.answer_ms)),
        ("INVITE to agent's", _times(figures.offer_ms)),
        ("memory", memory),
        ("calls by agent", _spread(figures)),
    ]


def _spread(figures: Figures) -> str:
    counts = figures.calls_by_agent
    if not counts:
        return "not known"
    twice = figures.answered_twice
    return f"{len(counts)} agents had {counts[0]} to {counts[-1]} each, {twice} calls had two of them"


def _sent_again(figures: Figures) -> str:
    return f"{figures.retransmissions} messages sent again, {figures.sent_again_to_it} by the customers"


def _times(milliseconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f} ms" for name, value in milliseconds.items()) or "not known"
