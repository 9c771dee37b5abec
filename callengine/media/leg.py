"""One leg: its socket, what was agreed with its phone, where its packets go, and its counters."""

from __future__ import annotations

import _socket
import ipaddress
import secrets
import socket

from callengine.errors import MediaError
from callengine.media.codecs import g711
from callengine.media.engine import Direction, LegStatistics, RemoteMedia
from callengine.media.latch import NOWHERE, Latch
from callengine.media.stream import OutgoingStream

NO_PAYLOAD_TYPE = -1
"""Equal to no payload type: nothing of the kind was agreed."""
SILENCED = "0.0.0.0"
"""The host of a phone that wants to hear nothing (RFC 3264 section 8.4)."""

_EXPEDITED_FORWARDING = 46 << 2
"""The class of service for voice (RFC 4594 section 4.1), in its place in the TOS octet."""


class Leg:
    """A phone's RTP port on our side. The relay reads and counts in the public fields directly.

    `sink` is the leg to which good packets go on, None if nobody may hear them now; then `audio_out` and
    `event_out` are the payload types with which they leave, and `table` translates their octets if it must.
    `may_hear` says whether anything may be sent to the phone, `may_speak` whether what it says may go on.
    The socket is the bare one: it never blocks, and no greenlet ever waits in it.
    """

    __slots__ = (
        "audio_in",
        "audio_out",
        "event_in",
        "event_out",
        "heard_at",
        "judged_from",
        "latch",
        "leg_id",
        "may_hear",
        "may_speak",
        "octets_received",
        "octets_sent",
        "packets_bad",
        "packets_dropped",
        "packets_received",
        "packets_sent",
        "packets_stray",
        "peer",
        "playing",
        "port",
        "receive",
        "remote",
        "reported_silent",
        "send",
        "sink",
        "socket",
        "stream",
        "table",
    )

    def __init__(self, leg_id: str, port: int, bound: _socket.socket, *, now: float) -> None:
        self.leg_id = leg_id
        self.port = port
        self.socket = bound
        self.receive = bound.recvfrom_into
        self.send = bound.sendto
        self.latch = Latch()
        self.stream = OutgoingStream(
            ssrc=secrets.randbits(32), sequence=secrets.randbits(16), timestamp=secrets.randbits(32), now=now
        )
        self.remote: RemoteMedia | None = None
        self.may_hear = self.may_speak = False
        self.peer: Leg | None = None
        self.playing: str | None = None
        self.sink: Leg | None = None
        self.audio_in = self.audio_out = self.event_in = self.event_out = NO_PAYLOAD_TYPE
        self.table: bytes | None = None
        self.heard_at = self.judged_from = now
        self.reported_silent = False
        self.packets_received = self.packets_sent = self.packets_dropped = 0
        self.packets_stray = self.packets_bad = 0
        self.octets_received = self.octets_sent = 0

    def set_remote(self, remote: RemoteMedia, now: float) -> None:
        """Take over what was agreed with the phone; raises MediaError if that can't be served."""
        check_remote(remote)
        direction = Direction(remote.direction)
        self.remote = remote
        self.may_hear = direction.sends and remote.host != SILENCED
        self.may_speak = direction.receives
        self.audio_in = remote.receive_payload_type
        event = remote.receive_telephone_event
        self.event_in = NO_PAYLOAD_TYPE if event is None else event
        if remote.host != SILENCED:
            self.latch.tell((remote.host, remote.port))
        self.judged_from = now

    def connect_peer(self) -> None:
        """Work out `sink` and what belongs to it anew, from what both legs may do now."""
        self.sink = None
        peer = self.peer
        if peer is None or peer.playing is not None or not (self.may_speak and peer.may_hear):
            return
        assert self.remote is not None
        assert peer.remote is not None
        self.audio_out = peer.remote.payload_type
        event = peer.remote.telephone_event
        self.event_out = NO_PAYLOAD_TYPE if event is None else event
        self.table = g711.translation(self.remote.codec, peer.remote.codec)
        self.sink = peer

    def fell_silent(self, now: float, timeout_seconds: float) -> bool:
        """Whether the phone should be heard and is not for `timeout_seconds`; True once for each silence."""
        silent = now - max(self.heard_at, self.judged_from) >= timeout_seconds
        judged = self.peer is not None and self.packets_received > 0 and self.may_speak and self.may_hear
        before, self.reported_silent = self.reported_silent, silent and judged
        return self.reported_silent and not before

    @property
    def dropped(self) -> int:
        """All packets that went no further, whatever the reason."""
        return self.packets_dropped + self.packets_stray + self.packets_bad

    def statistics(self, now: float) -> LegStatistics:
        """The counters, and where the phone is, at `now` (monotonic seconds)."""
        host, port = self.latch.target if self.latch.target != NOWHERE else (None, None)
        return LegStatistics(
            leg_id=self.leg_id,
            port=self.port,
            packets_received=self.packets_received,
            packets_sent=self.packets_sent,
            packets_dropped=self.dropped,
            packets_stray=self.packets_stray,
            packets_bad=self.packets_bad,
            octets_received=self.octets_received,
            octets_sent=self.octets_sent,
            last_packet_seconds=now - self.heard_at if self.packets_received else None,
            remote_host=host,
            remote_port=port,
            latched=self.latch.source is not None,
            joined_to=self.peer.leg_id if self.peer else None,
            playing=self.playing,
            remote=self.remote,
        )


def bind(host: str, port: int) -> _socket.socket:
    """A non-blocking UDP socket on `host` and `port`, marked as voice; raises OSError."""
    bound = _socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        bound.bind((host, port))
        bound.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED_FORWARDING)
    except OSError:
        bound.close()
        raise
    return bound


def check_remote(remote: RemoteMedia) -> None:
    """Raise MediaError unless everything in `remote` can be served."""
    g711.check(remote.codec)
    try:
        host = ipaddress.IPv4Address(remote.host)
        Direction(remote.direction)
    except ValueError as error:
        raise MediaError(f"remote media cannot be served: {error}") from None
    if host.is_multicast:
        raise MediaError(f"remote host {host} is a multicast address")
    if not 1 <= remote.port <= 65535:
        raise MediaError(f"remote port {remote.port} is not between 1 and 65535")
    types = (
        remote.payload_type,
        remote.receive_payload_type,
        remote.telephone_event,
        remote.receive_telephone_event,
    )
    if not all(kind is None or 0 <= kind <= 127 for kind in types):
        raise MediaError("a payload type is not between 0 and 127")
