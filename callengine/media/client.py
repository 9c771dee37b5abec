"""The media engine in another process, asked over its Unix socket."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.errors import CallCenterError, MediaError, MediaUnavailable, NotAllowed
from callengine.media import control
from callengine.media.engine import (
    EngineTotals,
    EventSink,
    LegIds,
    LegStatistics,
    MediaEvent,
    RemoteMedia,
    StatisticsOfLegs,
)
from callengine.media.lines import LineConnection


class MediaClient:
    """`MediaEngine` over the Unix socket at `path`; connects when first asked, and again when it must.

    Each connection adopts the legs for `owner` and `incarnation` before anything else. Every call is answered
    within `deadline` seconds or raises MediaUnavailable; many may be under way at once. Errors of the other
    side are raised here as what they are. `on_event` is called in the greenlet that reads: it must not wait.
    """

    def __init__(
        self,
        path: str,
        *,
        owner: str,
        incarnation: int,
        deadline: float = 2.0,
        on_event: EventSink | None = None,
    ) -> None:
        self._path = path
        self._owner = owner
        self._incarnation = incarnation
        self._deadline = deadline
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._link: _Link | None = None
        self._connecting = BoundedSemaphore(1)
        self._left = False
        self._group = Group()

    def open(
        self,
        leg_id: str,
        *,
        remote: RemoteMedia | None = None,
        play: str | None = None,
        port: int | None = None,
    ) -> int:
        """See `MediaEngine.open`."""
        chosen = {} if port is None else {"port": port}
        opened: int = self._ask("open", leg_id=leg_id, remote=remote, play=play, **chosen)
        return opened

    def set_remote(self, leg_id: str, remote: RemoteMedia) -> None:
        """See `MediaEngine.set_remote`."""
        self._ask("set_remote", leg_id=leg_id, remote=remote)

    def join(self, leg_a: str, leg_b: str, *, remote: RemoteMedia | None = None) -> None:
        """See `MediaEngine.join`."""
        self._ask("join", leg_a=leg_a, leg_b=leg_b, remote=remote)

    def part(self, leg_id: str) -> None:
        """See `MediaEngine.part`."""
        self._ask("part", leg_id=leg_id)

    def play(self, leg_id: str, sound: str, *, loop: bool = True) -> None:
        """See `MediaEngine.play`."""
        self._ask("play", leg_id=leg_id, sound=sound, loop=loop)

    def stop(self, leg_id: str) -> None:
        """See `MediaEngine.stop`."""
        self._ask("stop", leg_id=leg_id)

    def statistics(self, leg_id: str) -> LegStatistics:
        """See `MediaEngine.statistics`."""
        return control.read_statistics(self._ask("statistics", leg_id=leg_id))

    def close(self, *leg_ids: str) -> StatisticsOfLegs:
        """See `MediaEngine.close`."""
        return [control.read_statistics(leg) for leg in self._ask("close", leg_ids=leg_ids)]

    def list(self) -> StatisticsOfLegs:
        """See `MediaEngine.list`."""
        return [control.read_statistics(leg) for leg in self._ask("list")]

    def adopt(self, owner: str, incarnation: int) -> LegIds:
        """See `MediaEngine.adopt`; later connections adopt as this owner too."""
        self._owner, self._incarnation = owner, incarnation
        legs: LegIds = self._ask("adopt", owner=owner, incarnation=incarnation)
        return legs

    def totals(self) -> EngineTotals:
        """See `MediaEngine.totals`."""
        return control.read_totals(self._ask("totals"))

    def disconnect(self) -> None:
        """Leave the media process for good; the legs go on, on their lease."""
        self._left = True
        if self._link is not None:
            self._link.end()
        self._group.join()

    def _ask(self, call: str, **arguments: object) -> Any:
        with _deadline(self._deadline, call):
            link = self._link or self._connect()
            try:
                link.adopted.get()
            except NotAllowed:
                link.end()
                self._lost(link)
                raise
            return link.ask(next(self._numbers), call, arguments)

    def _connect(self) -> _Link:
        """The present connection, or a new one that adopts; one greenlet at a time makes it.

        One that is never answered is kept all the same: new ones would only wait behind it.
        """
        with self._connecting:
            if self._left:
                raise MediaUnavailable("the media process is not asked any more")
            if self._link is None:
                connected = _connect(self._path)
                self._link = _Link(connected, self._group, self._on_event, self._lost)
                adoption = {"owner": self._owner, "incarnation": self._incarnation}
                self._link.adopted = self._link.begin(next(self._numbers), "adopt", adoption)
            return self._link

    def _lost(self, link: _Link) -> None:
        if self._link is link:
            self._link = None


@contextmanager
def _deadline(seconds: float, call: str) -> Iterator[None]:
    late = MediaUnavailable(f"the media process did not answer {call!r} within {seconds} s")
    with gevent.Timeout(seconds, late):
        yield


def _connect(path: str) -> socket.socket:
    connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connecting.connect(path)
    except BaseException as error:
        connecting.close()
        if isinstance(error, OSError):
            raise MediaUnavailable(f"no media process answers on {path}: {error}") from None
        raise
    return connecting


class _Link:
    """One connection to the media process: what was asked over it and not answered yet."""

    def __init__(
        self,
        connected: socket.socket,
        owner: Group,
        on_event: EventSink | None,
        on_lost: Callable[[_Link], None],
    ) -> None:
        self._connection = LineConnection(connected, name="media_client_writer", owner=owner)
        self._on_event = on_event
        self._on_lost = on_lost
        self._ended = False
        self._waiting: dict[int, AsyncResult[Any]] = {}
        self._given_up: dict[int, str] = {}
        self.adopted: AsyncResult[Any] = AsyncResult()
        greenlets.spawn("media_client", self._read, owner=owner)

    def begin(self, number: int, call: str, arguments: dict[str, object]) -> AsyncResult[Any]:
        """Send a request; return where its result or error will be."""
        line = control.write_request(number, call, arguments)
        if self._ended:
            raise MediaUnavailable("the media process is gone")
        answer: AsyncResult[Any] = AsyncResult()
        self._waiting[number] = answer
        self._connection.post(line)
        return answer

    def ask(self, number: int, call: str, arguments: dict[str, object]) -> Any:
        """Send a request and wait for its result; the caller sets the deadline."""
        answer = self.begin(number, call, arguments)
        if call == "open":
            self._ask_anew(str(arguments["leg_id"]))
        try:
            return answer.get()
        except MediaUnavailable:
            if call == "open" and not answer.ready():
                self._given_up[number] = str(arguments["leg_id"])
            raise
        finally:
            self._waiting.pop(number, None)

    def end(self) -> None:
        self._connection.end()

    def _read(self) -> None:
        try:
            for line in self._connection.lines():
                if line is not None:
                    self._take(line)
        except MediaError as error:
            logger.error("connection to the media process closed: {}", error)
        finally:
            self._ended = True
            self._on_lost(self)
            for answer in self._waiting.values():
                answer.set_exception(MediaUnavailable("the media process is gone"))
            self._connection.close()

    def _take(self, line: bytes) -> None:
        answer = control.read_answer(line)
        if isinstance(answer, MediaEvent):
            self._report(answer)
        elif answer.id in self._given_up:
            self._undo(answer.id, answer.error)
        elif answer.id in self._waiting:
            waiting = self._waiting.pop(answer.id)
            if answer.error is not None:
                waiting.set_exception(answer.error)
            else:
                waiting.set(answer.result)

    def _ask_anew(self, leg_id: str) -> None:
        """Whoever opens a leg again that was given up sees to it: the late answer is not undone any more."""
        self._given_up = {number: given for number, given in self._given_up.items() if given != leg_id}

    def _undo(self, number: int, error: CallCenterError | None) -> None:
        """A leg was opened after its caller had given up: nobody knows of it, so it is closed (request 0)."""
        leg_id = self._given_up.pop(number)
        if error is None:
            self._connection.post(control.write_request(0, "close", {"leg_ids": [leg_id]}))

    def _report(self, event: MediaEvent) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception:
            logger.exception("the media event {} of leg {} was not dealt with", event.kind, event.leg_id)
