"""Bytes from the wire cut into start line, header lines and the place where the body starts (RFC 3261 7)."""

import re
from dataclasses import dataclass

from callengine.errors import BadMessage
from callengine.sip.grammar import MAX_HEADER_LINE_BYTES, MAX_HEADER_LINES, is_token
from callengine.sip.headers import KNOWN_KEYS, Headers, header_key

_BLANK = " \t"
_CONTROLS = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D}) + b"\x7f"
_EMPTY_LINE = re.compile(rb"\n\r?\n")

Line = tuple[str, str, str]
"""Key, name as written, value."""


@dataclass(frozen=True, slots=True)
class Head:
    """What comes before the body."""

    start_line: str
    """The request line or status line."""
    headers: Headers
    """The lines that could be read."""
    body_start: int
    """The index in the message at which the body starts."""
    fault: str | None
    """What makes this a bad message although its lines could be told apart; None if nothing does."""


def is_keepalive(data: bytes) -> bool:
    """Whether these bytes carry nothing: CR, LF and NUL alone (RFC 5626 3.5.1, and what phones send)."""
    return not data.strip(b"\r\n\x00")


def split_head(data: bytes) -> Head:
    """Cuts the head of a message into its lines.

    Line breaks before the start line are passed over (RFC 3261 7.5); a lone LF ends a line as well as CRLF;
    folded lines are joined by one blank (7.3.1). Bytes that are not UTF-8 become surrogates (PEP 383).
    Control characters are a fault, also where a quoted pair would allow them: nobody could store them.
    Raises BadMessage if not even lines can be told apart.
    """
    head, body_start = _find_head(data)
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if len(lines) > MAX_HEADER_LINES:
        raise BadMessage("too many header lines")
    read, fault = _read_lines(lines)
    if len(head.translate(None, _CONTROLS)) != len(head):
        fault = "a control character stands in the head"
    return Head(lines[0], Headers.from_lines(read), body_start, fault)


def _find_head(data: bytes) -> tuple[bytes, int]:
    """The head, its lines parted by CRLF, and where the body starts.

    A message without an empty line is all head.
    """
    start = len(data) - len(data.lstrip(b"\r\n")) if data[:1] in (b"\r", b"\n") else 0
    end = data.find(b"\r\n\r\n", start)
    head = data[start:end] if end > 0 else b""
    body_start = end + 4
    breaks = head.count(b"\r\n")
    if not head or head.count(b"\n") != breaks:
        empty_line = _EMPTY_LINE.search(data, start)
        end, body_start = empty_line.span() if empty_line else (len(data), len(data))
        head = data[start:end].rstrip(b"\r\n").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        breaks = head.count(b"\n")
    if not head or head.count(b"\r") != breaks:
        raise BadMessage("the message is empty" if not head else "a CR stands alone in the head")
    return head, body_start


def _read_lines(lines: list[str]) -> tuple[list[Line], str | None]:
    """The header lines behind the start line, and what is wrong with the first that cannot be read."""
    read: list[Line] = []
    fault = None
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = KNOWN_KEYS.get(name)
        if key is None:
            if line[:1] in (" ", "\t"):
                return _read_lines(_unfold(lines))
            name = name.rstrip(_BLANK)
            key = header_key(name) if is_token(name) else ""
        if not colon or not key:
            fault = fault or "a header line is malformed"
        elif len(line) > MAX_HEADER_LINE_BYTES:
            fault = fault or "a header line is too long"
        else:
            read.append((key, name, value.strip(_BLANK)))
    return read, fault


def _unfold(lines: list[str]) -> list[str]:
    """Joins what starts with a blank to the line before it, by one blank; the first line stays as it is."""
    unfolded = [[line] for line in lines[:1]]
    for line in lines[1:]:
        text = line.strip(_BLANK)
        if line[:1] in (" ", "\t") and len(unfolded) > 1:
            unfolded[-1].append(text)
        else:
            unfolded.append([text])
    return [" ".join(pieces) for pieces in unfolded]
