"""What an agent's state may become, as a table.

Theory of operation. An agent's phones register and sign it on. A claim reserves it: an offer is out, its
phones ring. When a phone answers it is busy, and stays so until its last call has ended; then it is free
again, or in wrap-up for as long as the queue of the call says. The claim is released only when the agent's
phones are quiet (the BYE or CANCEL has its answer), so an agent that is available can really be rung.

An agent that un-registers or whose registration lapses goes offline at once, but not out of an offer or a
call: then its state follows when the claim is released. What releases a claim is therefore one of several
inputs, chosen by `released`, since the next state depends on what is left.

A pause keeps an agent that is free, or in wrap-up, from being offered calls until it is resumed; another
phone that registers does not end it, going offline does. Who has an offer or a call cannot be paused, and who
is offline needs no pause.

A pair that is not in the table is refused: nothing changes, and the transaction that tried is undone. This
table is the only place that knows what follows what; `docs/states.md` draws its picture from it.
"""

from enum import StrEnum

from callengine.errors import GuardFailed
from callengine.vocabulary import AgentState


class AgentInput(StrEnum):
    """What can happen to an agent."""

    SIGNED_ON = "signed_on"
    SIGNED_OFF = "signed_off"
    CALLED = "called"
    CLAIMED = "claimed"
    CONNECTED = "connected"
    RELEASED_WITH_MORE = "released_with_more"
    RELEASED_LAST = "released_last"
    RELEASED_TO_WRAP_UP = "released_to_wrap_up"
    RELEASED_UNREACHABLE = "released_unreachable"
    WRAP_UP_ENDED = "wrap_up_ended"
    PAUSED = "paused"
    RESUMED = "resumed"


_S, _I = AgentState, AgentInput

TRANSITIONS: dict[AgentState, dict[AgentInput, AgentState]] = {
    _S.OFFLINE: {
        _I.SIGNED_ON: _S.AVAILABLE,
        _I.SIGNED_OFF: _S.OFFLINE,
        _I.CALLED: _S.BUSY,
    },
    _S.AVAILABLE: {
        _I.SIGNED_ON: _S.AVAILABLE,
        _I.SIGNED_OFF: _S.OFFLINE,
        _I.CLAIMED: _S.RESERVED,
        _I.PAUSED: _S.PAUSED,
        _I.RESUMED: _S.AVAILABLE,
        _I.CALLED: _S.BUSY,
    },
    _S.RESERVED: {
        _I.SIGNED_ON: _S.RESERVED,
        _I.SIGNED_OFF: _S.RESERVED,
        _I.CLAIMED: _S.RESERVED,
        _I.CONNECTED: _S.BUSY,
        _I.RELEASED_WITH_MORE: _S.RESERVED,
        _I.RELEASED_LAST: _S.AVAILABLE,
        _I.RELEASED_UNREACHABLE: _S.OFFLINE,
        _I.CALLED: _S.BUSY,
    },
    _S.BUSY: {
        _I.SIGNED_ON: _S.BUSY,
        _I.SIGNED_OFF: _S.BUSY,
        _I.CLAIMED: _S.BUSY,
        _I.CONNECTED: _S.BUSY,
        _I.RELEASED_WITH_MORE: _S.BUSY,
        _I.RELEASED_LAST: _S.AVAILABLE,
        _I.RELEASED_TO_WRAP_UP: _S.WRAP_UP,
        _I.RELEASED_UNREACHABLE: _S.OFFLINE,
        _I.CALLED: _S.BUSY,
    },
    _S.WRAP_UP: {
        _I.SIGNED_ON: _S.WRAP_UP,
        _I.SIGNED_OFF: _S.OFFLINE,
        _I.WRAP_UP_ENDED: _S.AVAILABLE,
        _I.PAUSED: _S.PAUSED,
        _I.CALLED: _S.BUSY,
    },
    _S.PAUSED: {
        _I.SIGNED_ON: _S.PAUSED,
        _I.SIGNED_OFF: _S.OFFLINE,
        _I.PAUSED: _S.PAUSED,
        _I.RESUMED: _S.AVAILABLE,
        _I.CALLED: _S.BUSY,
    },
}

CLAIMABLE = frozenset(state for state, row in TRANSITIONS.items() if AgentInput.CLAIMED in row)


def next_state(state: AgentState, happening: AgentInput) -> AgentState:
    """The state that follows; raises `GuardFailed` where the table has no entry."""
    try:
        return TRANSITIONS[state][happening]
    except KeyError:
        raise GuardFailed(f"an agent that is {state} cannot be {happening}") from None


def released(*, load_left: int, was_connected: bool, reachable: bool, wrap_up_seconds: float) -> AgentInput:
    """Which input the end of one offer or call is, by what is left afterwards.

    `load_left` counts the agent's other offers and calls; `reachable` says whether any phone is registered.
    """
    if load_left:
        return AgentInput.RELEASED_WITH_MORE
    if not reachable:
        return AgentInput.RELEASED_UNREACHABLE
    if was_connected and wrap_up_seconds > 0:
        return AgentInput.RELEASED_TO_WRAP_UP
    return AgentInput.RELEASED_LAST


def set_straight(state: AgentState, *, load: int, is_talking: bool, reachable: bool) -> AgentState:
    """What an agent is whose offers and calls were counted again; not an input, since something went wrong.

    `load` counts them, `is_talking` says whether one is a conversation.
    """
    if load:
        return AgentState.BUSY if is_talking or state is AgentState.BUSY else AgentState.RESERVED
    if not reachable:
        return AgentState.OFFLINE
    return AgentState.AVAILABLE if state in CLAIMABLE or state is AgentState.OFFLINE else state
