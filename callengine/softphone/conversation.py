"""What the two ends of one call have agreed upon, and the audio that goes with it."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from callengine.clock import Clock
from callengine.errors import BadSdp, NotAcceptable
from callengine.media import wav
from callengine.sdp.negotiation import Agreement, make_answer, make_offer, read_answer
from callengine.sdp.session import SessionDescription
from callengine.softphone.audio import Audio, AudioReport
from callengine.softphone.events import Field
from callengine.softphone.options import PhoneOptions
from callengine.softphone.recording import Recording

HELD = ("recvonly", "inactive")
"""Our direction while the far end holds us (RFC 3264 8.4)."""


class Conversation:
    """The session descriptions of one call, one after another, and its audio."""

    def __init__(
        self,
        options: PhoneOptions,
        *,
        number: int,
        host: str,
        clock: Clock,
        on_digit: Callable[[str], None] = lambda _digit: None,
        on_held: Callable[[], None] = lambda: None,
    ) -> None:
        """`number` says which of the phone's calls it is; `on_held` is called when the far end holds us.

        Raises MediaError when there is no port for the audio.
        """
        self._options = options
        self._host = host
        self._on_held = on_held
        self._path = options.recording_path(number)
        self._recording = Recording() if self._path else None
        self.audio = Audio(
            host=host, clock=clock, sound=options.sound, recording=self._recording, on_digit=on_digit
        )
        self.agreement: Agreement | None = None
        self._session_id = secrets.randbits(48)
        self._version = 0
        self._offered: SessionDescription | None = None

    def offer(self, *, direction: str = "sendrecv") -> bytes:
        """What we would like to speak; each one is a newer version (RFC 3264 8)."""
        self._version += 1
        self._offered = make_offer(
            host=self._host,
            port=self.audio.port,
            codecs=self._options.codecs,
            session_id=self._session_id,
            version=self._version,
            direction=direction,
        )
        return self._offered.serialise()

    def answer(self, offer: bytes) -> bytes:
        """Our answer, which is agreed upon from now on; raises BadSdp or NotAcceptable, and all stays."""
        answer, agreement = make_answer(
            SessionDescription.parse(offer),
            host=self._host,
            port=self.audio.port,
            codecs=self._options.codecs,
            session_id=self._session_id,
            version=self._version + 1,
        )
        self._version += 1
        self._agree(agreement)
        return answer.serialise()

    def take_answer(self, answer: bytes) -> None:
        """Agree upon the far end's answer to our latest offer; raises BadSdp or NotAcceptable."""
        if self._offered is None:
            raise NotAcceptable("an answer without an offer")
        self._agree(read_answer(self._offered, SessionDescription.parse(answer)))

    def answer_again(self, offer: bytes) -> tuple[int, bytes]:
        """The status and body for an offer within the call; with 488 all stays as it was."""
        try:
            answer = self.answer(offer)
        except (BadSdp, NotAcceptable) as error:
            return error.sip_status, b""
        if self.agreement is not None and self.agreement.direction in HELD:
            self._on_held()
        return 200, answer

    def close(self) -> dict[str, Field]:
        """End the audio, keep the recording; what is to be told of both, times in milliseconds.

        Raises OSError when the recording cannot be written.
        """
        report = self.audio.close()
        if self.agreement is None:
            return {}
        if self._path is not None and self._recording is not None:
            self._path.write_bytes(wav.write(self._recording.samples()))
        return {**_told(report), "recording": str(self._path) if self._path else None}

    def _agree(self, agreement: Agreement) -> None:
        is_first = self.agreement is None
        self.agreement = agreement
        if is_first:
            self.audio.start(agreement)
        else:
            self.audio.change(agreement)


def _told(report: AudioReport) -> dict[str, Field]:
    first = report.first_packet
    return {
        "packets_sent": report.packets_sent,
        "packets_received": report.packets_received,
        "first_packet_ms": None if first is None else round(first * 1000, 3),
        "longest_gap_ms": round(report.longest_gap * 1000, 3),
        "sequence_breaks": report.sequence_breaks,
        "sources": len(report.sources),
    }
