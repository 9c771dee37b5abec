"""The one changer of agents' states and loads: each change is checked, stored and told in one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callengine.callcenter import agent_states as agent_states_table
from callengine.callcenter.agent_states import (
    TRANSITIONS,
    AgentInput,
    next_state,
    released,
    signing_on,
    wrap_up_over,
)
from callengine.callcenter.missed import PAUSE_REASON, MissedRules, is_missed
from callengine.callcenter.routing.base import day_of
from callengine.db.repositories import agent_states, conversations
from callengine.db.repositories.agent_states import AgentStanding
from callengine.db.repositories.conversations import Conversation
from callengine.db.transaction import Transaction
from callengine.errors import GuardFailed, NotAllowed
from callengine.events.types import EventType
from callengine.vocabulary import AgentState

NOTHING_FOLLOWS = MissedRules()
_NO_DELAY: dict[str, Any] = {"missed_in_row": 0, "delayed_until": None, "delayed_after": None}


def sign_on(tx: Transaction, agent_id: int, *, cause: str, by: str | None = None) -> None:
    """A phone has registered, or somebody wants it: an agent that was offline becomes available.

    It is paused instead if that was ordered. One that was to be signed off after its call is not any more.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    happening = signing_on(agent.state, is_pause_ordered=agent.pause_next_reason is not None)
    is_new = agent.state is AgentState.OFFLINE or not agent.signed_on
    change(tx, agent, happening, cause=cause, by=by, signed_on=True, **(_NO_DELAY if is_new else {}))


def sign_off(tx: Transaction, agent_id: int, *, cause: str, by: str | None = None) -> None:
    """Somebody wants it: offline at once, or when the present offer or call ends.

    Raises `NotAllowed` in a wrap-up that wants a code.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    refuse_without_code(tx, agent)
    change(tx, agent, AgentInput.SIGNED_OFF, cause=cause, by=by, signed_on=False)


def lose_phones(tx: Transaction, agent_id: int, *, cause: str) -> None:
    """No phone is registered any more: offline at once, or if that is still so when the present call ends."""
    change(tx, agent_states.read_for_change(tx, agent_id), AgentInput.SIGNED_OFF, cause=cause)


def claim(tx: Transaction, agent_id: int, *, call_id: str) -> None:
    """Reserve the agent for one offer; half of the claim.

    Raises `GuardFailed` if its state does not allow an offer, its load has reached its capacity, it is about
    to be signed off or paused, or it is left alone after a missed offer.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    if agent.load >= agent.max_concurrent_calls:
        raise GuardFailed(f"agent {agent.name} is at its capacity of {agent.max_concurrent_calls}")
    if agent.load and not agent.signed_on:
        raise GuardFailed(f"agent {agent.name} is to be signed off")
    if agent.pause_next_reason is not None:
        raise GuardFailed(f"agent {agent.name} is to be paused")
    if agent.load and agent.wrap_up_until is not None:
        raise GuardFailed(f"agent {agent.name} is in wrap-up, and calls")
    if agent.delayed_until is not None and agent.delayed_until > tx.now:
        raise GuardFailed(f"agent {agent.name} is left alone after an offer that was {agent.delayed_after}")
    change(
        tx,
        agent,
        AgentInput.CLAIMED,
        cause="offered",
        call_id=call_id,
        load=agent.load + 1,
        signed_on=True,
    )


def connect(tx: Transaction, agent_id: int, *, call_id: str) -> None:
    """One of the agent's phones has answered."""
    agent = agent_states.read_for_change(tx, agent_id)
    happening = AgentInput.CONNECTED
    change(tx, agent, happening, cause="answered", call_id=call_id, last_call_id=call_id, **_NO_DELAY)


def release(
    tx: Transaction,
    agent_id: int,
    *,
    call_id: str,
    cause: str,
    was_connected: bool,
    wrap_up_seconds: float = 0.0,
    keeps_idle_time: bool = False,
    missed_rules: MissedRules = NOTHING_FOLLOWS,
) -> None:
    """One offer or call is over and the phones are quiet.

    `cause` is the offer's result if nobody has answered it: what follows a missed one, `missed_rules` say.
    `keeps_idle_time`: the offer was withdrawn through no doing of the agent, so it has been free all along.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    is_to_stay = agent.signed_on and agent_states.is_reachable(tx, agent_id)
    wrap_up = max(agent.wrap_up_next_seconds, wrap_up_seconds if was_connected else 0.0)
    rest_of_wrap_up = max(0.0, (agent.wrap_up_until or tx.now) - tx.now)
    follows = {} if was_connected or not is_missed(cause) else _missed(agent, cause, missed_rules, tx.now)
    if was_connected:
        follows = _counted(tx, agent, call_id)
    pause_next = follows.get("pause_next_reason", agent.pause_next_reason)
    happening = released(
        load_left=agent.load - 1,
        is_to_stay=is_to_stay,
        wrap_up_seconds=max(wrap_up, rest_of_wrap_up),
        is_pause_ordered=pause_next is not None,
    )
    change(
        tx,
        agent,
        happening,
        cause=cause,
        call_id=call_id,
        free_since=agent.available_since if keeps_idle_time else tx.now,
        load=agent.load - 1,
        wrap_up_next_seconds=wrap_up,
        wrap_up_until=tx.now + max(wrap_up, rest_of_wrap_up),
        **follows,
    )


def _counted(tx: Transaction, agent: AgentStanding, call_id: str) -> dict[str, Any]:
    """The agent's counts of the day (UTC) with a conversation that has ended."""
    today = day_of(tx.now)
    is_today = agent.counted_on == today
    talked = conversations.talk_seconds(tx, call_id=call_id, agent_id=agent.id)
    return {
        "counted_on": today,
        "calls_handled": (agent.calls_handled if is_today else 0) + 1,
        "talk_seconds": (agent.talk_seconds if is_today else 0.0) + talked,
    }


def _missed(agent: AgentStanding, result: str, rules: MissedRules, now: float) -> dict[str, Any]:
    """What changes for an agent that has missed an offer."""
    values: dict[str, Any] = {"missed_in_row": agent.missed_in_row + 1}
    until = now + rules.delay_after(result)
    if until > max(now, agent.delayed_until or now):
        values.update(delayed_until=until, delayed_after=result)
    if rules.is_too_many(agent.missed_in_row + 1) and agent.pause_next_reason is None:
        values.update(pause_next_reason=PAUSE_REASON)
    return values


def end_wrap_up_if_due(tx: Transaction, agent_id: int, *, by: float, cause: str) -> bool:
    """End a wrap-up whose time is over at `by`; False, and nothing changed, if there is none such."""
    agent = agent_states.read_for_change(tx, agent_id)
    if agent.state is not AgentState.WRAP_UP or (agent.wrap_up_until or 0.0) > by:
        return False
    change(tx, agent, wrap_up_over(is_pause_ordered=agent.pause_next_reason is not None), cause=cause)
    return True


def set_straight(tx: Transaction, agent_id: int, *, load: int, is_talking: bool, cause: str) -> None:
    """Make load and state what the agent's offers and calls say; raises `GuardFailed` if they are that."""
    old = agent_states.read_for_change(tx, agent_id)
    state = agent_states_table.set_straight(
        old.state,
        load=load,
        is_talking=is_talking,
        is_to_stay=old.signed_on and agent_states.is_reachable(tx, agent_id),
        is_pause_ordered=old.pause_next_reason is not None,
    )
    if (state, load) == (old.state, old.load):
        raise GuardFailed(f"agent {old.name} is as its offers say")
    new = replace(old, state=state, load=load)
    _store(tx, old, _settled(old, new, now=tx.now, free_since=None), cause=cause)


def pause(tx: Transaction, agent_id: int, *, reason: str, by: str, cause: str = "operator") -> None:
    """Offer the agent no calls until it is resumed, or paused for another reason.

    Raises `NotAllowed` while it is offline or has an offer or a call, or is in a wrap-up that wants a code.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    _refuse_unless_possible(agent, AgentInput.PAUSED)
    refuse_without_code(tx, agent)
    change(tx, agent, AgentInput.PAUSED, cause=cause, by=by, pause_reason=reason, pause_next_reason=None)


def pause_after_call(
    tx: Transaction, agent_id: int, *, reason: str, by: str, cause: str = "operator"
) -> None:
    """Pause the agent when what it does is over: at once if it is free, at its sign-on if it is offline."""
    agent = agent_states.read_for_change(tx, agent_id)
    happening = AgentInput.PAUSE_ORDERED
    is_at_once = next_state(agent.state, happening) is AgentState.PAUSED
    change(
        tx,
        agent,
        happening,
        cause=cause,
        by=by,
        pause_reason=reason if is_at_once else agent.pause_reason,
        pause_next_reason=None if is_at_once else reason,
    )


def resume(tx: Transaction, agent_id: int, *, by: str, cause: str = "operator") -> None:
    """End a pause, or take back one that was ordered; nothing changes for an agent that is available.

    Raises `NotAllowed` if there is neither.
    """
    agent = agent_states.read_for_change(tx, agent_id)
    is_possible = agent.state in (AgentState.AVAILABLE, AgentState.PAUSED)
    if not is_possible and agent.pause_next_reason is None:
        raise NotAllowed(
            f"agent {agent.name} is {agent.state} and cannot be resumed; allowed: available, paused, or with"
            " a pause ordered"
        )
    change(tx, agent, AgentInput.RESUMED, cause=cause, by=by, pause_next_reason=None, **_NO_DELAY)


def _refuse_unless_possible(agent: AgentStanding, wanted: AgentInput) -> None:
    """What somebody asks for is refused by name; only what happens by itself is a guard that failed."""
    if wanted not in TRANSITIONS[agent.state]:
        allowed = ", ".join(state for state, row in TRANSITIONS.items() if wanted in row)
        raise NotAllowed(f"agent {agent.name} is {agent.state} and cannot be {wanted}; allowed: {allowed}")


def refuse_without_code(tx: Transaction, agent: AgentStanding) -> None:
    """Refuse that somebody ends the agent's wrap-up if its queue wants a code, and there is none yet."""
    if agent.wrap_up_until is None:
        return
    conversation = conversation_of(tx, agent)
    if conversation and conversation.is_code_required and conversation.code is None:
        codes = ", ".join(conversation.codes) or "any word"
        raise NotAllowed(
            f"agent {agent.name} is in wrap-up, and the queue {conversation.queue} wants a code;"
            f" allowed: {codes}"
        )


def conversation_of(tx: Transaction, agent: AgentStanding) -> Conversation | None:
    """The agent's present or last conversation; None if it has had none, or the record is gone."""
    if agent.last_call_id is None:
        return None
    return conversations.latest(tx, call_id=agent.last_call_id, agent_id=agent.id)


def change(
    tx: Transaction,
    old: AgentStanding,
    happening: AgentInput,
    *,
    cause: str,
    call_id: str | None = None,
    by: str | None = None,
    free_since: float | None = None,
    **values: Any,
) -> None:
    """Do to the agent what the table says, and change what else is in `values`, fields of its standing.

    Nothing is stored or told if nothing changes. `free_since` is from when on its idle time counts, if it has
    given something back; else it counts from now if it becomes free, or as before.
    """
    new = replace(old, state=next_state(old.state, happening), **values)
    new = _settled(old, new, now=tx.now, free_since=free_since)
    if new != old:
        _store(tx, old, new, cause=cause, call_id=call_id, by=by)


def _settled(
    old: AgentStanding, new: AgentStanding, *, now: float, free_since: float | None
) -> AgentStanding:
    """The new standing with what follows from its state, and without what has no meaning in it."""
    state = new.state
    is_paused, is_offline = state is AgentState.PAUSED, state is AgentState.OFFLINE
    is_order_over = is_paused or (is_offline and old.state is not AgentState.OFFLINE)
    is_delayed = new.delayed_until is not None and new.delayed_until > now
    return replace(
        new,
        state_since=old.state_since if state is old.state else now,
        available_since=_available_since(old, state, now=now, free_since=free_since),
        signed_on=new.signed_on and not is_offline,
        wrap_up_until=_wrap_up_until(old, new),
        wrap_up_next_seconds=new.wrap_up_next_seconds if new.load else 0.0,
        pause_reason=(new.pause_next_reason or new.pause_reason) if is_paused else None,
        pause_next_reason=None if is_order_over else new.pause_next_reason,
        delayed_until=new.delayed_until if is_delayed else None,
        delayed_after=new.delayed_after if is_delayed else None,
    )


def _wrap_up_until(old: AgentStanding, new: AgentStanding) -> float | None:
    """A wrap-up in which the agent calls keeps its end."""
    if new.state is AgentState.WRAP_UP:
        return new.wrap_up_until
    return old.wrap_up_until if new.load else None


def _available_since(
    old: AgentStanding, state: AgentState, *, now: float, free_since: float | None
) -> float | None:
    if state is AgentState.OFFLINE:
        return None
    if free_since is not None:
        return free_since
    return (
        now
        if state is AgentState.AVAILABLE and old.state is not AgentState.AVAILABLE
        else old.available_since
    )


def _store(
    tx: Transaction,
    old: AgentStanding,
    new: AgentStanding,
    *,
    cause: str,
    call_id: str | None = None,
    by: str | None = None,
) -> None:
    agent_states.write(tx, old, new)
    is_wrapped_up = old.state is AgentState.WRAP_UP and new.state is not AgentState.WRAP_UP
    conversation = conversation_of(tx, old) if is_wrapped_up else None
    about: dict[str, Any] = {}
    if conversation is not None:
        seconds = max(0.0, tx.now - old.state_since)
        conversations.wrapped_up(tx, conversation.offer_id, seconds=seconds)
        call_id = conversation.call_id
        about = {"wrap_up_seconds": seconds, "wrap_up_code": conversation.code}
    tx.add_event(
        EventType.AGENT_STATE_CHANGED,
        call_id=call_id,
        queue=conversation.queue if conversation else None,
        agent=old.name,
        old=old.state,
        new=new.state,
        cause=cause,
        load=new.load,
        available_since=new.available_since,
        signed_on=new.signed_on,
        wrap_up_until=new.wrap_up_until,
        pause_reason=new.pause_reason,
        pause_next_reason=new.pause_next_reason,
        missed_in_row=new.missed_in_row,
        delayed_until=new.delayed_until,
        delayed_after=new.delayed_after,
        counted_on=new.counted_on,
        calls_handled=new.calls_handled,
        talk_seconds=new.talk_seconds,
        by=by,
        **about,
    )
