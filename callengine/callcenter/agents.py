"""The one changer of agents' states and loads: each change is checked, stored and told in one transaction."""

from callengine.callcenter import agent_states as agent_states_table
from callengine.callcenter.agent_states import TRANSITIONS, AgentInput, next_state, released
from callengine.db.repositories import agent_states
from callengine.db.repositories.agent_states import AgentStanding
from callengine.db.transaction import Transaction
from callengine.errors import GuardFailed, NotAllowed
from callengine.events.types import EventType
from callengine.vocabulary import AgentState


def sign_on(tx: Transaction, agent_id: int, *, cause: str) -> None:
    """A phone has registered: an agent that was offline becomes available."""
    _change(tx, agent_states.read_for_change(tx, agent_id), AgentInput.SIGNED_ON, cause=cause)


def sign_off(tx: Transaction, agent_id: int, *, cause: str) -> None:
    """No phone is registered any more: offline at once, or when the present offer or call ends."""
    _change(tx, agent_states.read_for_change(tx, agent_id), AgentInput.SIGNED_OFF, cause=cause)


def claim(tx: Transaction, agent_id: int, *, call_id: str) -> None:
    """Reserve the agent for one offer; half of the claim.

    Raises `GuardFailed` if its state does not allow an offer or its load has reached its capacity.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    if agent.load >= agent.max_concurrent_calls:
        raise GuardFailed(f"agent {agent.name} is at its capacity of {agent.max_concurrent_calls}")
    _change(tx, agent, AgentInput.CLAIMED, cause="offered", call_id=call_id, load=agent.load + 1)


def connect(tx: Transaction, agent_id: int, *, call_id: str) -> None:
    """One of the agent's phones has answered."""
    agent = agent_states.read_for_change(tx, agent_id)
    _change(tx, agent, AgentInput.CONNECTED, cause="answered", call_id=call_id)


def release(
    tx: Transaction,
    agent_id: int,
    *,
    call_id: str,
    cause: str,
    was_connected: bool,
    wrap_up_seconds: float = 0.0,
    keeps_idle_time: bool = False,
) -> None:
    """One offer or call is over and the phones are quiet.

    `keeps_idle_time`: the offer was withdrawn through no doing of the agent, so it has been free all along.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    happening = released(
        load_left=agent.load - 1,
        was_connected=was_connected,
        reachable=agent_states.is_reachable(tx, agent_id),
        wrap_up_seconds=wrap_up_seconds,
    )
    until = tx.now + wrap_up_seconds if happening is AgentInput.RELEASED_TO_WRAP_UP else None
    _change(
        tx,
        agent,
        happening,
        cause=cause,
        call_id=call_id,
        load=agent.load - 1,
        wrap_up_until=until,
        free_since=agent.available_since if keeps_idle_time else None,
    )


def end_wrap_up_if_due(tx: Transaction, agent_id: int, *, by: float, cause: str) -> bool:
    """End a wrap-up whose time is over at `by`; False, and nothing changed, if there is none such."""
    agent = agent_states.read_for_change(tx, agent_id)
    if agent.state is not AgentState.WRAP_UP or (agent.wrap_up_until or 0.0) > by:
        return False
    _change(tx, agent, AgentInput.WRAP_UP_ENDED, cause=cause)
    return True


def set_straight(tx: Transaction, agent_id: int, *, load: int, is_talking: bool, cause: str) -> None:
    """Make load and state what the agent's offers and calls say; raises `GuardFailed` if they are that."""
    old = agent_states.read_for_change(tx, agent_id)
    state = agent_states_table.set_straight(
        old.state, load=load, is_talking=is_talking, reachable=agent_states.is_reachable(tx, agent_id)
    )
    if (state, load) == (old.state, old.load):
        raise GuardFailed(f"agent {old.name} is as its offers say")
    _store(tx, old, state, load=load, cause=cause, wrap_up_until=old.wrap_up_until, reason=old.pause_reason)


def pause(tx: Transaction, agent_id: int, *, reason: str, by: str) -> None:
    """Offer the agent no calls until it is resumed, or paused for another reason.

    Raises `NotAllowed` while it is offline or has an offer or a call.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    _refuse_unless_possible(agent, AgentInput.PAUSED)
    _change(tx, agent, AgentInput.PAUSED, cause="operator", pause_reason=reason, by=by)


def resume(tx: Transaction, agent_id: int, *, by: str) -> None:
    """End a pause; nothing changes for an agent that is available. Raises `NotAllowed` in any other state."""
    agent = agent_states.read_for_change(tx, agent_id)
    _refuse_unless_possible(agent, AgentInput.RESUMED)
    _change(tx, agent, AgentInput.RESUMED, cause="operator", by=by)


def _refuse_unless_possible(agent: AgentStanding, wanted: AgentInput) -> None:
    """What somebody asks for is refused by name; only what happens by itself is a guard that failed."""
    if wanted not in TRANSITIONS[agent.state]:
        allowed = ", ".join(state for state, row in TRANSITIONS.items() if wanted in row)
        raise NotAllowed(f"agent {agent.name} is {agent.state} and cannot be {wanted}; allowed: {allowed}")


def _change(
    tx: Transaction,
    old: AgentStanding,
    happening: AgentInput,
    *,
    cause: str,
    call_id: str | None = None,
    load: int | None = None,
    wrap_up_until: float | None = None,
    free_since: float | None = None,
    pause_reason: str | None = None,
    by: str | None = None,
) -> None:
    state = next_state(old.state, happening)
    load = old.load if load is None else load
    reason = (pause_reason or old.pause_reason) if state is AgentState.PAUSED else None
    if (state, load, reason) == (old.state, old.load, old.pause_reason):
        return
    _store(
        tx,
        old,
        state,
        load=load,
        cause=cause,
        call_id=call_id,
        wrap_up_until=wrap_up_until,
        free_since=free_since,
        reason=reason,
        by=by,
    )


def _store(
    tx: Transaction,
    old: AgentStanding,
    state: AgentState,
    *,
    load: int,
    cause: str,
    wrap_up_until: float | None,
    reason: str | None,
    call_id: str | None = None,
    free_since: float | None = None,
    by: str | None = None,
) -> None:
    available_since = _available_since(old, state, free_since or tx.now)
    agent_states.write(
        tx,
        old,
        state=state,
        load=load,
        available_since=available_since,
        wrap_up_until=wrap_up_until,
        pause_reason=reason,
    )
    tx.add_event(
        EventType.AGENT_STATE_CHANGED,
        call_id=call_id,
        agent=old.name,
        old=old.state,
        new=state,
        cause=cause,
        load=load,
        available_since=available_since,
        wrap_up_until=wrap_up_until,
        pause_reason=reason,
        by=by,
    )


def _available_since(old: AgentStanding, state: AgentState, free_since: float) -> float | None:
    if state is AgentState.OFFLINE:
        return None
    if state is AgentState.AVAILABLE and old.state is not AgentState.AVAILABLE:
        return free_since
    return old.available_since
