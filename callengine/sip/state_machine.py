"""One transaction at work: its table, its state and its timers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from callengine.sip.counts import SipCounts
from callengine.sip.flow import Flow
from callengine.sip.timer_queue import ScheduledAction, TimerQueue
from callengine.sip.timers import Timers
from callengine.sip.transaction_states import Action, Input, State, Table, feed

_TIMER_INPUTS = {word.value.removeprefix("timer_"): word for word in Input if word.startswith("timer_")}
_REPEATING = frozenset("aeg")
"""Timers which send again, and therefore never run over a reliable transport."""


@dataclass(frozen=True)
class Surroundings:
    """What every transaction of an endpoint shares."""

    send: Callable[[bytes, Flow], bool]
    """Gives bytes to the network; False when they cannot go there at all."""

    timers: Timers
    """The durations over a transport that loses messages."""

    queue: TimerQueue
    """Where timers wait."""

    now: Callable[[], float]
    """The time by which the queue goes, in seconds."""

    counts: SipCounts
    """Where retransmissions and answers are counted."""

    reaches: Callable[[Flow], bool] = lambda _flow: True
    """Whether a message goes over a flow without anything being set up first."""


class StateMachine:
    """Feeds its table with what happens and does what the table says.

    The state changes in `_feed` alone, unless all is given up by `abandon`. Sending that fails is fed as an
    input of its own, from the queue: a callback never runs inside the call that made the transaction.
    """

    __slots__ = ("_around", "_interval", "_is_old", "_on_terminated", "_running", "_wire", "flow", "state")

    table: ClassVar[Table]
    deeds: ClassVar[dict[Action, Callable[..., None]]]

    def __init__(self, around: Surroundings, flow: Flow, on_terminated: Callable[[Any], None]) -> None:
        self._around = around
        self._on_terminated = on_terminated
        self._running: dict[str, ScheduledAction] = {}
        self._interval = 0.0
        self._wire = b""
        self.flow = flow
        self.state = State.TERMINATED

    @property
    def is_terminated(self) -> bool:
        """Whether it is over and forgotten."""
        return self.state is State.TERMINATED

    def abandon(self) -> None:
        """Forget it: nothing is sent or heard any more."""
        if not self.is_terminated:
            self.state = State.TERMINATED
            self._leave()

    def _begin(self) -> None:
        self.state = self.table.first_state
        for action in self.table.first_actions:
            self._do(action)

    def _feed(self, happened: Input) -> None:
        before = self.state
        self.state, actions = feed(self.table, before, happened)
        if self.state is State.TERMINATED and before is not State.TERMINATED:
            self._leave()
        for action in actions:
            self._do(action)

    def _leave(self) -> None:
        for entry in self._running.values():
            self._around.queue.cancel(entry)
        self._running.clear()
        self._on_terminated(self)

    def _do(self, action: Action) -> None:
        verb, _, timer = action.partition("_")
        if verb == "start":
            self._start(timer)
        elif verb == "stop":
            self._stop(timer)
        else:
            self.deeds[action](self)

    def _start(self, timer: str) -> None:
        timers = self._around.timers
        if self.flow.is_reliable:
            if timer in _REPEATING:
                return
            timers = timers.over_reliable()
        if timer == "trying":
            self._schedule(timer, timers.trying_after)
            return
        duration: float = getattr(timers, timer)
        if timer in _REPEATING:
            self._interval = duration
        self._schedule(timer, duration)

    def _again(self, timer: str, *, at_most: float | None = None) -> None:
        """Start a repeating timer once more with twice its interval."""
        self._interval *= 2
        if at_most is not None and self._interval > at_most:
            self._interval = at_most
        self._schedule(timer, self._interval)

    def _schedule(self, timer: str, duration: float) -> None:
        at = self._around.now() + duration
        self._running[timer] = self._around.queue.schedule(at, partial(self._fire, timer))

    def _stop(self, timer: str) -> None:
        entry = self._running.pop(timer, None)
        if entry is not None:
            self._around.queue.cancel(entry)

    def _fire(self, timer: str) -> None:
        self._running.pop(timer, None)
        self._feed(_TIMER_INPUTS[timer])

    def _send(self) -> None:
        self._give(self._wire)

    def _repeat(self) -> None:
        if self._wire:
            self._around.counts.retransmissions_sent += 1
            self._give(self._wire)

    def _give(self, wire: bytes) -> None:
        if not self._around.send(wire, self.flow):
            self._around.queue.schedule(self._around.now(), partial(self._feed, Input.TRANSPORT_ERROR))
