"""What can happen, in the past tense: the events that the database logs and everybody reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""What JSON can express; each type of event says which names its payload has."""


class EventType(StrEnum):
    """The kinds of event; the words are those of the log, the API and the metrics."""

    CALL_ARRIVED = "call_arrived"
    """A call came to a number that is served here."""
    CALL_QUEUED = "call_queued"
    """The caller has joined a queue."""
    CALL_OFFERED = "call_offered"
    """The call was offered to an agent: its phones ring."""
    CALL_OFFER_FAILED = "call_offer_failed"
    """The offer came to nothing; the caller is back at its place."""
    CALL_CONNECTED = "call_connected"
    """An agent has answered."""
    CALL_ENDED = "call_ended"
    """The call is over, and its record complete."""
    CALL_CODED = "call_coded"
    """An agent's conversation was given a wrap-up code."""
    LEG_CLOSED = "leg_closed"
    """A phone has confirmed the end of its dialog."""
    LEG_CLOSED_UNCONFIRMED = "leg_closed_unconfirmed"
    """A phone has not, and the leg was given up."""
    AGENT_ADDED = "agent_added"
    """Somebody works here from now on."""
    AGENT_CHANGED = "agent_changed"
    """What an agent can be chosen for is another now."""
    AGENT_REMOVED = "agent_removed"
    """Somebody works here no longer."""
    AGENT_REGISTERED = "agent_registered"
    """A phone of the agent is reachable."""
    AGENT_UNREGISTERED = "agent_unregistered"
    """A phone of the agent is not any more."""
    BINDING_LOST = "binding_lost"
    """A phone that used to answer the heartbeat has stopped to, and counts as gone."""
    AGENT_STATE_CHANGED = "agent_state_changed"
    """The agent's state is another, or what goes with it."""
    LOG_PRUNED = "log_pruned"
    """Old calls and events were removed; the numbers of the log have a gap since."""
    SERVICE_DRAINING = "service_draining"
    """Somebody wants the service to end: no new calls are taken."""
    SERVICE_RECOVERED = "service_recovered"
    """An earlier run of this node was cut short; its calls are taken up."""
    SERVICE_HANDED_OVER = "service_handed_over"
    """The process ends, and leaves its calls to the next one."""
    SERVICE_TAKEN_OVER = "service_taken_over"
    """The calls that the process before has handed over are taken up."""
    MEDIA_RESTARTED = "media_restarted"
    """The media process was replaced; the calls' legs were opened again, as far as that could be done."""
    STATE_REPAIRED = "state_repaired"
    """What database, dialogs and media legs hold disagreed, and was set right."""
    CALL_REJECTED = "call_rejected"
    """No queue took a new call: full, closed, or without agents; it has no record."""
    CALL_MOVED = "call_moved"
    """An operator has put a caller who waits into another queue."""
    CALL_PRIORITIZED = "call_prioritized"
    """A caller who waits is as urgent as an operator says."""
    CALL_WITHDRAWN = "call_withdrawn"
    """An operator has taken a caller who waits out of its queue."""
    QUEUE_OVERFLOWED = "queue_overflowed"
    """A caller went on from a queue that did not take it, or not keep it, to the next."""
    QUEUE_OPENED = "queue_opened"
    """Its hours have begun."""
    QUEUE_CLOSED = "queue_closed"
    """Its hours are over: nobody joins it; who waits in it is served."""
    QUEUE_REMOVED = "queue_removed"
    """Nobody joins it any more; who waits in it is served."""
    QUEUE_CREATED = "queue_created"
    """There is a new queue."""
    QUEUE_CHANGED = "queue_changed"
    """A queue is set to something else."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened and was committed."""

    number: int
    """Its place in the log: 1, 2, 3, ... in the order of the commits, without a gap."""

    at: float
    """Seconds since the epoch, UTC."""

    type: EventType

    call_id: str | None
    """The id of the customer's call that it belongs to."""

    queue: str | None
    """The queue's name."""

    agent: str | None
    """The agent's name."""

    payload: Mapping[str, JSON]
    """What else is to be known, by name."""
