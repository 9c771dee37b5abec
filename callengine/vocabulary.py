"""The words that everybody shares: the states and roles of calls, legs, agents, entries and offers.

Their meaning is the field's own; every one of them is a word in the database, the events, the API and the
metrics alike, so a value here is spelled as it is stored.
"""

from enum import StrEnum


class AgentState(StrEnum):
    """What an agent is doing; the changes that are allowed stand in `callcenter.agents`."""

    OFFLINE = "offline"
    AVAILABLE = "available"
    RESERVED = "reserved"
    BUSY = "busy"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"


class CallState(StrEnum):
    """Where a call is on its way; `arrived` is one to a feature, which is neither queued nor offered."""

    ARRIVED = "arrived"
    QUEUED = "queued"
    OFFERED = "offered"
    CONNECTED = "connected"
    ENDED = "ended"


class EntryState(StrEnum):
    """A caller's place in a queue."""

    WAITING = "waiting"
    OFFERED = "offered"
    CONNECTED = "connected"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"
    TIMED_OUT = "timed_out"
    REJECTED = "rejected"


class OfferState(StrEnum):
    """What became of one call offered to one agent."""

    RINGING = "ringing"
    CONNECTED = "connected"
    ENDED = "ended"
    REJECTED = "rejected"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    WITHDRAWN = "withdrawn"


class LegState(StrEnum):
    """One dialog of ours with one phone.

    `inviting`: an INVITE is out (or in) and has no final answer. `ending`: our BYE is due or out, and the
    phone has not confirmed it.
    """

    INVITING = "inviting"
    CONNECTED = "connected"
    ENDING = "ending"
    ENDED = "ended"


class LegRole(StrEnum):
    """Whose phone a leg leads to."""

    CALLER = "caller"
    AGENT = "agent"


class LegDirection(StrEnum):
    """Who sent the INVITE: `incoming` is theirs, `outgoing` is ours."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class CallKind(StrEnum):
    """Whose call it is: a customer's, or one that an agent makes."""

    CUSTOMER = "customer"
    AGENT = "agent"


class Disposition(StrEnum):
    """How a call ended, for the record."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    SHORT_ABANDONED = "short_abandoned"
    TIMED_OUT = "timed_out"
    REJECTED = "rejected"
    FAILED = "failed"


class AnswerMode(StrEnum):
    """How the call of a caller who waits is answered until an agent takes it."""

    IMMEDIATELY = "immediately"
    """200 and music."""
    EARLY_MEDIA = "early_media"
    """183 and music; 200 when an agent answers."""
    WITH_AGENT = "with_agent"
    """180; 200 when an agent answers."""


class RoutingMode(StrEnum):
    """What becomes of a caller for whom an agent is free when it calls."""

    QUEUE_FIRST = "queue_first"
    """It is answered, or told to wait, like every other."""
    DIRECT_WHEN_AVAILABLE = "direct_when_available"
    """It hears ringing, and the agent's phones ring at once."""


class EmptyWhen(StrEnum):
    """When a queue counts as empty of agents."""

    SIGNED_OFF = "signed_off"
    """No agent of it is signed on."""
    NOT_WORKING = "not_working"
    """Each agent of it is signed off or paused."""


class Party(StrEnum):
    """Who hung up."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"


COMPLETED_ELSEWHERE = "completed_elsewhere"
"""Why a leg ends that rang beside the one that answered; it does not hold the agent."""


LIVE_CALLS = (CallState.ARRIVED, CallState.QUEUED, CallState.OFFERED, CallState.CONNECTED)
LIVE_ENTRIES = (EntryState.WAITING, EntryState.OFFERED)
LIVE_OFFERS = (OfferState.RINGING, OfferState.CONNECTED)
LIVE_LEGS = (LegState.INVITING, LegState.CONNECTED, LegState.ENDING)
"""The states that are not final: each is held for something, and has a lease."""

MISSED_OFFERS = (OfferState.REJECTED, OfferState.BUSY, OfferState.NO_ANSWER, OfferState.UNREACHABLE)
"""What an offer ends as that its agent could have answered and did not."""

LEGS_UP = (LegState.INVITING, LegState.CONNECTED)
"""The states of a leg that nobody wants to hang up."""
