"""The bridge: two legs hear each other until one of them is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gevent.event import Event

from callengine import greenlets
from callengine.callcenter.calls import Leg
from callengine.media.engine import MediaEngine, MediaEvent, MediaEventKind, RemoteMedia
from callengine.sdp.negotiation import Agreement
from callengine.sip.session import Session
from callengine.vocabulary import Party

STOPPED = "service_stopped"
"""The cause when we hung up although nobody had asked for it: the service stops."""


@dataclass(frozen=True)
class Parting:
    """Why two legs are no longer bridged."""

    by: Party
    cause: str


class Silences:
    """Which legs are watched for the end of their audio; told what the media side reports."""

    def __init__(self) -> None:
        self._watched: dict[str, Event] = {}

    def note(self, event: MediaEvent) -> None:
        """Take note of a leg whose audio has stopped coming."""
        silence = self._watched.get(event.leg_id)
        if event.kind is MediaEventKind.NO_PACKETS and silence is not None:
            silence.set()

    @contextmanager
    def watch(self, *leg_ids: str) -> Iterator[Event]:
        """An event that is set when one of these legs falls silent."""
        silence = Event()
        self._watched.update(dict.fromkeys(leg_ids, silence))
        try:
            yield silence
        finally:
            for leg_id in leg_ids:
                del self._watched[leg_id]


class Bridge:
    """Joins legs on the media side and waits beside them."""

    def __init__(self, media: MediaEngine, silences: Silences) -> None:
        self._media = media
        self._silences = silences

    def join(self, caller: Leg, agent: Leg) -> None:
        """Let the two hear each other; the music that the caller heard ends. Raises `MediaError`."""
        assert agent.agreement is not None
        self._media.join(caller.id, agent.id, remote=remote_media(agent.agreement))

    def wait_until_parted(self, caller: Leg, agent: Leg, *, seconds: float) -> Parting:
        """Wait until either phone hangs up, the audio of one has died, or the time for a call is over."""
        with self._silences.watch(caller.id, agent.id) as silence:
            ends = (caller.session.ended, agent.session.ended, silence)
            if not greenlets.wait_for_any(*ends, timeout=max(0.0, seconds)):
                return Parting(Party.SYSTEM, "max_duration")
        return _parting(caller, agent)


def _parting(caller: Leg, agent: Leg) -> Parting:
    for leg, party in ((caller, Party.CALLER), (agent, Party.AGENT)):
        if leg.session.ended.is_set():
            return parting_of(leg.session, party)
    return Parting(Party.SYSTEM, "no_media")


def parting_of(session: Session, party: Party) -> Parting:
    """Who ended a leg that is over: whose phone it is, or the service."""
    if session.ended_by == "remote":
        return Parting(party, session.end_cause or "bye")
    return Parting(Party.SYSTEM, STOPPED if session.ended_by == "local" else session.end_cause or STOPPED)


def remote_media(agreement: Agreement) -> RemoteMedia:
    """What offer and answer agreed, in the words of the media side."""
    return RemoteMedia(
        host=agreement.host,
        port=agreement.port,
        codec=agreement.codec,
        payload_type=agreement.payload_type,
        receive_payload_type=agreement.receive_payload_type,
        telephone_event=agreement.telephone_event,
        receive_telephone_event=agreement.receive_telephone_event,
        direction=agreement.direction,
    )
