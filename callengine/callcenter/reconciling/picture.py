"""What database, stories, dialogs and media side hold at one moment, as far as it is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from callengine.callcenter.repair_reasons import Reason


class CallRow(NamedTuple):
    """A call that has not ended."""

    id: str
    state: str
    connected_at: float | None


class EntryRow(NamedTuple):
    """A place in a queue that is waiting or offered."""

    id: str
    call_id: str
    queue_id: int
    state: str
    expires_at: float | None


class OfferRow(NamedTuple):
    """An offer that rings or is connected."""

    id: str
    call_id: str
    entry_id: str | None
    agent_id: int
    state: str
    deadline_at: float


class LegRow(NamedTuple):
    """A leg that has not ended; `agent_id` is whom its offer was made to, `made_by` who calls from it."""

    id: str
    call_id: str
    offer_id: str | None
    agent_id: int | None
    state: str
    end_cause: str | None
    made_by: int | None = None


class AgentRow(NamedTuple):
    """An agent that has not been removed."""

    id: int
    name: str
    state: str
    load: int
    wrap_up_until: float | None
    signed_on: bool = True
    pause_next_reason: str | None = None
    delayed_until: float | None = None


class QueueRow(NamedTuple):
    """A queue."""

    id: int
    name: str
    depth: int


class Story(NamedTuple):
    """A call that goes on in this process. `offer_ids` are of the offers that it knows."""

    entry_id: str | None
    """None if the call has no place in a queue."""
    offer_ids: frozenset[str]
    is_over: bool
    is_connected: bool
    is_in_line: bool
    agent_ids: tuple[int, ...]
    """Whom dispatch holds for it."""


class KnownLeg(NamedTuple):
    """A leg of a story, or one that is being hung up."""

    is_up: bool
    """Its session has not ended."""
    is_confirmed: bool
    dialog_is_known: bool
    """The endpoint brings its session what comes for it."""


class KnownAgent(NamedTuple):
    """An agent as dispatch knows it."""

    state: str
    load: int
    held: bool
    is_leaving: bool = False
    delayed_until: float | None = None


@dataclass(frozen=True)
class Picture:
    """All of it. `now` and the times of rows are seconds since the epoch."""

    now: float
    max_call_seconds: float
    calls: Mapping[str, CallRow] = field(default_factory=dict)
    entries: Mapping[str, EntryRow] = field(default_factory=dict)
    offers: Mapping[str, OfferRow] = field(default_factory=dict)
    legs: Mapping[str, LegRow] = field(default_factory=dict)
    agents: Mapping[int, AgentRow] = field(default_factory=dict)
    registered: frozenset[int] = frozenset()
    """The agents with a phone whose registration lasts."""
    queues: Mapping[int, QueueRow] = field(default_factory=dict)
    stories: Mapping[str, Story] = field(default_factory=dict)
    """By the id of their call."""
    known_legs: Mapping[str, KnownLeg] = field(default_factory=dict)
    clearing: frozenset[str] = frozenset()
    """The legs that are being hung up."""
    strange_dialogs: frozenset[str] = frozenset()
    """Dialogs of no leg that is known: Call-ID and our tag."""
    roster: Mapping[int, KnownAgent] = field(default_factory=dict)
    media: frozenset[str] | None = None
    """The media legs that are open; None while the media side does not answer."""


@dataclass(frozen=True)
class Disagreement:
    """One thing that is not as it should be; `key` is the id of what it is about."""

    reason: Reason
    key: str | int
    call_id: str | None = None
