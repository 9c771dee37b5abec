"""What calls that agents make do to their states: they make them busy, and change nothing else.

An own call is possible for whoever has room for it, in any state. What the agent was about, a pause, a
wrap-up or being offline, goes on when the call is over.
"""

from __future__ import annotations

from callengine.callcenter import agents
from callengine.callcenter.agent_states import AgentInput
from callengine.db.repositories import agent_states
from callengine.db.transaction import Transaction
from callengine.errors import NotAllowed

CALLED, CALLED_NO_MORE = "own_call", "own_call_over"
"""The causes of what such a call changes."""


def begin(tx: Transaction, agent_id: int, *, call_id: str) -> None:
    """The agent has called. Raises `NotAllowed` if it has as many offers and calls as it may have."""
    agent = agent_states.read_for_change(tx, agent_id)
    if agent.load >= agent.max_concurrent_calls:
        raise NotAllowed(f"agent {agent.name} calls, but is at its capacity of {agent.max_concurrent_calls}")
    agents.change(
        tx,
        agent,
        AgentInput.CALLED,
        cause=CALLED,
        call_id=call_id,
        load=agent.load + 1,
        pause_next_reason=agent.pause_next_reason or agent.pause_reason,
    )


def end(tx: Transaction, agent_id: int, *, call_id: str) -> None:
    """The call is over, and the phone from which it was made is quiet."""
    agents.release(tx, agent_id, call_id=call_id, cause=CALLED_NO_MORE, was_connected=True)
