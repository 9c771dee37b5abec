"""What one queue is set to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from callengine.config.declaration import SECONDS, SKILL_STEPS, STRATEGY, WORDS, Setting
from callengine.config.kinds import Choice, Number, Switch, Whole
from callengine.vocabulary import AnswerMode


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One queue, in the table `queues` under its name."""

    strategy: Annotated[
        str,
        Setting(STRATEGY, "The order in which free agents are chosen.", same_as="routing.default_strategy"),
    ]
    weight: Annotated[
        int,
        Setting(
            Whole(1, 1000),
            "Callers of queues with a higher weight come first with agents who serve several.",
            1,
        ),
    ]
    priority_base: Annotated[
        int, Setting(Whole(-1000000, 1000000), "What is added to the priority of every caller here.", 50)
    ]
    tier_wait_seconds: Annotated[
        float,
        Setting(
            Number(0, 86400),
            "How long a caller waits for each tier of agents before the next opens too; 0: all are open.",
            0,
            "seconds",
        ),
    ]
    skills: Annotated[
        tuple[Mapping[str, Any], ...],
        Setting(SKILL_STEPS, "What its callers need agents to know, less and less as they wait.", []),
    ]
    prefer_last_agent_seconds: Annotated[
        float,
        Setting(
            Number(0, 86400),
            "How long a caller waits for the agent who spoke with that number last; 0: for nobody.",
            0,
            "seconds",
        ),
    ]
    capacity: Annotated[
        int, Setting(Whole(1, 1000000), "The most callers that wait or ring at the same time.", 100)
    ]
    max_wait_time_seconds: Annotated[
        float, Setting(SECONDS, "A caller who has waited longer is sent away.", 300, "seconds")
    ]
    ring_timeout_seconds: Annotated[
        float,
        Setting(
            SECONDS,
            "How long a phone rings before the next is tried; at most agent_assignment_timeout_seconds.",
            20,
            "seconds",
        ),
    ]
    wrap_up_seconds: Annotated[
        float, Setting(Number(0, 86400), "How long an agent is left alone after a call.", 0, "seconds")
    ]
    wrap_up_codes: Annotated[
        tuple[str, ...],
        Setting(WORDS, "The codes that say what a conversation was about; empty: any text.", []),
    ]
    wrap_up_code_required: Annotated[
        bool,
        Setting(
            Switch(),
            "Whether nobody may end a wrap-up before its time without a code; wants wrap_up_seconds.",
            False,
        ),
    ]
    answer: Annotated[
        str,
        Setting(
            Choice(tuple(AnswerMode)),
            "What a waiting caller is told: 200 and music, 183 and music, or 180; 200 then with the agent.",
            "immediately",
        ),
    ]
