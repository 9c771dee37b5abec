"""The heartbeat: asks each registered phone in turn whether it is there, and takes out one that is no more.

An OPTIONS (RFC 3261 11) goes to every phone once in an interval, spread over it; whatever final answer comes,
the phone is alive. One that has never answered since it registered here is not judged, since some phones know
no OPTIONS. One that has answered before and now lets it time out (64*T1) is asked once more, and then taken
out as if its registration had lapsed; its next REGISTER brings it back.

No greenlet waits for any of this: the timers' one asks, and what comes back is noted where it is received.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from loguru import logger

from callengine.callcenter.presence import Presence
from callengine.clock import Clock
from callengine.errors import CallCenterError, RequestTimedOut, SessionError
from callengine.sip.bindings import Binding
from callengine.sip.client_transaction import Unreachable
from callengine.sip.endpoint import Endpoint
from callengine.sip.headers import Headers
from callengine.sip.identifiers import new_call_id, new_tag
from callengine.sip.message import Request, Response
from callengine.sip.timer_driver import TimerDriver
from callengine.sip.timer_queue import ScheduledAction

_AGAIN_AFTER = 2.0
"""Seconds, at most, until a phone that did not answer is asked once more."""


class Heartbeat:
    """Asks as `from_` (a From header without its tag), every `interval` seconds; 0: nobody is asked."""

    def __init__(
        self,
        *,
        presence: Presence,
        endpoint: Endpoint,
        timers: TimerDriver,
        clock: Clock,
        from_: str,
        interval: float = 30.0,
    ) -> None:
        self._presence = presence
        self._endpoint = endpoint
        self._timers = timers
        self._clock = clock
        self._from = from_
        self._interval = interval
        self._round: deque[tuple[str, Binding]] = deque()
        """Who is still to be asked in this interval."""
        self._gap = interval
        self._known: set[int] = set()
        """The ids of the bindings whose phones have answered."""
        self._next: ScheduledAction | None = None

    def start(self) -> None:
        """Begin to ask."""
        if self._interval:
            self._in(self._interval, self._begin_round)

    def stop(self) -> None:
        """Ask no more; answers that are out change nothing any more."""
        self._interval = 0.0
        if self._next is not None:
            self._timers.queue.cancel(self._next)

    def _in(self, seconds: float, action: Callable[[], None]) -> None:
        self._next = self._timers.queue.schedule(self._clock.monotonic() + seconds, action)

    def _begin_round(self) -> None:
        everybody = self._presence.everybody()
        self._known &= {binding.id for _, binding in everybody if binding.id is not None}
        self._round.extend(everybody)
        self._gap = self._interval / max(1, len(everybody))
        self._ask_next()

    def _ask_next(self) -> None:
        if not self._round:
            self._in(self._gap, self._begin_round)
            return
        name, binding = self._round.popleft()
        self._in(self._gap, self._ask_next if self._round else self._begin_round)
        self._ask(name, binding, is_last_try=False)

    def _ask(self, name: str, binding: Binding, *, is_last_try: bool) -> None:
        present = self._present(name, binding)
        if not self._interval or present is None:
            return
        try:
            self._endpoint.send_request(
                self._options(present),
                self._endpoint.way(present.flow, present.contact),
                on_response=partial(self._note_answer, present),
                on_failure=partial(self._note_failure, name, present, is_last_try),
            )
        except CallCenterError as error:
            logger.debug("the phone of {} could not be asked: {}", name, error)

    def _present(self, name: str, binding: Binding) -> Binding | None:
        """The binding as its phone has registered last; None if it is gone."""
        return next((each for each in self._presence.of(name) if each.id == binding.id), None)

    def _options(self, binding: Binding) -> Request:
        lines = [
            ("Max-Forwards", "70"),
            ("From", f"{self._from};tag={new_tag()}"),
            ("To", f"<{binding.address_of_record}>"),
            ("Call-ID", new_call_id()),
            ("CSeq", "1 OPTIONS"),
            ("Accept", "application/sdp"),
            ("User-Agent", self._endpoint.user_agent),
        ]
        return Request("OPTIONS", binding.contact, Headers(lines))

    def _note_answer(self, binding: Binding, response: Response) -> None:
        if response.status >= 200 and binding.id is not None:
            self._known.add(binding.id)

    def _note_failure(self, name: str, binding: Binding, is_last_try: bool, error: SessionError) -> None:
        """Who is silent for the first time is asked again; a phone that has registered since starts anew."""
        is_silent = isinstance(error, RequestTimedOut | Unreachable) and bool(self._interval)
        if not is_silent or binding.id not in self._known or self._present(name, binding) != binding:
            return
        if not is_last_try:
            again = partial(self._ask, name, binding, is_last_try=True)
            due = self._clock.monotonic() + min(_AGAIN_AFTER, self._interval)
            self._timers.queue.schedule(due, again)
            return
        logger.info("the phone of {} at {} is gone: {}", name, binding.flow, error)
        self._known.discard(binding.id)
        self._presence.lose(name, binding)
