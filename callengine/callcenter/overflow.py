"""Going on: a caller who waits leaves its queue, for the next one, for another's sake, or for good."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from loguru import logger

from callengine.callcenter.admission import Step, Way, Why
from callengine.callcenter.answering import Answering, due
from callengine.callcenter.calls import Call
from callengine.callcenter.leg_rows import Owner
from callengine.callcenter.orders import ORDERED, Order, Orders, Wish
from callengine.callcenter.places import following_entry, is_expired, store_change, store_priority
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.ways import Ways
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.errors import CallCenterError, QueueFull


class SentAway(Exception):
    """No queue takes the caller, or it has waited too long over all: the call is to end.

    `cause` is that of its record, `way` the decision; None if there was none to make.
    """

    def __init__(self, cause: str, status: int, way: Way | None = None, by: str | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.status = status
        self.way = way
        self.by = by


class Overflow:
    """Lets callers of this node go on."""

    def __init__(
        self,
        *,
        queues: Queues,
        ways: Ways,
        orders: Orders,
        answering: Answering,
        owner: Owner,
        committer: Committer,
        clock: Clock,
    ) -> None:
        self._queues = queues
        self._ways = ways
        self._orders = orders
        self._answering = answering
        self._owner = owner
        self._committer = committer
        self._clock = clock

    def check_agents(self, call: Call) -> bool:
        """Whether the caller may stand in line; if not, since no agent is left, it goes on.

        Raises `SentAway` if it has nowhere to go.
        """
        queue = self._queues.by_id(call.entry.queue_id)
        if queue.rules.leave_when_empty and self._ways.is_empty(queue):
            self._hand_on(call, queue, Why.NO_AGENTS)
            return False
        return True

    def waited_too_long(self, call: Call) -> None:
        """Its time in the queue is over: it goes on. Raises `SentAway` if it has nowhere to go."""
        queue = self._queues.by_id(call.entry.queue_id)
        if is_expired(call, queue, self._clock.now()):
            raise SentAway("expired", queue.rules.full_code)
        self._hand_on(call, queue, Why.MAX_WAIT_TIME)

    def taken_out(self, call: Call, why: str) -> None:
        """Somebody took it out of the line. Raises `SentAway` if it is to end."""
        order = self._orders.take(call) if why == ORDERED else None
        if order is not None:
            self._carry_out(call, order)
        elif why == Why.NO_AGENTS:
            self._hand_on(call, self._queues.by_id(call.entry.queue_id), Why.NO_AGENTS)

    def _carry_out(self, call: Call, order: Order) -> None:
        queue = self._queues.by_id(call.entry.queue_id)
        try:
            if order.wish is Wish.MOVE:
                self._change(call, self._queues.find(order.queue), moved_by=order.by)
            elif order.wish is Wish.PRIORITIZE:
                unit = partial(store_priority, call=call, priority=order.priority, queue=queue, by=order.by)
                self._committer.commit(unit)
                call.entry.priority = order.priority
            else:
                self._hand_on(call, queue, Why.WITHDRAWN, by=order.by)
        except CallCenterError as error:
            order.done.set_exception(error)
        except SentAway:
            order.done.set(None)
            raise
        else:
            order.done.set(None)

    def _hand_on(self, call: Call, queue: Queue, why: Why, by: str | None = None) -> None:
        """To the first queue of its way that has room; what the commit finds full is passed over."""
        full: set[str] = set()
        while True:
            way = self._ways.of_waiting(queue, why, full)
            if way.queue is None:
                raise SentAway(why, way.status, way, by)
            try:
                self._change(call, self._queues.find(way.queue), way.steps)
            except QueueFull:
                full.add(way.queue)
            else:
                logger.info("the caller goes on from {} to {}: {}", queue.name, way.queue, why)
                return

    def _change(
        self, call: Call, queue: Queue, steps: Sequence[Step] = (), moved_by: str | None = None
    ) -> None:
        entry = following_entry(call, queue, self._clock.now())
        told = due(call.caller, queue.rules.answer)
        before = self._queues.by_id(call.entry.queue_id).rules.music
        unit = partial(
            store_change,
            call=call,
            entry=entry,
            queue=queue,
            owner=self._owner,
            told=told,
            steps=steps,
            queues=self._queues,
            moved_by=moved_by,
        )
        self._committer.commit(unit)
        call.entry = entry
        if told is not None:
            self._answering.wait_on(call, told)
        elif call.hears_music and queue.rules.music != before:
            self._answering.play(call)
