"""The leases: until when each state may last, what is to end it, and who notices if that never comes.

Theory of operation. Every state that is not final is held for something: a caller waits for an agent, an
agent's phone rings until a deadline, a leg that is ending waits for the phone's answer. The lease is the time
after which that something must have come. Who holds the state sees to its end by itself, with timers of its
own; the reasons are what the reconciler repairs under if it does not, because a commit failed, a message or a
timer was lost, a row was changed by hand, or by a mistake of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from callengine.callcenter.repair_reasons import Reason
from callengine.events.types import EventType
from callengine.vocabulary import AgentState, CallState, EntryState, LegState, OfferState


@dataclass(frozen=True)
class Lease:
    """Until when a state may last (in words, with the column that says it), and what ends it."""

    until: str
    next: tuple[EventType, ...]
    watched_by: tuple[Reason, ...]


_E, _R = EventType, Reason

_WHILE_CALLED = "as long as its offers and calls last"
_LAST_BINDING = "the last `bindings.expires_at` of its phones"

LEASES: Mapping[str, Mapping[StrEnum, Lease]] = {
    "call": {
        CallState.ARRIVED: Lease(
            "as long as the signal of a feature sounds, once its 200 is acknowledged (64*T1)",
            (_E.CALL_ENDED,),
            (_R.CALL_WITHOUT_STORY,),
        ),
        CallState.QUEUED: Lease(
            "`queue_entries.expires_at`",
            (_E.CALL_OFFERED, _E.QUEUE_OVERFLOWED, _E.CALL_MOVED, _E.CALL_ENDED),
            (_R.CALL_WITHOUT_STORY, _R.CALLER_NOT_IN_LINE, _R.ENTRY_PAST_ITS_LEASE),
        ),
        CallState.OFFERED: Lease(
            "`offers.deadline_at`",
            (_E.CALL_CONNECTED, _E.CALL_OFFER_FAILED, _E.CALL_ENDED),
            (_R.CALL_WITHOUT_STORY, _R.ENTRY_OFFERED_TO_NOBODY, _R.OFFER_PAST_ITS_LEASE),
        ),
        CallState.CONNECTED: Lease(
            "`calls.connected_at` and `general.max_call_duration_minutes`",
            (_E.CALL_ENDED,),
            (_R.CALL_WITHOUT_STORY, _R.CALL_PAST_ITS_LEASE),
        ),
    },
    "entry": {
        EntryState.WAITING: Lease(
            "`queue_entries.expires_at`",
            (_E.CALL_OFFERED, _E.QUEUE_OVERFLOWED, _E.CALL_MOVED, _E.CALL_ENDED),
            (_R.ENTRY_WITHOUT_CALL, _R.CALLER_NOT_IN_LINE, _R.ENTRY_PAST_ITS_LEASE, _R.DEPTH_DIFFERS),
        ),
        EntryState.OFFERED: Lease(
            "`offers.deadline_at`",
            (_E.CALL_CONNECTED, _E.CALL_OFFER_FAILED, _E.CALL_ENDED),
            (_R.ENTRY_WITHOUT_CALL, _R.ENTRY_OFFERED_TO_NOBODY, _R.DEPTH_DIFFERS),
        ),
    },
    "offer": {
        OfferState.RINGING: Lease(
            "`offers.deadline_at`",
            (_E.CALL_CONNECTED, _E.CALL_OFFER_FAILED, _E.CALL_ENDED),
            (_R.OFFER_PAST_ITS_LEASE, _R.OFFER_WITHOUT_STORY, _R.OFFER_WITHOUT_CALL),
        ),
        OfferState.CONNECTED: Lease(
            "as long as its call lasts", (_E.CALL_ENDED,), (_R.OFFER_WITHOUT_STORY, _R.OFFER_WITHOUT_CALL)
        ),
    },
    "leg": {
        LegState.INVITING: Lease(
            "`offers.deadline_at`; a caller's, which is not answered yet, `queue_entries.expires_at`",
            (_E.CALL_CONNECTED, _E.CALL_OFFER_FAILED, _E.LEG_CLOSED),
            (_R.LEG_WITHOUT_DIALOG, _R.DIALOG_NOT_KNOWN, _R.LEG_WITHOUT_MEDIA),
        ),
        LegState.CONNECTED: Lease(
            "as long as its call lasts",
            (_E.LEG_CLOSED,),
            (_R.LEG_WITHOUT_DIALOG, _R.DIALOG_NOT_KNOWN, _R.LEG_WITHOUT_MEDIA),
        ),
        LegState.ENDING: Lease(
            "`general.bye_timeout_seconds`, for each of the `general.bye_retry_attempts` and once",
            (_E.LEG_CLOSED, _E.LEG_CLOSED_UNCONFIRMED),
            (_R.LEG_PAST_ITS_LEASE,),
        ),
    },
    "agent": {
        AgentState.OFFLINE: Lease(
            "a phone registers, or somebody signs it on",
            (_E.AGENT_STATE_CHANGED,),
            (_R.AGENT_NOT_SIGNED_ON, _R.ROSTER_DIFFERS),
        ),
        AgentState.AVAILABLE: Lease(
            f"{_LAST_BINDING}; left alone until `agents.delayed_until`",
            (_E.AGENT_STATE_CHANGED,),
            (_R.AGENT_WITHOUT_PHONE, _R.ROSTER_DIFFERS, _R.AGENT_HELD_FOR_NOBODY),
        ),
        AgentState.RESERVED: Lease(
            _WHILE_CALLED, (_E.AGENT_STATE_CHANGED,), (_R.AGENT_BUSY_WITHOUT_CALL, _R.AGENT_LOAD_DIFFERS)
        ),
        AgentState.BUSY: Lease(
            _WHILE_CALLED, (_E.AGENT_STATE_CHANGED,), (_R.AGENT_BUSY_WITHOUT_CALL, _R.AGENT_LOAD_DIFFERS)
        ),
        AgentState.WRAP_UP: Lease(
            "`agents.wrap_up_until`",
            (_E.AGENT_STATE_CHANGED,),
            (_R.WRAP_UP_PAST_ITS_LEASE, _R.AGENT_WITHOUT_PHONE),
        ),
        AgentState.PAUSED: Lease(
            _LAST_BINDING, (_E.AGENT_STATE_CHANGED,), (_R.AGENT_WITHOUT_PHONE, _R.ROSTER_DIFFERS)
        ),
    },
}
"""For each noun the lease of every state that is not final."""

FINAL: Mapping[str, frozenset[StrEnum]] = {
    "call": frozenset([CallState.ENDED]),
    "entry": frozenset(EntryState) - {EntryState.WAITING, EntryState.OFFERED},
    "offer": frozenset(OfferState) - {OfferState.RINGING, OfferState.CONNECTED},
    "leg": frozenset([LegState.ENDED]),
    "agent": frozenset(),
}
"""For each noun the states that last for ever."""
