"""After a call: the agent's wrap-up is ended or extended by hand, and the conversation gets its code."""

from __future__ import annotations

from callengine.callcenter.agent_states import AgentInput, wrap_up_over
from callengine.callcenter.agents import change, conversation_of, refuse_without_code
from callengine.db.repositories import agent_states, conversations
from callengine.db.repositories.agent_states import AgentStanding
from callengine.db.transaction import Transaction
from callengine.errors import BadRequest, NotAllowed
from callengine.events.types import EventType
from callengine.vocabulary import AgentState

LONGEST_SECONDS = 86400.0
"""The most by which a wrap-up may be extended at once: a day."""

_LONGEST_CODE = 64


def end_wrap_up(
    tx: Transaction, agent_id: int, *, code: str | None, by: str, cause: str = "operator"
) -> None:
    """End the agent's wrap-up, with what the conversation was about.

    Raises `NotAllowed` if it is in none, or its queue wants a code and there is none yet; `BadRequest` for a
    code that the queue does not know.
    """
    agent = _in_wrap_up(tx, agent_id)
    if code is not None:
        _store_code(tx, agent, code, by=by)
    refuse_without_code(tx, agent)
    change(tx, agent, wrap_up_over(is_pause_ordered=agent.pause_next_reason is not None), cause=cause, by=by)


def extend_wrap_up(
    tx: Transaction, agent_id: int, *, seconds: float, by: str, cause: str = "operator"
) -> None:
    """Have the agent's wrap-up end later. Raises `NotAllowed` if it is in none, `BadRequest`."""
    if not 0 < seconds <= LONGEST_SECONDS:
        raise BadRequest(f"{seconds:g} more seconds; allowed: more than 0, up to {LONGEST_SECONDS:g}")
    agent = _in_wrap_up(tx, agent_id)
    until = max(tx.now, agent.wrap_up_until or tx.now) + seconds
    change(tx, agent, AgentInput.WRAP_UP_EXTENDED, cause=cause, by=by, wrap_up_until=until)


def set_code(tx: Transaction, agent_id: int, *, code: str, by: str) -> None:
    """Say what the agent's present conversation is about, or its last one until the next begins.

    Raises `NotAllowed` if it has had none, `BadRequest` for a code that the queue does not know.
    """
    _store_code(tx, agent_states.read_for_change(tx, agent_id), code, by=by)


def _in_wrap_up(tx: Transaction, agent_id: int) -> AgentStanding:
    agent = agent_states.read_for_change(tx, agent_id)
    if agent.state is not AgentState.WRAP_UP:
        raise NotAllowed(f"agent {agent.name} is {agent.state} and has no wrap-up; allowed: wrap_up")
    return agent


def _store_code(tx: Transaction, agent: AgentStanding, code: str, *, by: str) -> None:
    conversation = conversation_of(tx, agent)
    if conversation is None:
        raise NotAllowed(f"agent {agent.name} has had no conversation that a code could be for")
    if conversation.codes and code not in conversation.codes:
        allowed = ", ".join(conversation.codes)
        raise BadRequest(f"the code {code!r}; allowed in the queue {conversation.queue}: {allowed}")
    if not code.strip() or len(code) > _LONGEST_CODE or not code.isprintable():
        raise BadRequest(f"the code {code!r}; allowed: 1 to {_LONGEST_CODE} printable characters")
    conversations.set_code(tx, conversation.offer_id, code)
    tx.add_event(
        EventType.CALL_CODED,
        call_id=conversation.call_id,
        queue=conversation.queue,
        agent=agent.name,
        code=code,
        by=by,
    )
