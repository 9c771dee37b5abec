"""Cuts a stream into SIP messages, by Content-Length (RFC 3261 18.3, RFC 5626 3.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callengine.errors import BadMessage
from callengine.sip.grammar import MAX_MESSAGE_BYTES, parse_number
from callengine.sip.message import Request, parse

PING = b"\r\n\r\n"
"""What keeps a connection alive; it wants a PONG (RFC 5626 4.4.1)."""
PONG = b"\r\n"

_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:((?:[^\n]|\n[ \t])*)", re.IGNORECASE)
"""Its value may be folded, as any header's (RFC 3261 7.3.1)."""
_LONGEST_BREAK = 3
"""Bytes of an end of the head: it may lie across two pieces."""


class Framer:
    """The messages of one connection, piece by piece; at most one message is held.

    Its cost is linear: what was looked at without finding the end of a head is not looked at again.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._wanted = 0
        """The length of the whole message, once its head is known."""
        self._line_ends = 0

    @property
    def is_begun(self) -> bool:
        """Whether a part of a message is held, whose rest is to come."""
        return bool(self._buffer)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The messages that are complete with this piece, each whole, and a PING for each keep-alive.

        Raises BadMessage for what cannot be cut; its `request` is set if it can be answered. Nothing can be
        read from the connection after that.
        """
        self._buffer += piece
        while self._buffer:
            yield from self._skip_line_ends()
            if not self._wanted:
                self._wanted = self._find_end()
            if not self._wanted or len(self._buffer) < self._wanted:
                return
            message = bytes(self._buffer[: self._wanted])
            del self._buffer[: self._wanted]
            self._searched = self._wanted = 0
            yield message

    def _skip_line_ends(self) -> Iterator[bytes]:
        """Line ends between messages: each second CRLF in a row makes a ping."""
        if self._wanted or self._searched:
            return
        blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        self._line_ends += self._buffer.count(b"\n", 0, blank)
        del self._buffer[:blank]
        for _ in range(self._line_ends // 2):
            yield PING
        self._line_ends = 0 if self._buffer else self._line_ends % 2

    def _find_end(self) -> int:
        """The length of the message that the buffer begins with; 0 while its head is not complete."""
        end = _END_OF_HEAD.search(self._buffer, max(0, self._searched - _LONGEST_BREAK))
        self._searched = len(self._buffer)
        if end is None:
            if len(self._buffer) > MAX_MESSAGE_BYTES:
                raise self._bad("the head of a message is too large", len(self._buffer))
            return 0
        length = end.end() + self._content_length(end.end())
        if length > MAX_MESSAGE_BYTES:
            raise self._bad("the message is too large", end.end())
        return length

    def _content_length(self, head_bytes: int) -> int:
        values = {value.strip() for value in _LENGTH.findall(self._buffer, 0, head_bytes)}
        if len(values) != 1:
            what = "several Content-Lengths" if values else "no Content-Length, which a stream needs"
            raise self._bad(f"there is {what}", head_bytes)
        try:
            return parse_number(
                values.pop().decode("ascii", "replace"), what="Content-Length", maximum=MAX_MESSAGE_BYTES
            )
        except BadMessage as error:
            raise self._bad(str(error), head_bytes) from None

    def _bad(self, reason: str, head_bytes: int) -> BadMessage:
        """The error, with the request if what was read of it can be answered."""
        error = BadMessage(reason)
        try:
            message: object = parse(bytes(self._buffer[: min(head_bytes, MAX_MESSAGE_BYTES)]))
        except BadMessage as worse:
            message = worse.request
        error.request = message if isinstance(message, Request) else None
        return error
