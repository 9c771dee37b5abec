"""The interface of the media side, in legs: what the signalling side may ask of whoever moves the audio.

A leg is one RTP port of ours and the phone at its other end. It hears either the leg it is joined to, or a
sound, or nothing. Towards its phone it is one RTP stream for its whole life (one SSRC, one run of sequence
numbers, a timestamp that goes with time), whatever it is joined to (RFC 3550 section 5.1).

`local.LocalEngine` does the work in this process, `client.MediaClient` asks the media process to do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

MUSIC = "music"
"""The name of the hold music that comes with callengine; any other sound is the path of a WAV file."""
DONE, REFUSED = "signal:done", "signal:refused"
"""The names of two short signals: what was asked for was done, or not."""


class Direction(StrEnum):
    """Which way media flows, seen from us (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True)
class RemoteMedia:
    """What offer and answer agreed with the phone of one leg; the fields of an SDP agreement."""

    host: str
    """Numeric IPv4 address to which the phone wants its audio; 0.0.0.0: nowhere (RFC 3264 section 8.4)."""
    port: int
    """Its RTP port, 1 to 65535."""
    codec: str = "PCMU"
    """PCMU or PCMA, at 8000 Hz."""
    payload_type: int = 0
    """The payload type that we send with, 0 to 127."""
    receive_payload_type: int = 0
    """The payload type that the phone sends with."""
    telephone_event: int | None = None
    """The payload type with which we send telephone-event (RFC 4733); None if the phone takes none."""
    receive_telephone_event: int | None = None
    """The payload type with which the phone sends telephone-event; None if it does not."""
    direction: str = Direction.SENDRECV
    """Our direction: sendrecv, sendonly, recvonly or inactive."""


@dataclass(frozen=True)
class LegStatistics:
    """What one leg has moved since it was opened; kept as counters by the relay, read here."""

    leg_id: str
    port: int
    """Our RTP port."""
    packets_received: int = 0
    """Good packets from the phone."""
    packets_sent: int = 0
    packets_dropped: int = 0
    """All packets that came and went no further although good, stray or bad; the next two are part of it."""
    packets_stray: int = 0
    """Packets from another address than the phone's."""
    packets_bad: int = 0
    """Datagrams that are no RTP, or RTP of a payload type that was not agreed."""
    octets_received: int = 0
    """Payload octets, without headers (RFC 3550 section 6.4.1)."""
    octets_sent: int = 0
    last_packet_seconds: float | None = None
    """Seconds since the last good packet from the phone; None before the first."""
    remote_host: str | None = None
    """Where we send: the address that packets come from, else the one of the session description."""
    remote_port: int | None = None
    latched: bool = False
    """Whether that address was learned from a packet."""
    joined_to: str | None = None
    playing: str | None = None
    remote: RemoteMedia | None = None
    """What was agreed with the phone, as it was last told."""


@dataclass(frozen=True)
class EngineTotals:
    """The whole engine at this moment; packet counts since it started, closed legs included."""

    legs: int = 0
    ports_in_use: int = 0
    relays: int = 0
    packets_received: int = 0
    packets_sent: int = 0
    packets_dropped: int = 0
    hub_blocked_seconds: float = 0.0
    """How long, all in all, something kept that process's event loop from turning."""
    greenlets: Mapping[str, int] = field(default_factory=dict)
    """Greenlets of that process by name."""


class MediaEventKind(StrEnum):
    """What the media side reports by itself."""

    PLAYBACK_FINISHED = "playback_finished"
    """A sound that does not loop came to its end."""
    NO_PACKETS = "no_packets"
    """A joined sendrecv leg that has sent before is silent for `timeout_seconds`; once for each silence."""


@dataclass(frozen=True)
class MediaEvent:
    """Something that happened to one leg without being asked for."""

    kind: MediaEventKind
    leg_id: str


EventSink = Callable[[MediaEvent], None]
"""Takes an event; it is called in the engine's own greenlet and must not wait."""

StatisticsOfLegs = list[LegStatistics]
LegIds = list[str]


class MediaEngine(Protocol):
    """What can be asked of the media side. Each call is short and never waits for a phone.

    All raise `MediaUnavailable` if the media process does not answer in time, `LegNotFound` for a leg that is
    not open (except where said), and `MediaError` for what cannot be done.
    """

    def open(
        self,
        leg_id: str,
        *,
        remote: RemoteMedia | None = None,
        play: str | None = None,
        port: int | None = None,
    ) -> int:
        """Open a leg, tell it its phone and begin a looping sound, as far as given; return our port.

        It is an even one that has rested, or `port`, 1 to 65535, of a leg that was open before. Raises
        `NoPorts` if there is none, or `port` is in use, by another program too.
        """

    def set_remote(self, leg_id: str, remote: RemoteMedia) -> None:
        """Say where the phone is and what was agreed with it; may be said again at any time."""

    def join(self, leg_a: str, leg_b: str, *, remote: RemoteMedia | None = None) -> None:
        """Let two legs hear each other; whatever either was joined to or was hearing ends.

        Two that are joined already go on without a gap, whoever has joined them. `remote`, if given, says
        first where the phone of `leg_b` is, as `set_remote` does.
        """

    def part(self, leg_id: str) -> None:
        """Undo the join of this leg, if it is joined; both legs stay open and hear nothing."""

    def play(self, leg_id: str, sound: str, *, loop: bool = True) -> None:
        """Let the leg hear a sound instead of what it hears now.

        It is `MUSIC`, `DONE`, `REFUSED`, or the path of a WAV file.
        A joined leg stays joined: its peer goes on hearing it, and it hears its peer again after `stop`.
        """

    def stop(self, leg_id: str) -> None:
        """End the sound that the leg hears, if any; no `playback_finished` is reported."""

    def statistics(self, leg_id: str) -> LegStatistics:
        """The counters of one leg."""

    def close(self, *leg_ids: str) -> StatisticsOfLegs:
        """Part and close legs, free their ports, return their last counters; unknown ids are passed over."""

    def list(self) -> StatisticsOfLegs:
        """The counters of every open leg."""

    def adopt(self, owner: str, incarnation: int) -> LegIds:
        """Take over all open legs as `owner`'s life number `incarnation`; return their ids.

        An owner must adopt before it may change anything. Of the same owner the newest incarnation holds the
        legs. Raises `NotAllowed` while they belong to another owner, or to a newer incarnation.
        """

    def totals(self) -> EngineTotals:
        """The whole engine's figures."""
