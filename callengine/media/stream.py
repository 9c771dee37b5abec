"""One outgoing RTP stream, unbroken for the life of a leg, made of whatever sources take turns in it.

Theory of operation. A source (a phone, or a sound of ours) numbers its packets in its own way. The stream has
one SSRC; while one source speaks, its sequence numbers and timestamps pass with a constant added, so that
loss and disorder on the way to us stay what they are for the phone (RFC 3550 section 7.1: a translator).
When another source begins, or the source starts afresh, the stream is *anchored*: the next sequence number,
the timestamp that our own clock gives, and the marker bit, by which the phone's jitter buffer knows a new
talk spurt (RFC 3551 section 4.1). What still arrives from before the anchor is refused.
"""

from __future__ import annotations

import struct

from callengine.media.codecs.linear import FRAME_SAMPLES, SAMPLE_RATE
from callengine.media.rtp import MARKER
from callengine.media.sequence import (
    SEQUENCE_MASK,
    TIMESTAMP_MASK,
    sequence_difference,
    timestamp_difference,
)

MAX_DROPOUT = 3000
MAX_MISORDER = 100
"""How far a sequence number may jump forth or back before the source counts as new (RFC 3550 A.1)."""
MAX_TIMESTAMP_ERROR = SAMPLE_RATE
"""How far, in samples, a source's timestamp may disagree with the time that passed."""

_pack_into = struct.Struct("!BHII").pack_into


class OutgoingStream:
    """The stream towards one phone; `ssrc`, `sequence` and `timestamp` should be random (RFC 3550 5.1, 8.1).

    Times are monotonic seconds. `sequence` and `timestamp` are those of the last packet in order.
    """

    __slots__ = (
        "_base",
        "_born",
        "_expected",
        "_first",
        "_marker_due",
        "_offset",
        "_sent_at",
        "_source",
        "_source_timestamp",
        "sequence",
        "ssrc",
        "timestamp",
    )

    def __init__(self, *, ssrc: int, sequence: int, timestamp: int, now: float) -> None:
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp
        self._base = timestamp
        self._born = now
        self._source: int | None = None
        self._expected = 0
        self._source_timestamp = 0
        self._offset = 0
        self._first = sequence
        self._marker_due = False
        self._sent_at = now

    def change_source(self) -> None:
        """The next packet comes from another source than the last, whatever its SSRC says."""
        self._source = None

    def rewrite(
        self,
        packet: bytearray,
        kind: int,
        sequence: int,
        timestamp: int,
        source: int,
        now: float,
        event: bool,
    ) -> bool:
        """Put this stream's header into a plain `packet`, in place; False if it must not be sent.

        `kind` is the header's second octet as it shall leave, `sequence`, `timestamp` and `source` (the SSRC)
        are as they came. `event` says that it carries telephone-event, whose timestamp stands still while a
        key is held (RFC 4733 section 2.1) and tells nothing of the source's clock.
        """
        if (
            sequence == self._expected
            and source == self._source
            and (event or (timestamp - self._source_timestamp) & TIMESTAMP_MASK <= MAX_TIMESTAMP_ERROR)
        ):
            self.sequence = out = (self.sequence + 1) & SEQUENCE_MASK
        else:
            out = self._place(sequence, timestamp, source, now, event)
            if out != self.sequence:
                if out >= 0:
                    _pack_into(packet, 1, kind, out, (timestamp + self._offset) & TIMESTAMP_MASK, self.ssrc)
                return out >= 0
        self._expected = (sequence + 1) & SEQUENCE_MASK
        self._sent_at = now
        shifted = (timestamp + self._offset) & TIMESTAMP_MASK
        if not event:
            self._source_timestamp = timestamp
            self.timestamp = shifted
            if self._marker_due:
                self._marker_due = False
                kind |= MARKER
        _pack_into(packet, 1, kind, out, shifted, self.ssrc)
        return True

    def pass_over(self, sequence: int, source: int) -> None:
        """A packet of the present source is not sent on; the phone shall not take that for loss."""
        if source == self._source and sequence == self._expected:
            self._expected = (sequence + 1) & SEQUENCE_MASK

    def _place(self, sequence: int, timestamp: int, source: int, now: float, event: bool) -> int:
        """The outgoing sequence number of a packet that is not simply the next; -1 to refuse it.

        Equal to `self.sequence` afterwards if the packet is the newest of the stream.
        """
        step = sequence_difference(sequence, self._expected)
        if source != self._source or not -MAX_MISORDER <= step <= MAX_DROPOUT:
            return self._anchor(timestamp, source, now)
        if step < 0:
            late = (self.sequence + 1 + step) & SEQUENCE_MASK
            return late if step < -1 and sequence_difference(late, self._first) >= 0 else -1
        if not event and not self._agrees_with_time(timestamp, now):
            return self._anchor(timestamp, source, now)
        self.sequence = (self.sequence + 1 + step) & SEQUENCE_MASK
        return self.sequence

    def _agrees_with_time(self, timestamp: int, now: float) -> bool:
        advanced = timestamp_difference(timestamp, self._source_timestamp)
        passed = (now - self._sent_at) * SAMPLE_RATE
        return advanced >= 0 and abs(advanced - passed) <= MAX_TIMESTAMP_ERROR

    def _anchor(self, timestamp: int, source: int, now: float) -> int:
        """Let a source begin: the stream goes on where our clock stands, but never back.

        What comes back to us from this very stream is refused, or it would go round for ever (RFC 3550 8.2).
        """
        if source == self.ssrc:
            return -1
        begin = (self._base + int((now - self._born) * SAMPLE_RATE)) & TIMESTAMP_MASK
        if timestamp_difference(begin, self.timestamp) <= 0:
            begin = (self.timestamp + FRAME_SAMPLES) & TIMESTAMP_MASK
        self._offset = begin - timestamp
        self._source = source
        self._source_timestamp = timestamp
        self._marker_due = True
        self.sequence = self._first = (self.sequence + 1) & SEQUENCE_MASK
        return self.sequence
