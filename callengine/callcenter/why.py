"""Why an agent was chosen for a call, or was not: all that stood in its way at that moment.

Theory of operation. Nothing is stored for this beyond the log. The decision has its number in it,
`call_offered`; how each agent stood then is what was last said of it before that number. The same question is
asked of a call that waits, with the agents as they stand now.

What was decided from memory may be a few commits older than the number of its event, and an agent may have
been held for another call at that moment, whose own event comes later. Such an agent appears as
`ranked_after`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callengine.callcenter.agent_states import CLAIMABLE
from callengine.vocabulary import AgentState


class Why(StrEnum):
    """The words; those that end with a colon are followed by what they are about."""

    CHOSEN = "chosen"
    NOT_REGISTERED = "not_registered"
    """No phone of it was registered."""
    SIGNED_OFF = "signed_off"
    """It had a phone, and was signed off; or was to be after its call."""
    PAUSED = "paused:"
    """With the reason; or it was to be after its call."""
    WRAP_UP = "wrap_up"
    """In wrap-up, or with a call of its own in that time."""
    RESERVED = "reserved"
    """Its phones rang for another call."""
    BUSY = "busy"
    AT_CAPACITY = "at_capacity"
    """It had as many calls and offers as it takes, more than one."""
    DELAYED_AFTER = "delayed_after:"
    """It was left alone after an offer that it missed, with the kind of that."""
    TIER_NOT_OPEN = "tier_not_open"
    """The caller had not waited long enough for its tier."""
    LACKS_SKILL = "lacks_skill:"
    """With the skill and the level that were wanted."""
    NOT_PREFERRED = "not_preferred"
    """Another agent was waited for."""
    MISSED_THIS_CALL = "missed_this_call"
    """It had missed this call, and others were to have their turn."""
    RANKED_AFTER = "ranked_after"
    """Nothing stood in its way; another was first, by the queue's strategy."""
    FREE = "free"
    """Nothing stands in its way: it will be offered the call, unless another caller stands before."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agent stands at one moment; times in seconds since the epoch."""

    name: str
    state: AgentState
    load: int = 0
    max_concurrent_calls: int = 1
    pause_reason: str | None = None
    pause_next_reason: str | None = None
    is_signed_on: bool = True
    is_registered: bool = True
    wrap_up_until: float | None = None
    delayed_until: float | None = None
    delayed_after: str | None = None
    tier: int = 1
    position: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)


def _lacks_nothing(_levels: Mapping[str, int]) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of the call at that moment."""

    at: float
    chosen: frozenset[str] = frozenset()
    """Whom it was offered to; empty while it waits."""
    missed: frozenset[str] = frozenset()
    open_tier: int = 0
    """The highest tier that serves it; 0 for all."""
    lacks: Callable[[Mapping[str, int]], str | None] = _lacks_nothing
    """Which wanted skill somebody with these levels lacks, such as `french>=3`."""
    preferred: str | None = None
    """The only agent that is waited for."""


def explain(wanted: Wanted, standing: Standing) -> list[str]:
    """All that stood in the way of the agent; `chosen`, or one word for nothing, is alone."""
    if standing.name in wanted.chosen:
        return [Why.CHOSEN]
    in_the_way = [*_by_state(standing), *_by_time(wanted, standing), *_by_call(wanted, standing)]
    return in_the_way or [Why.RANKED_AFTER if wanted.chosen else Why.FREE]


def _by_state(standing: Standing) -> Iterator[str]:
    state = standing.state
    if state is AgentState.OFFLINE:
        yield Why.SIGNED_OFF if standing.is_registered else Why.NOT_REGISTERED
    elif state is AgentState.PAUSED:
        yield Why.PAUSED + (standing.pause_reason or "")
    elif state is AgentState.WRAP_UP:
        yield Why.WRAP_UP
    elif state in CLAIMABLE and standing.load >= standing.max_concurrent_calls:
        yield _full(standing)


def _full(standing: Standing) -> Why:
    if standing.max_concurrent_calls > 1:
        return Why.AT_CAPACITY
    return Why.RESERVED if standing.state is AgentState.RESERVED else Why.BUSY


def _by_time(wanted: Wanted, standing: Standing) -> Iterator[str]:
    """What passes by itself: an order that waits for the end of a call, and a delay."""
    if standing.state in CLAIMABLE and standing.wrap_up_until is not None:
        yield Why.WRAP_UP
    if standing.state in CLAIMABLE and standing.pause_next_reason is not None:
        yield Why.PAUSED + standing.pause_next_reason
    if standing.state in CLAIMABLE and standing.load and not standing.is_signed_on:
        yield Why.SIGNED_OFF
    if standing.delayed_until is not None and standing.delayed_until > wanted.at:
        yield Why.DELAYED_AFTER + (standing.delayed_after or "")


def _by_call(wanted: Wanted, standing: Standing) -> Iterator[str]:
    if wanted.open_tier and standing.tier > wanted.open_tier:
        yield Why.TIER_NOT_OPEN
    lacking = wanted.lacks(standing.skills)
    if lacking is not None:
        yield Why.LACKS_SKILL + lacking
    if wanted.preferred is not None and standing.name != wanted.preferred:
        yield Why.NOT_PREFERRED
    if standing.name in wanted.missed:
        yield Why.MISSED_THIS_CALL
