"""The media side whose legs outlive its process: what was asked for a leg is asked of the next process too.

Theory of operation. What is asked goes to `engine`, and what came of it is noted: each leg's port, phone and
sound, and whom it hears. `interrupted` says that the process has died: from then on what is asked waits,
since a new process would give away ports that phones know already. `restore` brings the new process to where
the old one was, those that talk first; then who waits may go on, and whoever was asking when the process died
asks again. A process that lives on (its connection alone was lost) keeps the legs that it has.

For the phone a leg that was opened again is a new RTP stream from the same port (RFC 3550 section 8.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.clock import Clock, SystemClock
from callengine.errors import CallCenterError, LegNotFound, MediaUnavailable, NotAllowed
from callengine.media.engine import (
    EngineTotals,
    LegIds,
    LegStatistics,
    MediaEngine,
    RemoteMedia,
    StatisticsOfLegs,
)

PATIENCE_SECONDS = 5.0
"""How long a request waits for a new process, beside the engine's own deadlines: one that is frozen is found
within three seconds, and the next answers within one."""

_AGAIN_SECONDS = 0.1
_PAUSE_SECONDS = 0.5
_CALLS_AT_ONCE = 16
"""So that a new process has its legs soon on a busy machine too, where each answer may take its time."""

Result = TypeVar("Result")


class ConnectedEngine(MediaEngine, Protocol):
    """A media engine that can be left for good, such as `MediaClient`."""

    def disconnect(self) -> None:
        """Ask no more; whoever waits for an answer gets MediaUnavailable."""


@dataclass(frozen=True)
class Restored:
    """What became of the legs when another process took the place of the one that had them."""

    reopened: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Those that could not be opened again; they are known no more."""


@dataclass(eq=False)
class _Leg:
    """What was asked for one leg, and done."""

    leg_id: str
    port: int
    remote: RemoteMedia | None
    playing: str | None
    peer: _Leg | None = field(default=None, repr=False)


_Legs = tuple[_Leg, ...]


class SteadyMedia:
    """`MediaEngine` over `engine`. A sound that does not loop ends with the process that plays it.

    A request that fails because the process is gone waits `patience_seconds` for another. `on_restored` is
    called, in a greenlet that may wait, when a new process has what the old one had.
    """

    def __init__(
        self,
        engine: ConnectedEngine,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self._engine = engine
        self._patience_seconds = patience_seconds
        self._monotonic = (clock or SystemClock()).monotonic
        self._legs: dict[str, _Leg] = {}
        self._doubtful: set[str] = set()
        """Legs whose `open` got no answer: nobody knows whether they are open."""
        self._outages = 0
        self._left = False
        self._steady = Event()
        self._steady.set()
        self._next_life = Event()
        self._restoring = BoundedSemaphore(1)
        self._group = Group()
        self.on_restored: Callable[[Restored], None] = lambda _: None

    # The engine

    def open(
        self,
        leg_id: str,
        *,
        remote: RemoteMedia | None = None,
        play: str | None = None,
        port: int | None = None,
    ) -> int:
        """See `MediaEngine.open`."""
        try:
            opened = self._lasting(lambda: self._open(leg_id, remote, play, port))
        finally:
            self._doubtful.discard(leg_id)
        self._legs[leg_id] = _Leg(leg_id, opened, remote, play)
        return opened

    def _open(self, leg_id: str, remote: RemoteMedia | None, play: str | None, port: int | None) -> int:
        """Open a leg; if it may be open already, since an answer came too late, it is closed before."""
        if leg_id in self._doubtful:
            self._engine.close(leg_id)
        try:
            opened = self._engine.open(leg_id, remote=remote, play=play, port=port)
        except MediaUnavailable:
            self._doubtful.add(leg_id)
            raise
        self._doubtful.discard(leg_id)
        return opened

    def set_remote(self, leg_id: str, remote: RemoteMedia) -> None:
        """See `MediaEngine.set_remote`."""
        self._lasting(lambda: self._engine.set_remote(leg_id, remote), leg_id)
        if leg_id in self._legs:
            self._legs[leg_id].remote = remote

    def join(self, leg_a: str, leg_b: str, *, remote: RemoteMedia | None = None) -> None:
        """See `MediaEngine.join`."""
        self._lasting(lambda: self._engine.join(leg_a, leg_b, remote=remote), leg_a, leg_b)
        one, other = self._legs.get(leg_a), self._legs.get(leg_b)
        for leg in (one, other):
            if leg is not None:
                _part(leg)
                leg.playing = None
        if one is not None and other is not None:
            one.peer, other.peer = other, one
            other.remote = remote or other.remote

    def part(self, leg_id: str) -> None:
        """See `MediaEngine.part`."""
        self._lasting(lambda: self._engine.part(leg_id), leg_id)
        if leg_id in self._legs:
            _part(self._legs[leg_id])

    def play(self, leg_id: str, sound: str, *, loop: bool = True) -> None:
        """See `MediaEngine.play`."""
        self._lasting(lambda: self._engine.play(leg_id, sound, loop=loop), leg_id)
        if leg_id in self._legs:
            self._legs[leg_id].playing = sound if loop else None

    def stop(self, leg_id: str) -> None:
        """See `MediaEngine.stop`."""
        self._lasting(lambda: self._engine.stop(leg_id), leg_id)
        if leg_id in self._legs:
            self._legs[leg_id].playing = None

    def statistics(self, leg_id: str) -> LegStatistics:
        """See `MediaEngine.statistics`."""
        return self._engine.statistics(leg_id)

    def close(self, *leg_ids: str) -> StatisticsOfLegs:
        """See `MediaEngine.close`; never waits for a new process, which will not have these legs."""
        for leg_id in leg_ids:
            self._doubtful.discard(leg_id)
            leg = self._legs.pop(leg_id, None)
            if leg is not None:
                _part(leg)
        return self._engine.close(*leg_ids) if self._steady.is_set() else []

    def list(self) -> StatisticsOfLegs:
        """See `MediaEngine.list`."""
        return self._engine.list()

    def adopt(self, owner: str, incarnation: int) -> LegIds:
        """See `MediaEngine.adopt`; what an earlier life of the owner had asked for is known from then on."""
        adopted = self._engine.adopt(owner, incarnation)
        found = self._engine.list() if adopted else []
        self._legs = {leg.leg_id: _Leg(leg.leg_id, leg.port, leg.remote, leg.playing) for leg in found}
        for leg in found:
            self._legs[leg.leg_id].peer = self._legs.get(leg.joined_to or "")
        return adopted

    def totals(self) -> EngineTotals:
        """See `MediaEngine.totals`."""
        return self._engine.totals()

    def disconnect(self) -> None:
        """Leave the media process for good; whoever waits for a new one waits no longer."""
        self._left = True
        self._let_go_on()
        self._engine.disconnect()
        self._group.join()

    # Its process

    def interrupted(self) -> None:
        """The media process is gone; `restore` is called when there is another. Never waits."""
        self._outages += 1
        self._steady.clear()

    def restore(self) -> None:
        """A new process answers: give it the legs, in a greenlet that goes on until it has them."""
        greenlets.spawn("media_restore", self._restore, self._outages, owner=self._group)

    def _restore(self, outage: int) -> None:
        """Try until it is done, or the process is gone again and the next one is waited for."""
        restored = Restored()
        with self._restoring:
            while not self._is_past(outage):
                try:
                    self._give_back(restored, outage)
                except MediaUnavailable as error:
                    logger.info("the new media process has not got its legs yet: {}", error)
                    gevent.sleep(_AGAIN_SECONDS)
                    continue
                except CallCenterError as error:
                    logger.error("the new media process does not take the legs of the old one: {}", error)
                    restored.lost.extend(self._legs)
                    self._legs.clear()
                break
        if not self._is_past(outage):
            self._let_go_on()
            self.on_restored(restored)

    def _is_past(self, outage: int) -> bool:
        """Whether the process that followed this outage is not the one to be asked any more."""
        return self._left or outage != self._outages

    def _let_go_on(self) -> None:
        """Whoever waits may ask again."""
        self._steady.set()
        before, self._next_life = self._next_life, Event()
        before.set()

    def _give_back(self, restored: Restored, outage: int) -> None:
        """Open what is not open, join what is not joined, talkers first; close what nobody owns."""
        hears = {leg.leg_id: leg.joined_to for leg in self._engine.list() if leg.leg_id not in self._doubtful}
        for calls in _talking_and_others(self._legs.values()):
            self._give_back_calls(calls, hears, restored, outage)
        if not self._is_past(outage):
            self._engine.close(*(hears.keys() - self._legs.keys()))

    def _give_back_calls(
        self, calls: Iterable[_Legs], hears: dict[str, str | None], restored: Restored, outage: int
    ) -> None:
        """Many at a time; raises the first error when all that was begun is done."""
        left = iter(calls)
        errors: list[CallCenterError] = []

        def work() -> None:
            for legs in left:
                if errors or self._is_past(outage):
                    return
                try:
                    self._give_back_call(legs, hears, restored)
                except CallCenterError as error:
                    errors.append(error)

        gevent.joinall([greenlets.spawn("media_restore", work) for _ in range(_CALLS_AT_ONCE)])
        if errors:
            raise errors[0]

    def _give_back_call(self, legs: _Legs, hears: dict[str, str | None], restored: Restored) -> None:
        """One leg, or two that hear each other; `hears` tells what the new process has, and is kept true."""
        for leg in legs:
            if leg.leg_id in self._legs and leg.leg_id not in hears and self._open_again(leg, restored):
                hears[leg.leg_id] = None
            peer = leg.peer.leg_id if leg.peer else None
            if peer in hears and leg.leg_id in hears and hears[leg.leg_id] != peer:
                self._engine.join(leg.leg_id, peer)
                hears[leg.leg_id], hears[peer] = peer, leg.leg_id

    def _open_again(self, leg: _Leg, restored: Restored) -> bool:
        try:
            self._open(leg.leg_id, leg.remote, leg.playing, leg.port)
        except (MediaUnavailable, NotAllowed):
            raise
        except CallCenterError as error:
            logger.error("the media leg on port {} cannot be opened again: {}", leg.port, error)
            restored.lost.append(leg.leg_id)
            self._legs.pop(leg.leg_id, None)
            _part(leg)
            return False
        restored.reopened.append(leg.leg_id)
        return True

    def _lasting(self, ask: Callable[[], Result], *leg_ids: str) -> Result:
        """What `ask` gives, of the next process if this one is gone; raises what it raises in the end."""
        left = self._patience_seconds
        while True:
            next_life, waiting_since = self._next_life, self._monotonic()
            if not greenlets.wait_for_any(self._steady, timeout=left):
                raise MediaUnavailable("the media process is gone, and no other has come in time")
            left -= self._monotonic() - waiting_since
            try:
                return ask()
            except (MediaUnavailable, LegNotFound) as error:
                is_strange = isinstance(error, LegNotFound) and not self._legs.keys() >= {*leg_ids}
                if self._left or left <= 0 or is_strange:
                    raise
            pause = min(left, _PAUSE_SECONDS)
            waiting_since = self._monotonic()
            greenlets.wait_for_any(next_life, timeout=pause)
            left -= self._monotonic() - waiting_since


def _talking_and_others(legs: Iterable[_Leg]) -> tuple[list[_Legs], list[_Legs]]:
    """The legs that hear each other, two together, and those that are alone."""
    talking: dict[str, _Legs] = {}
    others: list[_Legs] = []
    for leg in legs:
        if leg.peer is None:
            others.append((leg,))
        elif leg.peer.leg_id not in talking:
            talking[leg.leg_id] = (leg, leg.peer)
    return list(talking.values()), others


def _part(leg: _Leg) -> None:
    if leg.peer is not None:
        leg.peer.peer = None
        leg.peer = None
