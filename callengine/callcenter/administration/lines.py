"""Callers who wait, as an operator moves them, makes them more urgent, or sends them away."""

from __future__ import annotations

from loguru import logger

from callengine.callcenter.administration.calls import CallDesk
from callengine.callcenter.calls import Calls
from callengine.callcenter.orders import Order, Orders, Wish
from callengine.errors import NotAllowed


class LineDesk:
    """`live` and `orders` are those of the running service, None where no service runs."""

    def __init__(self, *, calls: CallDesk, live: Calls | None = None, orders: Orders | None = None) -> None:
        self._calls = calls
        self._live = live
        self._orders = orders

    def move(self, prefix: str, queue: str, *, by: str) -> str:
        """Move a caller who waits to another queue, where it has waited as long; the call's id.

        Raises `CallNotFound`, `QueueNotFound`, `QueueFull`, and `NotAllowed` if it does not wait.
        """
        return self._give(prefix, Order(Wish.MOVE, by, queue=queue))

    def prioritize(self, prefix: str, priority: int, *, by: str) -> str:
        """Make a caller who waits as urgent as this; the call's id. Raises `CallNotFound`, `NotAllowed`."""
        return self._give(prefix, Order(Wish.PRIORITIZE, by, priority=priority))

    def withdraw(self, prefix: str, *, by: str) -> str:
        """Take a caller who waits out of its queue: it goes on, or its call ends; the call's id.

        Raises `CallNotFound`, and `NotAllowed` if it does not wait.
        """
        return self._give(prefix, Order(Wish.WITHDRAW, by))

    def _give(self, prefix: str, order: Order) -> str:
        call_id = str(self._calls.find(prefix)["id"])
        if self._live is None or self._orders is None:
            raise NotAllowed("this can be done only while the service runs that has the call")
        call = self._live.find(call_id)
        if call is None:
            raise NotAllowed(f"the call {call_id} does not wait in a queue: it has ended")
        logger.info("{} wants to {} the call {}", order.by, order.wish, call_id)
        self._orders.give(call, order)
        return call_id
