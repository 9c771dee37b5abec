"""What an agent's state may become, as a table.

Theory of operation. A claim reserves an agent: an offer is out, its phones ring. When a phone answers it is
busy, and stays so until its last call has ended; then it is free again, or in wrap-up for the longest time
that the queues of those calls say. The claim is released only when the agent's phones are quiet (the BYE or
CANCEL has its answer), so an agent that is available can really be rung.

An agent is signed on by a phone that registers or by hand, as the settings say, and off when it has no phone
any more or by hand: at once, but not out of an offer or a call; then its state follows when the claim is
released. A pause keeps an agent that is free, or in wrap-up, from being offered calls until it is resumed;
another phone that registers does not end it, going offline does. It can be ordered in any state: who has an
offer or a call, is in wrap-up or is offline is paused when that is over. Too many offers missed in a row
order one too. Who is about to sign off or to be paused is offered no further calls.

An agent may call in any state, if it has room for one more call, and is busy with it. Its pause or wrap-up
stands over then, and goes on afterwards, the wrap-up to the time that it had.

So what comes next may depend on what was ordered, and on what is left: `signing_on`, `released` and
`wrap_up_over` choose which one of several inputs a happening is.

A pair that is not in the table is refused: nothing changes, and the transaction that tried is undone. This
table is the only place that knows what follows what; `docs/states.md` draws its picture from it.
"""

from enum import StrEnum

from callengine.errors import GuardFailed
from callengine.vocabulary import AgentState


class AgentInput(StrEnum):
    """What can happen to an agent."""

    SIGNED_ON = "signed_on"
    SIGNED_ON_TO_PAUSE = "signed_on_to_pause"
    SIGNED_OFF = "signed_off"
    CALLED = "called"
    CLAIMED = "claimed"
    CONNECTED = "connected"
    RELEASED_WITH_MORE = "released_with_more"
    RELEASED_LAST = "released_last"
    RELEASED_TO_WRAP_UP = "released_to_wrap_up"
    RELEASED_TO_PAUSE = "released_to_pause"
    RELEASED_TO_SIGN_OFF = "released_to_sign_off"
    WRAP_UP_EXTENDED = "wrap_up_extended"
    WRAP_UP_ENDED = "wrap_up_ended"
    WRAP_UP_ENDED_TO_PAUSE = "wrap_up_ended_to_pause"
    PAUSED = "paused"
    PAUSE_ORDERED = "pause_ordered"
    RESUMED = "resumed"


_S, _I = AgentState, AgentInput

TRANSITIONS: dict[AgentState, dict[AgentInput, AgentState]] = {
    _S.OFFLINE: {
        _I.SIGNED_ON: _S.AVAILABLE,
        _I.SIGNED_ON_TO_PAUSE: _S.PAUSED,
        _I.SIGNED_OFF: _S.OFFLINE,
        _I.CALLED: _S.BUSY,
        _I.PAUSE_ORDERED: _S.OFFLINE,
        _I.RESUMED: _S.OFFLINE,
    },
    _S.AVAILABLE: {
        _I.SIGNED_ON: _S.AVAILABLE,
        _I.SIGNED_OFF: _S.OFFLINE,
        _I.CLAIMED: _S.RESERVED,
        _I.PAUSED: _S.PAUSED,
        _I.PAUSE_ORDERED: _S.PAUSED,
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
        _I.CALLED: _S.BUSY,
        _I.RELEASED_TO_PAUSE: _S.PAUSED,
        _I.RELEASED_TO_SIGN_OFF: _S.OFFLINE,
        _I.PAUSE_ORDERED: _S.RESERVED,
        _I.RESUMED: _S.RESERVED,
    },
    _S.BUSY: {
        _I.SIGNED_ON: _S.BUSY,
        _I.SIGNED_OFF: _S.BUSY,
        _I.CLAIMED: _S.BUSY,
        _I.CONNECTED: _S.BUSY,
        _I.RELEASED_WITH_MORE: _S.BUSY,
        _I.RELEASED_LAST: _S.AVAILABLE,
        _I.RELEASED_TO_WRAP_UP: _S.WRAP_UP,
        _I.CALLED: _S.BUSY,
        _I.RELEASED_TO_PAUSE: _S.PAUSED,
        _I.RELEASED_TO_SIGN_OFF: _S.OFFLINE,
        _I.PAUSE_ORDERED: _S.BUSY,
        _I.RESUMED: _S.BUSY,
    },
    _S.WRAP_UP: {
        _I.SIGNED_ON: _S.WRAP_UP,
        _I.SIGNED_OFF: _S.OFFLINE,
        _I.WRAP_UP_EXTENDED: _S.WRAP_UP,
        _I.WRAP_UP_ENDED: _S.AVAILABLE,
        _I.WRAP_UP_ENDED_TO_PAUSE: _S.PAUSED,
        _I.PAUSED: _S.PAUSED,
        _I.CALLED: _S.BUSY,
        _I.PAUSE_ORDERED: _S.WRAP_UP,
        _I.RESUMED: _S.WRAP_UP,
    },
    _S.PAUSED: {
        _I.SIGNED_ON: _S.PAUSED,
        _I.SIGNED_OFF: _S.OFFLINE,
        _I.PAUSED: _S.PAUSED,
        _I.PAUSE_ORDERED: _S.PAUSED,
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


def signing_on(state: AgentState, *, is_pause_ordered: bool) -> AgentInput:
    """Which input it is to sign on."""
    is_to_pause = is_pause_ordered and state is AgentState.OFFLINE
    return AgentInput.SIGNED_ON_TO_PAUSE if is_to_pause else AgentInput.SIGNED_ON


def released(
    *, load_left: int, is_to_stay: bool, wrap_up_seconds: float, is_pause_ordered: bool
) -> AgentInput:
    """Which input the end of one offer or call is, by what is left afterwards.

    `load_left` counts the agent's other offers and calls; `is_to_stay` says whether a phone is registered,
    and nobody wants it signed off; `wrap_up_seconds` is the longest of the calls since it was free.
    """
    if load_left:
        return AgentInput.RELEASED_WITH_MORE
    if not is_to_stay:
        return AgentInput.RELEASED_TO_SIGN_OFF
    if wrap_up_seconds > 0:
        return AgentInput.RELEASED_TO_WRAP_UP
    return AgentInput.RELEASED_TO_PAUSE if is_pause_ordered else AgentInput.RELEASED_LAST


def wrap_up_over(*, is_pause_ordered: bool) -> AgentInput:
    """Which input the end of a wrap-up is."""
    return AgentInput.WRAP_UP_ENDED_TO_PAUSE if is_pause_ordered else AgentInput.WRAP_UP_ENDED


def set_straight(
    state: AgentState, *, load: int, is_talking: bool, is_to_stay: bool, is_pause_ordered: bool
) -> AgentState:
    """What an agent is whose offers and calls were counted again; not an input, since something went wrong.

    `load` counts them, `is_talking` says whether one is a conversation; for the others see `released`.
    """
    if load:
        return AgentState.BUSY if is_talking or state is AgentState.BUSY else AgentState.RESERVED
    if not is_to_stay:
        return AgentState.OFFLINE
    if state not in CLAIMABLE and state is not AgentState.OFFLINE:
        return state
    return AgentState.PAUSED if is_pause_ordered else AgentState.AVAILABLE


def is_leaving(
    *, load: int, signed_on: bool, pause_next_reason: str | None, wrap_up_until: float | None
) -> bool:
    """Whether an agent is offered nothing more: it is to be signed off or paused after its calls.

    Or it has calls although its wrap-up lasts: then they are its own.
    """
    return (load > 0 and (not signed_on or wrap_up_until is not None)) or pause_next_reason is not None
