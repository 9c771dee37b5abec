"""The smallest pieces of SIP's grammar: tokens, quoted strings, lists, parameters, hosts, and our limits.

Every function here takes time linear in the length of its text, whatever the text is: a regular expression
is used only to find one character of a set, never to match a nested repetition.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import unquote_to_bytes

from callengine.errors import BadMessage

MAX_MESSAGE_BYTES = 65535
"""The largest message that is read: what one UDP datagram can hold (RFC 3261 18.1.1)."""

MAX_HEADER_LINES = 256
"""Header lines in one message; no real message comes near."""

MAX_HEADER_LINE_BYTES = 8192
"""Bytes in one header line, unfolded."""

COMPACT_FORMS = {
    "a": "accept-contact",  # RFC 3841
    "b": "referred-by",  # RFC 3892
    "c": "content-type",  # RFC 3261 7.3.3, like all that cite nothing
    "d": "request-disposition",  # RFC 3841
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",  # RFC 3841
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",  # RFC 6665
    "r": "refer-to",  # RFC 3515
    "s": "subject",
    "t": "to",
    "u": "allow-events",  # RFC 6665
    "v": "via",
    "x": "session-expires",  # RFC 4028
    "y": "identity",  # RFC 8224
}
"""Compact header names and the lower-case full name of each."""

Parameters = tuple[tuple[str, str | None], ...]
"""Parameters in order, as written: a value keeps its quotes, and a flag like `;lr` has None."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")  # RFC 3261 25.1
_HOST = re.compile(r"[A-Za-z0-9_.\-]+")  # with "_", which real host names have
_QUOTE_OR_BACKSLASH = re.compile(r'["\\]')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_COMMA_STOPS = re.compile(r'[,"<]')
_QUOTED_COMMA_STOPS = re.compile(r'[,"]')
_SEMICOLON_STOPS = re.compile(r'[;"]')

_BLANK = " \t"


def is_token(text: str) -> bool:
    """Whether this is a token (RFC 3261 25.1): a method, a header name, a tag."""
    return _TOKEN.fullmatch(text) is not None


def parse_number(text: str, *, what: str, maximum: int) -> int:
    """An unsigned decimal number up to `maximum`; `what` names it in the error. Raises BadMessage."""
    if not (text.isascii() and text.isdigit()):
        raise BadMessage(f"{what} is not a number")
    digits = text if len(text) < 20 else text.lstrip("0") or "0"
    if len(digits) > 20 or (number := int(digits)) > maximum:
        raise BadMessage(f"{what} is over {maximum}")
    return number


def end_of_quoted(text: str, start: int) -> int:
    """The index behind the quoted string whose opening quote is at `start`; -1 if it is never closed."""
    position = start + 1
    while stop := _QUOTE_OR_BACKSLASH.search(text, position):
        if stop.group() == '"':
            return stop.end()
        position = stop.end() + 1
    return -1


def quote(text: str) -> str:
    """A quoted string (RFC 3261 25.1) that means this text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """What a quoted string means; a text without quotes around it means itself."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def unescape(text: str) -> str:
    """The text with its %HH escapes resolved (RFC 3261 19.1.2); what is no escape stays as it is."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _split(text: str, separator: str, stops: re.Pattern[str]) -> list[str]:
    """The pieces between separators that are outside quotes, and outside <> if `stops` has "<"."""
    pieces = []
    start = position = 0
    while stop := stops.search(text, position):
        position = stop.end()
        if stop.group() == separator:
            pieces.append(text[start : stop.start()])
            start = position
            continue
        position = end_of_quoted(text, stop.start()) if stop.group() == '"' else text.find(">", position) + 1
        if position <= 0:
            break
    pieces.append(text[start:])
    return pieces


def split_commas(text: str) -> list[str]:
    """The elements of a comma-separated list (RFC 3261 7.3.1), stripped, empty ones left out.

    Commas in quotes or between < and > do not separate. What is never closed reaches to the end.
    """
    if "," not in text:
        pieces = [text]
    elif '"' in text or "<" in text:
        pieces = _split(text, ",", _COMMA_STOPS)
    else:
        pieces = text.split(",")
    return [stripped for piece in pieces if (stripped := piece.strip(_BLANK))]


def split_quoted_commas(text: str) -> list[str]:
    """Like `split_commas` where < means nothing: the parameters of a challenge (RFC 3261 20.7)."""
    pieces = _split(text, ",", _QUOTED_COMMA_STOPS) if '"' in text else text.split(",")
    return [stripped for piece in pieces if (stripped := piece.strip(_BLANK))]


def parse_parameters(text: str) -> Parameters:
    """What follows the first ";": `name=value;flag`. Empty parameters are passed over. Raises BadMessage."""
    pieces = _split(text, ";", _SEMICOLON_STOPS) if '"' in text else text.split(";")
    parameters = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name = name.strip(_BLANK)
        if name:
            parameters.append((name, value.strip(_BLANK) if equals else None))
        elif equals:
            raise BadMessage("a parameter has no name")
    return tuple(parameters)


def format_parameters(parameters: Parameters) -> str:
    """The parameters with a ";" before each, or nothing."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in parameters])


def find_parameter(parameters: Parameters, name: str) -> str | None:
    """The value, unquoted, of the parameter of that lower-case name; "" for a flag; None if absent."""
    for key, value in parameters:
        if key == name or key.lower() == name:
            return "" if value is None else unquote(value)
    return None


def with_parameter(parameters: Parameters, name: str, value: str | None) -> Parameters:
    """The parameters with this one set: in its place if it was there, else as the last."""
    changed = [(key, value if key.lower() == name else old) for key, old in parameters]
    if all(key.lower() != name for key, _ in parameters):
        changed.append((name, value))
    return tuple(changed)


def parse_host_port(text: str) -> tuple[str, int | None]:
    """`host`, `host:port`, `[IPv6]:port` into host (an IPv6 address without brackets) and port.

    Raises BadMessage. Blanks around the colon are legal in Via alone, and harmless elsewhere.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not _is_ipv6(host):
            raise BadMessage("the IPv6 address is malformed")
        before, colon, port = rest.partition(":")
        if before.strip(_BLANK):
            raise BadMessage("something stands between host and port")
    else:
        host, colon, port = text.partition(":")
        host = host.rstrip(_BLANK)
        if _HOST.fullmatch(host) is None:
            raise BadMessage("the host is malformed")
    if not colon:
        return host, None
    return host, parse_number(port.strip(_BLANK), what="the port", maximum=65535)


def format_host(host: str) -> str:
    """The host as it stands in a URI or a Via: an IPv6 address gets its brackets."""
    return f"[{host}]" if ":" in host else host


def is_ipv4(host: str) -> bool:
    """Whether that is an IPv4 address, and no name to be looked up."""
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    if "%" in text:
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
