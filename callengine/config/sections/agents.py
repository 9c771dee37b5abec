"""How agents sign on, are rung, and what follows when they do not answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from callengine.config.declaration import WORDS, Setting
from callengine.config.kinds import Choice, Number, Whole

_DELAY = Number(0, 86400)


@dataclass(frozen=True, kw_only=True)
class Agents:
    """How agents sign on, are rung, and what follows when they do not answer."""

    sign_on: Annotated[
        Literal["register", "explicit"],
        Setting(
            Choice(("register", "explicit")),
            "What signs an agent on: a phone that registers, or somebody by hand once one is registered.",
            "register",
        ),
    ]
    ring_contacts: Annotated[
        Literal["all", "newest"],
        Setting(
            Choice(("all", "newest")),
            "Which of an agent's registered phones an offer rings: all at once, or the latest one.",
            "all",
        ),
    ]
    delay_after_rejected_seconds: Annotated[
        float,
        Setting(
            _DELAY, "How long an agent that rejected an offer is offered no other; 0: at once.", 0, "seconds"
        ),
    ]
    delay_after_busy_seconds: Annotated[
        float,
        Setting(
            _DELAY, "How long an agent whose phone was busy is offered nothing; 0: at once.", 0, "seconds"
        ),
    ]
    delay_after_no_answer_seconds: Annotated[
        float,
        Setting(
            _DELAY, "How long an agent that did not answer is offered nothing; 0: at once.", 0, "seconds"
        ),
    ]
    delay_after_unreachable_seconds: Annotated[
        float,
        Setting(
            _DELAY,
            "How long an agent whose phone was not reached is offered nothing; 0: at once.",
            0,
            "seconds",
        ),
    ]
    auto_pause_after_missed: Annotated[
        int,
        Setting(
            Whole(0, 1000),
            "After how many missed offers in a row an agent is paused with the reason missed; 0: never.",
            0,
        ),
    ]
    pause_reasons: Annotated[
        tuple[str, ...],
        Setting(WORDS, "The reasons for which agents may be paused; empty: any text.", []),
    ]
