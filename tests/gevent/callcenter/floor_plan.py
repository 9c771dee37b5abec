"""How a call center is set up for a random shift: its agents, and the rules of its queues."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from callengine.callcenter.routing.strategies import BUILT_IN
from tests.fakes.phone import Script, answer, just_ring
from tests.fakes.workers import Worker

NAMES = ("alice", "bob", "carol", "dave")
QUEUES = ("support", "sales")
NUMBERS = (*QUEUES, "urgent")
"""What callers dial: `urgent` leads to `support`, and counts for more."""
CALLERS = ("5551", "5552", "5553")
"""Who they are; the last is on a list of those who count for more."""
SKILLS = ("french", "gold")

_USUAL = {
    "QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "20",
    "QUEUES__SALES__RING_TIMEOUT_SECONDS": "10",
    "QUEUES__SALES__WRAP_UP_SECONDS": "5",
    "NUMBERS__SALES__DESTINATION": "queue:sales",
    "NUMBERS__URGENT__DESTINATION": "queue:support",
    "NUMBERS__URGENT__PRIORITY": "5",
    "CALLERS__VIP__NUMBERS": json.dumps(CALLERS[2:]),
    "CALLERS__VIP__PRIORITY": "3",
}
_DELAYS = {
    "AGENTS__DELAY_AFTER_REJECTED_SECONDS": "3",
    "AGENTS__DELAY_AFTER_NO_ANSWER_SECONDS": "30",
    "AGENTS__AUTO_PAUSE_AFTER_MISSED": "3",
}
_NO_SKILLS = "[]"
_STEPS = (
    '[{all = ["french>=3"]}, {after_seconds = 10, any = ["french", "gold"]}, {after_seconds = 25}]',
    '[{any = ["gold>=2", "french>=4"]}, {after_seconds = 12, all = ["french"]}]',
)


@dataclass(frozen=True)
class Plan:
    """What is there when the shift begins."""

    seed: int
    workers: tuple[Worker, ...]
    scripts: tuple[Script, ...]
    """What each worker's phone does with a call."""
    variables: dict[str, str]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any call center of two queues and two to four agents."""
    workers = draw(_workers())
    scripts = tuple(draw(st.sampled_from([just_ring, answer])) for _ in workers)
    variables = {**_USUAL, **draw(st.sampled_from([{}, _DELAYS])), **draw(_orders()), **draw(_ways())}
    return Plan(draw(st.integers(0, 2**32)), workers, scripts, variables)


@st.composite
def _workers(draw: st.DrawFn) -> tuple[Worker, ...]:
    names = NAMES[: draw(st.integers(2, len(NAMES)))]
    serves = {name: draw(st.sampled_from([*[(queue,) for queue in QUEUES], QUEUES])) for name in names}
    drawn = {
        name: {queue: (draw(st.integers(1, 2)), draw(st.integers(0, 2))) for queue in serves[name]}
        for name in names
    }
    lowest = {
        queue: min((places[queue][0] for places in drawn.values() if queue in places), default=1)
        for queue in QUEUES
    }
    return tuple(
        Worker(
            name,
            serves[name],
            capacity=draw(st.integers(1, 3)),
            places={queue: (tier + 1 - lowest[queue], at) for queue, (tier, at) in drawn[name].items()},
            levels=draw(st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5))),
        )
        for name in names
    )


@st.composite
def _orders(draw: st.DrawFn) -> dict[str, str]:
    """Who is served first, and by whom."""
    variables = {"ROUTING__AGEING_POINTS_PER_MINUTE": draw(st.sampled_from(["0", "3"]))}
    for queue in ("SUPPORT", "SALES"):
        rules: dict[str, st.SearchStrategy[Any]] = {
            "STRATEGY": st.sampled_from(BUILT_IN),
            "WEIGHT": st.sampled_from(["1", "2"]),
            "PRIORITY_BASE": st.sampled_from(["50", "52"]),
            "TIER_WAIT_SECONDS": st.sampled_from(["0", "10"]),
            "SKILLS": st.sampled_from([_NO_SKILLS, _NO_SKILLS, *_STEPS]),
            "PREFER_LAST_AGENT_SECONDS": st.sampled_from(["0", "15"]),
        }
        variables |= {f"QUEUES__{queue}__{rule}": draw(values) for rule, values in rules.items()}
    return variables


@st.composite
def _ways(draw: st.DrawFn) -> dict[str, str]:
    """How callers come in and go on."""
    first, second = draw(st.permutations(["SUPPORT", "SALES"]))
    return {
        "ROUTING__MODE": draw(st.sampled_from(["queue_first", "direct_when_available"])),
        "QUEUES__SALES__ANSWER": draw(st.sampled_from(["immediately", "early_media", "with_agent"])),
        "QUEUES__SUPPORT__CAPACITY": draw(st.sampled_from(["2", "6"])),
        "QUEUES__SALES__CAPACITY": draw(st.sampled_from(["2", "100"])),
        "QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS": draw(st.sampled_from(["30", "300"])),
        "QUEUES__SALES__MAX_WAIT_TIME_SECONDS": draw(st.sampled_from(["20", "300"])),
        "QUEUES__SALES__EXPIRES_AFTER_SECONDS": draw(st.sampled_from(["60", "3600"])),
        "QUEUES__SALES__LEAVE_WHEN_EMPTY": draw(st.sampled_from(["false", "true"])),
        "QUEUES__SUPPORT__KEEP_PLACE_SECONDS": draw(st.sampled_from(["0", "60"])),
        f"QUEUES__{first}__OVERFLOW_QUEUE": draw(st.sampled_from(["", second.lower()])),
    }
