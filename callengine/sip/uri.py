"""SIP and SIPS URIs (RFC 3261 19.1); URIs of other schemes are carried as they are."""

import re
from dataclasses import dataclass

from callengine.errors import BadMessage
from callengine.sip.grammar import (
    Parameters,
    find_parameter,
    format_host,
    format_parameters,
    parse_host_port,
    parse_number,
    parse_parameters,
    unescape,
)

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*")
_FORBIDDEN = re.compile(r'[\x00-\x20<>"\x7f]')
_USER = r'([^@:\x00-\x20<>"\x7f]+)(?::([^@\x00-\x20<>"\x7f]*))?@'
_PLACE = r"([A-Za-z0-9_.\-]+|\[[^\[\]]*\])(?::([0-9]+))?"
_TAIL = r'(;[^?\x00-\x20<>"\x7f]*)?(\?[^\x00-\x20<>"\x7f]*)?'
_SIP = re.compile(rf"(sips?):(?:{_USER})?{_PLACE}{_TAIL}", re.IGNORECASE)  # no repetition inside another

_NEVER_IN_ONE_ALONE = ("user", "ttl", "method", "maddr", "transport")
"""Parameters which, standing in one of two URIs only, make them differ (RFC 3261 19.1.4 and its examples)."""


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI. What has escapes (%HH) keeps them; `username` and `equivalent` look through them."""

    scheme: str
    """In lower case: "sip", "sips", "tel", ..."""
    user: str | None
    """Who is meant at the host, escapes kept; with a telephone number, that."""
    password: str | None
    """As written after the user; RFC 3261 advises against it."""
    host: str
    """A name, an IPv4 address, or an IPv6 address without its brackets; "" in an opaque URI."""
    port: int | None = None
    """None when not written: not the same as 5060 (RFC 3261 19.1.4)."""
    parameters: Parameters = ()
    """The URI's own parameters, in order."""
    headers: str | None = None
    """What stands behind "?", uninterpreted."""
    opaque: str | None = None
    """Of a scheme other than sip and sips: all that follows the colon."""

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """Raises BadMessage, also for blanks and <> around it: those belong to the header's grammar."""
        match = _SIP.fullmatch(text)
        if match is None:
            return cls._parse_opaque(text)
        scheme, user, password, place, number, tail, headers = match.groups()
        if place[0] == "[":
            place = parse_host_port(place)[0]
        port = None if number is None else parse_number(number, what="the port", maximum=65535)
        parameters = parse_parameters(tail) if tail else ()
        return cls(scheme.lower(), user, password, place, port, parameters, headers[1:] if headers else None)

    @classmethod
    def _parse_opaque(cls, text: str) -> "Uri":
        scheme, _, rest = text.partition(":")
        scheme = scheme.lower()
        if scheme in ("sip", "sips") or not rest or not _SCHEME.fullmatch(scheme) or _FORBIDDEN.search(rest):
            raise BadMessage("a URI is malformed")
        return cls(scheme, None, None, "", opaque=rest)

    @property
    def is_sips(self) -> bool:
        """Whether every hop must be secured (RFC 3261 26.2.2)."""
        return self.scheme == "sips"

    @property
    def username(self) -> str | None:
        """The user with escapes resolved: `%61lice` is `alice` (RFC 3261 19.1.4)."""
        return None if self.user is None else unescape(self.user)

    def parameter(self, name: str) -> str | None:
        """The value of the parameter of that lower-case name; "" for a flag such as `lr`; None if absent."""
        return find_parameter(self.parameters, name)

    def equivalent(self, other: "Uri") -> bool:
        """Whether both mean the same resource by the rules of RFC 3261 19.1.4."""
        return self._identity() == other._identity() and self._parameters_agree(other)

    def _identity(self) -> tuple[object, ...]:
        """All that must be equal, in a form that can be compared."""
        secret = None if self.password is None else unescape(self.password)
        fields = [_header_identity(field) for field in (self.headers or "").split("&")]
        return (self.scheme, self.username, secret, self.host.lower(), self.port, self.opaque, sorted(fields))

    def _parameters_agree(self, other: "Uri") -> bool:
        ours = {name.lower(): unescape(value or "").lower() for name, value in self.parameters}
        theirs = {name.lower(): unescape(value or "").lower() for name, value in other.parameters}
        in_both = ours.keys() & theirs.keys()
        return all(ours[name] == theirs[name] for name in in_both) and all(
            (name in ours) == (name in theirs) for name in _NEVER_IN_ONE_ALONE
        )

    def __str__(self) -> str:
        if self.opaque is not None:
            return f"{self.scheme}:{self.opaque}"
        user = ""
        if self.user is not None:
            user = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = "" if self.headers is None else f"?{self.headers}"
        return (
            f"{self.scheme}:{user}{format_host(self.host)}{port}{format_parameters(self.parameters)}{headers}"
        )


def _header_identity(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return unescape(name).lower(), unescape(value)
