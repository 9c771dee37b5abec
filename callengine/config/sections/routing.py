"""How callers and agents are brought together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from callengine.config.declaration import SECONDS, STRATEGY, Setting
from callengine.config.kinds import Choice, Number, Switch, Whole
from callengine.vocabulary import RoutingMode


@dataclass(frozen=True, kw_only=True)
class Routing:
    """How callers and agents are brought together."""

    default_strategy: Annotated[
        str, Setting(STRATEGY, "The order of agents in queues that name no own.", "round_robin")
    ]
    enable_skills_routing: Annotated[
        bool, Setting(Switch(), "Off: a queue whose callers need skills is refused.", True)
    ]
    ageing_points_per_minute: Annotated[
        float,
        Setting(Number(0, 1000), "By how much a caller's priority grows with each minute of waiting.", 0),
    ]
    mode: Annotated[
        str,
        Setting(
            Choice(tuple(RoutingMode)),
            "Whether callers wait in line first, or hear ringing while a free agent's phone rings at once.",
            "queue_first",
        ),
    ]
    enable_overflow: Annotated[
        bool, Setting(Switch(), "Whether callers go on from a queue to its overflow_queue.", True)
    ]
    max_queue_depth: Annotated[
        int,
        Setting(
            Whole(1, 1000000),
            "The most waiting callers over all queues; above it all queues are full.",
            500,
        ),
    ]
    queue_monitor_interval_ms: Annotated[
        int,
        Setting(
            Whole(10, 3600000),
            "The period of the sweep that backs the event-driven dispatch.",
            1000,
            "milliseconds",
        ),
    ]
    agent_assignment_timeout_seconds: Annotated[
        float,
        Setting(
            SECONDS, "The longest time that one offer may take from its choice to the talk.", 45, "seconds"
        ),
    ]
