"""What one queue is set to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from callengine.config.declaration import NAME_OR_NONE, PATH, SECONDS, SKILL_STEPS, STRATEGY, WORDS, Setting
from callengine.config.kinds import Choice, Number, OneOf, Switch, Text, Whole
from callengine.vocabulary import AnswerMode, EmptyWhen

_OR_ZERO = Number(0, 86400)


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
        float,
        Setting(SECONDS, "A caller who has waited here longer goes on to the next queue.", 300, "seconds"),
    ]
    expires_after_seconds: Annotated[
        float,
        Setting(SECONDS, "A caller who has waited longer over all queues is sent away.", 3600, "seconds"),
    ]
    overflow_queue: Annotated[
        str,
        Setting(
            NAME_OR_NONE,
            "Where callers go on whom this queue cannot take or keep; empty: nowhere.",
            "",
        ),
    ]
    final_destination: Annotated[
        str,
        Setting(
            Text(
                "queue:NAME, hangup:CODE with a code from 400 to 699, or empty",
                r"(?:queue:[A-Za-z0-9+*#_.\-]{1,64}|hangup:[456][0-9]{2})?",
            ),
            "Where callers go from here if there is no overflow queue; empty: full_code, or BYE.",
            "",
        ),
    ]
    full_code: Annotated[
        int,
        Setting(OneOf((480, 486, 600)), "With what callers are refused whom no queue takes.", 486),
    ]
    join_when_empty: Annotated[
        bool, Setting(Switch(), "Whether callers may join while the queue is empty of agents.", True)
    ]
    leave_when_empty: Annotated[
        bool, Setting(Switch(), "Whether those who wait go on when the queue becomes empty of agents.", False)
    ]
    empty_when: Annotated[
        str,
        Setting(
            Choice(tuple(EmptyWhen)),
            "Empty of agents: none of them is signed on, or each is signed off or paused.",
            "signed_off",
        ),
    ]
    hours: Annotated[
        str,
        Setting(NAME_OR_NONE, "The table of `hours` that says when it is open; empty: always.", ""),
    ]
    music: Annotated[
        str,
        Setting(
            PATH,
            "The WAV file that callers hear, seen from the settings' directory; empty: our own.",
            "",
        ),
    ]
    service_level_seconds: Annotated[
        float,
        Setting(_OR_ZERO, "Calls answered within so long count as served in time.", 20, "seconds"),
    ]
    short_abandon_seconds: Annotated[
        float,
        Setting(
            _OR_ZERO, "Who gives up before so long has dialled a wrong number; 0: nobody has.", 0, "seconds"
        ),
    ]
    keep_place_seconds: Annotated[
        float,
        Setting(
            _OR_ZERO,
            "Who was cut off or gave up and calls again within so long takes the old place; 0: nobody.",
            0,
            "seconds",
        ),
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
