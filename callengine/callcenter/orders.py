"""Orders of operators about callers who wait: move one, make it more urgent, send it away.

An order takes the caller out of the line; the call's own story carries it out, in one transaction, so that
nothing else can happen to the call meanwhile. If that is refused the caller is back at its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gevent.event import AsyncResult

from callengine.callcenter.calls import Call
from callengine.callcenter.dispatch import Dispatch
from callengine.errors import CallCenterError, NotAllowed

ORDERED = "ordered"
"""Why a caller is out of the line for whom there is an order."""

_SECONDS = 8.0
"""How long who gave an order waits for its end."""


class Wish(StrEnum):
    """What can be ordered."""

    MOVE = "move"
    PRIORITIZE = "prioritize"
    WITHDRAW = "withdraw"


@dataclass(eq=False)
class Order:
    """What is to be done with a caller who waits, and who wants it."""

    wish: Wish
    by: str
    queue: str = ""
    """Where it is to be moved."""
    priority: int = 0
    done: AsyncResult[None] = field(default_factory=AsyncResult)
    """Set when it is carried out, or refused by a `CallCenterError`."""


class Orders:
    """Gives orders to the stories of calls that wait."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._open: dict[str, Order] = {}

    def give(self, call: Call, order: Order) -> None:
        """Have it carried out. Raises `NotAllowed` if the call does not wait, and what it is refused for."""
        if call.place is None or call.id in self._open or not self._dispatch.is_in_line(call.entry):
            raise NotAllowed(f"the call {call.id} does not wait in a queue now")
        self._open[call.id] = order
        try:
            self._dispatch.interrupt(call.entry, ORDERED)
            order.done.wait(_SECONDS)
            if not order.done.ready():
                raise CallCenterError(f"the order for the call {call.id} is still being carried out")
            order.done.get()
        finally:
            self._open.pop(call.id, None)

    def take(self, call: Call) -> Order | None:
        """The order for a call that was taken out of the line."""
        return self._open.get(call.id)
