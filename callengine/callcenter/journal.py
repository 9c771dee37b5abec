"""The journal: one line in the log for each agent who signs on or off and for each call that has ended.

It is written from committed events, so that the log never tells what the database does not hold.
"""

from __future__ import annotations

from loguru import logger

from callengine import log
from callengine.callcenter import own_calls
from callengine.events.types import Event, EventType
from callengine.vocabulary import AgentState

NOTED = (EventType.AGENT_STATE_CHANGED, EventType.CALL_ENDED)
"""The types of event that may have a line."""


def note(event: Event) -> None:
    """Write the line of an event, if it has one; never waits."""
    if event.type == EventType.CALL_ENDED and event.call_id is not None:
        with log.call_context(event.call_id):
            logger.info("{}", _ended(event))
    elif event.type == EventType.AGENT_STATE_CHANGED:
        old, new = event.payload["old"], event.payload["new"]
        is_own_call = event.payload["cause"] in (own_calls.CALLED, own_calls.CALLED_NO_MORE)
        if old != new and AgentState.OFFLINE in (old, new) and not is_own_call:
            signed = "off" if new == AgentState.OFFLINE else "on"
            logger.info("{} has signed {}: {}", event.agent, signed, event.payload["cause"])


def _ended(event: Event) -> str:
    told = event.payload
    talked = told["talk_seconds"]
    return (
        f"the call has ended: {told['disposition']}, cause {told['cause']}, hung up by {told['hung_up_by']}, "
        f"queue {event.queue}, agent {event.agent or '-'}, waited {told['wait_seconds']:.1f} s, "
        f"talked {0.0 if talked is None else talked:.1f} s"
    )
