"""The relay: one greenlet that moves the packets of two joined legs both ways, or of one leg by itself.

It is parked on a persistent watcher for each socket. A socket that wakes it in time holds one packet, and is
read once: asking again whether there is more costs an eighth of all CPU (measured), and the watcher tells
anyway. One that wakes it late is drained, a bounded number of packets at a time so that every relay has its
turn. Packets meet no lock, logger or queue; each is received into one buffer shared by all relays (nothing
switches while it is in use), rewritten there and sent.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import gevent
from gevent.pool import Group

from callengine import greenlets
from callengine.media.leg import Leg
from callengine.media.rtp import HEADER_SIZE, LARGEST_PACKET, MARKER, PLAIN, make_plain

BATCH = 16
"""Packets taken from one socket before the others have their turn."""
LATE_SECONDS = 0.03
"""After so long without a packet there may be more than one."""

_READABLE = 1
_packet = bytearray(LARGEST_PACKET)
_view = memoryview(_packet)
_unpack_from = struct.Struct("!BBHII").unpack_from


class Relay:
    """Moves the packets of its legs from when it is made until it has none left."""

    def __init__(self, leg: Leg, *, monotonic: Callable[[], float], owner: Group) -> None:
        self._watchers: dict[Leg, Any] = {}
        self._legs = [leg]
        self._monotonic = monotonic
        self._wake: Callable[[Leg | None], object] | None = None
        greenlets.spawn("relay", self._run, owner=owner)

    def add(self, leg: Leg) -> None:
        """Move this leg's packets too."""
        self._legs.append(leg)
        if self._wake is not None:
            self._watch(leg, self._wake)

    def remove(self, leg: Leg) -> None:
        """Leave this leg alone; without legs the relay ends."""
        self._legs.remove(leg)
        self._unwatch(leg)
        if not self._legs and self._wake is not None:
            gevent.get_hub().loop.run_callback(self._wake, None)

    def _run(self) -> None:
        self._wake = gevent.getcurrent().switch
        monotonic = self._monotonic
        wait_for_packets = gevent.get_hub().switch
        try:
            for leg in self._legs:
                self._watch(leg, self._wake)
            while self._legs:
                ready = wait_for_packets()
                if ready is not None:
                    drain(ready, monotonic())
        finally:
            self._wake = None
            for leg in tuple(self._watchers):
                self._unwatch(leg)

    def _watch(self, leg: Leg, wake: Callable[[Leg | None], object]) -> None:
        watcher = gevent.get_hub().loop.io(leg.socket.fileno(), _READABLE)
        watcher.start(wake, leg)
        self._watchers[leg] = watcher

    def _unwatch(self, leg: Leg) -> None:
        watcher = self._watchers.pop(leg, None)
        if watcher is not None:
            watcher.stop()
            watcher.close()


def drain(leg: Leg, now: float) -> None:
    """Take packets of `leg` from its socket, count them, and send on those that may go."""
    receive = leg.receive
    for _ in range(BATCH if now - leg.heard_at > LATE_SECONDS else 1):
        try:
            size, source = receive(_packet)
        except OSError:
            return
        if size <= HEADER_SIZE or _packet[0] != PLAIN:
            size = make_plain(_packet, size)
            if not size:
                leg.packets_bad += 1
                continue
        _, kind, sequence, timestamp, ssrc = _unpack_from(_packet)
        event = kind & ~MARKER == leg.event_in
        if not event and kind & ~MARKER != leg.audio_in:
            leg.packets_bad += 1
            if source == leg.latch.source:
                _leave_out(leg, sequence, ssrc)
            continue
        if source != leg.latch.source and not leg.latch.admit(source, now - leg.heard_at):
            leg.packets_stray += 1
            continue
        leg.heard_at = now
        leg.packets_received += 1
        leg.octets_received += size - HEADER_SIZE
        sink = leg.sink
        payload_type = leg.event_out if event else leg.audio_out
        if sink is None or payload_type < 0:
            leg.packets_dropped += 1
            _leave_out(leg, sequence, ssrc)
            continue
        if leg.table is not None and not event:
            _packet[HEADER_SIZE:size] = _packet[HEADER_SIZE:size].translate(leg.table)
        kind = payload_type | kind & MARKER
        if sink.stream.rewrite(_packet, kind, sequence, timestamp, ssrc, now, event):
            send(sink, _view[:size])
        else:
            leg.packets_dropped += 1


def _leave_out(leg: Leg, sequence: int, ssrc: int) -> None:
    """Keep what the leg sent and we do not send on from looking like loss to whoever hears the leg."""
    if leg.sink is not None:
        leg.sink.stream.pass_over(sequence, ssrc)


def send(leg: Leg, packet: bytes | bytearray | memoryview) -> None:
    """Send a packet to the leg's phone and count it; one that the network refuses is lost, as RTP may be."""
    try:
        leg.send(packet, leg.latch.target)
    except OSError:
        leg.packets_dropped += 1
    else:
        leg.packets_sent += 1
        leg.octets_sent += len(packet) - HEADER_SIZE
