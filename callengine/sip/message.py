"""SIP requests and responses: from bytes, to bytes, and the response to a request (RFC 3261 7, 8.2.6)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from callengine.errors import BadMessage
from callengine.sip.fields import CSeq, Fields
from callengine.sip.grammar import MAX_MESSAGE_BYTES, is_token, parse_number
from callengine.sip.head import Head, is_keepalive, split_head
from callengine.sip.headers import Headers
from callengine.sip.reasons import REASONS
from callengine.sip.uri import Uri

__all__ = ["REASONS", "CSeq", "Request", "Response", "is_keepalive", "parse", "response_to"]

VERSION = "SIP/2.0"
_VERSION_WORD = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
_COPIED_ONCE = ("from", "to", "call-id", "cseq")
_DIALOG_FORMING = ("INVITE", "SUBSCRIBE", "REFER", "NOTIFY")


@dataclass(slots=True)
class Request(Fields):
    """What one end asks of the other."""

    method: str
    """In the case it was written in: methods are case-sensitive."""
    uri: str
    """The Request-URI, as on the wire."""
    headers: Headers = field(default_factory=Headers)
    """All header lines; Content-Length is made when the message is serialised."""
    body: bytes = b""
    """What the Content-Length counts."""

    def serialise(self) -> bytes:
        """The message as sent, with the right Content-Length."""
        return _serialise(f"{self.method} {self.uri} {VERSION}", self.headers, self.body)

    __bytes__ = serialise


@dataclass(slots=True)
class Response(Fields):
    """What was made of a request."""

    status: int
    """100 to 699; below 200 it is provisional."""
    reason: str
    """For people; may be empty."""
    headers: Headers = field(default_factory=Headers)
    """All header lines; Content-Length is made when the message is serialised."""
    body: bytes = b""
    """What the Content-Length counts."""

    def serialise(self) -> bytes:
        """The message as sent, with the right Content-Length."""
        return _serialise(f"{VERSION} {self.status} {self.reason}", self.headers, self.body)

    __bytes__ = serialise


def _serialise(start_line: str, headers: Headers, body: bytes) -> bytes:
    if "\r" in start_line or "\n" in start_line:
        raise ValueError("line break in a start line")
    length = str(len(body))
    lines = [start_line]
    placed = False
    for name, value in headers.items():
        if name in ("Content-Length", "l") or name.lower() in ("content-length", "l"):
            if placed:
                continue
            value, placed = length, True
        lines.append(f"{name}: {value}")
    if not placed:
        lines.append(f"Content-Length: {length}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def parse(data: bytes) -> Request | Response:
    """One datagram as a message, whose `via`, `from_`, `to`, `call_id` and `cseq` are sound.

    The body is what Content-Length counts, or all that follows the head if that header is missing.
    Raises BadMessage: its `request` is set if enough was read to be answered, and its `sip_status` is the
    status to answer with: 400, or 505 for another version of SIP, or 513 for too large a message.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise _bad("the message is too large", status=513)
    head = split_head(data)
    if head.start_line[:4].upper() == "SIP/":
        return _parse_response(head, data[head.body_start :])
    return _parse_request(head, data[head.body_start :])


def _parse_response(head: Head, body: bytes) -> Response:
    version, _, rest = head.start_line.partition(" ")
    status, _, reason = rest.lstrip(" ").partition(" ")
    if version.upper() != VERSION or head.fault:
        raise BadMessage(head.fault or "the version of SIP is unknown")
    number = parse_number(status, what="the status", maximum=699)
    if len(status) != 3 or number < 100:
        raise BadMessage("the status is out of range")
    response = Response(number, reason, head.headers, body)
    _check_fields(response)
    response.body = _cut_body(head.headers, body)
    return response


def _parse_request(head: Head, body: bytes) -> Request:
    method, uri, version = _split_request_line(head.start_line)
    request = Request(method, uri, head.headers, body)
    try:
        _check_request(request, version, head.fault)
        request.body = _cut_body(head.headers, body)
    except BadMessage as error:
        error.request = request if _can_be_answered(request) else None
        raise
    return request


def _split_request_line(line: str) -> tuple[str, str, str]:
    """Method, URI and version; a URI with blanks in it is found too, so that its sender gets an answer."""
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rstrip(" ").rpartition(" ")
    if not is_token(method) or _VERSION_WORD.fullmatch(version) is None:
        raise BadMessage("the start line is that of no SIP message")
    return method, uri, version


def _check_request(request: Request, version: str, fault: str | None) -> None:
    if version.upper() != VERSION:
        raise _bad("the version of SIP is unknown", status=505)
    if fault:
        raise BadMessage(fault)
    _check_fields(request)
    Uri.parse(request.uri)
    if request.cseq.method != request.method:
        raise BadMessage("CSeq names another method")


def _check_fields(message: Request | Response) -> None:
    """Reads the fields that every message must have (RFC 3261 8.1.1)."""
    _ = message.via, message.from_, message.to, message.call_id, message.cseq


def _can_be_answered(request: Request) -> bool:
    """Whether a response would find its way and could be told apart by its receiver."""
    try:
        _ = request.via.response_address
    except BadMessage:
        return False
    return all(len(request.headers.get_all(name)) == 1 for name in _COPIED_ONCE)


def _cut_body(headers: Headers, body: bytes) -> bytes:
    lengths = set(headers.get_all("content-length"))
    if not lengths:
        return body
    if len(lengths) > 1:
        raise BadMessage("there are several Content-Lengths")
    length = parse_number(lengths.pop(), what="Content-Length", maximum=MAX_MESSAGE_BYTES)
    if length > len(body):
        raise BadMessage("the body is shorter than its Content-Length")
    return body[:length]


def _bad(reason: str, *, status: int) -> BadMessage:
    error = BadMessage(reason)
    error.sip_status = status
    return error


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """The response with all that RFC 3261 8.2.6 and 12.1.1 copy from the request, then `headers`.

    `to_tag` is added to a To without a tag; every response but 100 needs one. Works for a request that came
    with BadMessage as well.
    """
    copied = [
        (name, value) for name in ("Via", *_record_route(request, status)) for value in _all(request, name)
    ]
    copied += [(name, value) for name in ("From", "To", "Call-ID", "CSeq") for value in _all(request, name)]
    response = Response(status, REASONS.get(status, "") if reason is None else reason, Headers(copied), body)
    if to_tag is not None and not _has_tag(request):
        response.headers.set("To", f"{response.headers.get('to')};tag={to_tag}")
    if status == 100 and (timestamp := request.headers.get("timestamp")):
        response.headers.add("Timestamp", timestamp)
    for name, value in headers:
        response.headers.add(name, value)
    if content_type is not None:
        response.headers.add("Content-Type", content_type)
    return response


def _all(request: Request, name: str) -> list[str]:
    return request.headers.get_all(name)


def _record_route(request: Request, status: int) -> tuple[str, ...]:
    """Names the header to copy if the response can make a dialog."""
    return ("Record-Route",) if request.method in _DIALOG_FORMING and 100 < status < 300 else ()


def _has_tag(request: Request) -> bool:
    """A To that cannot be read is copied as it is, like one with a tag."""
    try:
        return request.to.tag is not None
    except BadMessage:
        return True
