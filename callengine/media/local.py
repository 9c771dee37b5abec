"""The media engine in this process: what the media process runs, and the tests' stand-in for it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from gevent.event import Event
from gevent.pool import Group

from callengine import greenlets
from callengine.clock import Clock, SystemClock
from callengine.errors import CallCenterError, LegNotFound, MediaError, NoPorts, NotAllowed
from callengine.media.engine import (
    EngineTotals,
    EventSink,
    LegIds,
    LegStatistics,
    MediaEvent,
    MediaEventKind,
    RemoteMedia,
    StatisticsOfLegs,
)
from callengine.media.leg import Leg, bind, check_remote
from callengine.media.player import Player
from callengine.media.port_pool import PortPool
from callengine.media.relay import Relay

WATCH_SECONDS = 1.0
SHORTEST_WATCH_SECONDS = 0.02
"""How often silence and lease are looked at, at the longest and at the shortest."""


class LocalEngine:
    """`MediaEngine` over sockets on `host` (numeric IPv4) and the ports of `ports`.

    `timeout_seconds` of silence are reported as `no_packets`. While no owner is there (`release`), the legs
    are kept for `lease_seconds`, then closed. `hub_blocked` tells how many seconds the event loop stood
    still, from whoever watches that. While no leg is open no greenlet of the engine runs.
    """

    def __init__(
        self,
        *,
        host: str,
        ports: PortPool,
        timeout_seconds: float = 60.0,
        lease_seconds: float = 120.0,
        clock: Clock | None = None,
        on_event: EventSink | None = None,
        hub_blocked: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._host = host
        self._ports = ports
        self._timeout_seconds = timeout_seconds
        self._lease_seconds = lease_seconds
        self._monotonic = (clock or SystemClock()).monotonic
        self._on_event = on_event
        self._hub_blocked = hub_blocked
        self._group = Group()
        self._player = Player(monotonic=self._monotonic, owner=self._group, on_finished=self._finished)
        self._legs: dict[str, Leg] = {}
        self._relays: dict[Leg, Relay] = {}
        self._watching = False
        self._empty = Event()
        self._owner: tuple[str, int] | None = None
        self._released_at: float | None = None
        self._closed_received = self._closed_sent = self._closed_dropped = 0

    def open(
        self,
        leg_id: str,
        *,
        remote: RemoteMedia | None = None,
        play: str | None = None,
        port: int | None = None,
    ) -> int:
        """See `MediaEngine.open`."""
        if leg_id in self._legs:
            raise MediaError(f"leg {leg_id!r} is open already")
        if remote is not None:
            check_remote(remote)
        leg = self._bind(leg_id) if port is None else self._bind_to(leg_id, port)
        self._legs[leg_id] = leg
        self._relay_alone(leg)
        self._watch_legs()
        try:
            if remote is not None:
                self.set_remote(leg_id, remote)
            if play is not None:
                self.play(leg_id, play)
        except MediaError:
            self.close(leg_id)
            raise
        return leg.port

    def set_remote(self, leg_id: str, remote: RemoteMedia) -> None:
        """See `MediaEngine.set_remote`."""
        leg = self._leg(leg_id)
        changed = remote != leg.remote
        leg.set_remote(remote, self._monotonic())
        if changed:
            self._player.follow_codec(leg)
            _connect(leg)

    def join(self, leg_a: str, leg_b: str, *, remote: RemoteMedia | None = None) -> None:
        """See `MediaEngine.join`."""
        one, other = self._leg(leg_a), self._leg(leg_b)
        if one is other:
            raise MediaError(f"leg {leg_a!r} cannot be joined to itself")
        hears_something = one.playing or other.playing
        if one.peer is other and not hears_something and remote in (None, other.remote):
            return
        if remote is not None:
            self.set_remote(leg_b, remote)
        for leg in (one, other):
            self._player.stop(leg)
            self._part(leg)
        self._relays.pop(other).remove(other)
        self._relays[other] = self._relays[one]
        self._relays[one].add(other)
        one.peer, other.peer = other, one
        one.judged_from = other.judged_from = self._monotonic()
        _connect(one)

    def part(self, leg_id: str) -> None:
        """See `MediaEngine.part`."""
        self._part(self._leg(leg_id))

    def play(self, leg_id: str, sound: str, *, loop: bool = True) -> None:
        """See `MediaEngine.play`."""
        leg = self._leg(leg_id)
        self._player.play(leg, sound, loop=loop)
        _connect(leg)

    def stop(self, leg_id: str) -> None:
        """See `MediaEngine.stop`."""
        leg = self._leg(leg_id)
        self._player.stop(leg)
        _connect(leg)

    def statistics(self, leg_id: str) -> LegStatistics:
        """See `MediaEngine.statistics`."""
        return self._leg(leg_id).statistics(self._monotonic())

    def close(self, *leg_ids: str) -> StatisticsOfLegs:
        """See `MediaEngine.close`."""
        return [self._close(self._legs[leg_id]) for leg_id in leg_ids if leg_id in self._legs]

    def list(self) -> StatisticsOfLegs:
        """See `MediaEngine.list`."""
        now = self._monotonic()
        return [leg.statistics(now) for leg in self._legs.values()]

    def adopt(self, owner: str, incarnation: int) -> LegIds:
        """See `MediaEngine.adopt`."""
        self._check_owner(owner, incarnation)
        self._owner = (owner, incarnation)
        self._released_at = None
        return [*self._legs]

    def release(self) -> None:
        """The owner is gone: from now on the legs live on their lease."""
        self._released_at = self._monotonic()

    def totals(self) -> EngineTotals:
        """See `MediaEngine.totals`."""
        legs = self._legs.values()
        return EngineTotals(
            legs=len(legs),
            ports_in_use=self._ports.in_use,
            relays=len(set(self._relays.values())),
            packets_received=self._closed_received + sum(leg.packets_received for leg in legs),
            packets_sent=self._closed_sent + sum(leg.packets_sent for leg in legs),
            packets_dropped=self._closed_dropped + sum(leg.dropped for leg in legs),
            hub_blocked_seconds=self._hub_blocked(),
            greenlets=greenlets.running(),
        )

    def shut_down(self) -> None:
        """Close every leg and wait until no greenlet of the engine is left."""
        self.close(*self._legs)
        self._group.join()

    def _leg(self, leg_id: str) -> Leg:
        try:
            return self._legs[leg_id]
        except KeyError:
            raise LegNotFound(f"leg {leg_id!r} is not open") from None

    def _bind(self, leg_id: str) -> Leg:
        """A leg on the first port that no other program holds; raises NoPorts, MediaError."""
        while True:
            now = self._monotonic()
            port = self._ports.take(now)
            try:
                return Leg(leg_id, port, bind(self._host, port), now=now)
            except OSError as error:
                self._ports.release(port, now)
                if error.errno != errno.EADDRINUSE:
                    raise _unbound(self._host, error) from None

    def _bind_to(self, leg_id: str, port: int) -> Leg:
        """A leg on just this port; raises NoPorts, MediaError."""
        if not 1 <= port <= 65535:
            raise MediaError(f"the port {port} is not between 1 and 65535")
        now = self._monotonic()
        self._ports.claim(port)
        try:
            return Leg(leg_id, port, bind(self._host, port), now=now)
        except OSError as error:
            self._ports.release(port, now)
            if error.errno == errno.EADDRINUSE:
                raise NoPorts(f"the media port {port} is in use by another program") from None
            raise _unbound(self._host, error) from None

    def _relay_alone(self, leg: Leg) -> None:
        self._relays[leg] = Relay(leg, monotonic=self._monotonic, owner=self._group)

    def _part(self, leg: Leg) -> None:
        peer = leg.peer
        if peer is None:
            return
        leg.peer = peer.peer = None
        self._relays[leg].remove(leg)
        self._relay_alone(leg)
        for parted in (leg, peer):
            _connect(parted)

    def _close(self, leg: Leg) -> LegStatistics:
        self._player.stop(leg)
        self._part(leg)
        now = self._monotonic()
        self._relays.pop(leg).remove(leg)
        del self._legs[leg.leg_id]
        if not self._legs:
            self._empty.set()
        leg.socket.close()
        self._ports.release(leg.port, now)
        statistics = leg.statistics(now)
        self._closed_received += statistics.packets_received
        self._closed_sent += statistics.packets_sent
        self._closed_dropped += statistics.packets_dropped
        return statistics

    def _check_owner(self, owner: str, incarnation: int) -> None:
        if self._owner is None or (self._released_at is not None and not self._legs):
            return
        present, newest = self._owner
        if owner != present:
            raise NotAllowed(f"the media legs belong to {present!r}")
        if incarnation < newest and self._released_at is None:
            raise NotAllowed(f"the media legs belong to a newer life of {present!r}")

    def _watch_legs(self) -> None:
        self._empty.clear()
        if not self._watching:
            self._watching = True
            greenlets.spawn("silence", self._watch, owner=self._group)

    def _watch(self) -> None:
        soon = min(self._timeout_seconds, self._lease_seconds) / 4
        period = max(SHORTEST_WATCH_SECONDS, min(WATCH_SECONDS, soon))
        try:
            while self._legs:
                self._empty.wait(period)
                now = self._monotonic()
                self._report_silence(now)
                if self._released_at is not None and now - self._released_at >= self._lease_seconds:
                    self.close(*self._legs)
        finally:
            self._watching = False

    def _report_silence(self, now: float) -> None:
        silent = [leg for leg in self._legs.values() if leg.fell_silent(now, self._timeout_seconds)]
        self._report(MediaEventKind.NO_PACKETS, silent)

    def _finished(self, leg: Leg) -> None:
        _connect(leg)
        self._report(MediaEventKind.PLAYBACK_FINISHED, [leg])

    def _report(self, kind: MediaEventKind, legs: Sequence[Leg]) -> None:
        for leg in legs:
            if self._on_event is not None:
                self._on_event(MediaEvent(kind, leg.leg_id))


def _unbound(host: str, error: OSError) -> CallCenterError:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return NoPorts(f"no media port can be opened: {error}")
    return MediaError(f"no media port can be opened on {host}: {error}")


def _connect(leg: Leg) -> None:
    """Let the leg and its peer, if any, hear what they may; what each hears next is another source."""
    for one in (leg, leg.peer):
        if one is not None:
            one.connect_peer()
            one.stream.change_source()
