"""The header fields of a message as values: read when asked for, and read again when a line has changed."""

from dataclasses import dataclass

from callengine.errors import BadMessage
from callengine.sip.address import Address
from callengine.sip.grammar import is_token, parse_number, split_commas
from callengine.sip.headers import Headers
from callengine.sip.via import Via

MAX_CSEQ = 2**31 - 1  # RFC 3261 8.1.1.5
MAX_SECONDS = 2**32 - 1  # RFC 3261 20.19


@dataclass(frozen=True, slots=True)
class CSeq:
    """The place of a request in its dialog's order (RFC 3261 20.16)."""

    number: int
    """0 to 2**31-1."""
    method: str
    """The request's own; of an ACK and a CANCEL too."""

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """`4711 INVITE`. Raises BadMessage."""
        words = text.split()
        if len(words) != 2 or not is_token(words[1]):
            raise BadMessage("CSeq is malformed")
        return cls(parse_number(words[0], what="CSeq", maximum=MAX_CSEQ), words[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


class Fields:
    """What requests and responses share: typed access to the headers they carry.

    Each property reads its lines once and keeps the value until `headers` changes. All raise BadMessage if
    the lines do not say what their grammar wants; of a message that `message.parse` returned, `via`, `from_`,
    `to`, `call_id` and `cseq` are sound.
    """

    __slots__ = ()

    headers: Headers

    @property
    def via(self) -> Via:
        """The topmost Via: the last hop before us."""
        return self.headers.typed("via", _read_via)

    @property
    def vias(self) -> list[Via]:
        """Every Via, topmost first."""
        return list(self.headers.typed("vias", _read_vias))

    def replace_via(self, via: Via) -> None:
        """Puts this in the place of the topmost Via, as a server does which adds `received` and `rport`."""
        others = split_commas(self.headers.get("via") or "")[1:]
        self.headers.replace_first("Via", ", ".join([str(via), *others]))

    @property
    def from_(self) -> Address:
        """Who sends the request."""
        return self.headers.typed("from", _read_from)

    @property
    def to(self) -> Address:
        """Whom the request is for."""
        return self.headers.typed("to", _read_to)

    @property
    def call_id(self) -> str:
        """Compared case-sensitively (RFC 3261 20.8)."""
        return _only_value(self.headers, "call-id")

    @property
    def cseq(self) -> CSeq:
        """Number and method."""
        return self.headers.typed("cseq", _read_cseq)

    @property
    def contacts(self) -> list[Address]:
        """Every Contact in order; none for `Contact: *`."""
        return list(self.headers.typed("contact", _read_contacts))

    @property
    def contact_is_star(self) -> bool:
        """Whether the only Contact is `*`: all bindings are to go (RFC 3261 10.2.2)."""
        return self.headers.get_all("contact") == ["*"]

    @property
    def max_forwards(self) -> int | None:
        """Hops left, 0 to 255; None when the header is missing."""
        return _read_number(self.headers, "max-forwards", maximum=255)

    @property
    def expires(self) -> int | None:
        """Seconds, 2**32-1 for anything greater; None when the header is missing."""
        return _read_number(self.headers, "expires", maximum=MAX_SECONDS, clamp=True)

    @property
    def routes(self) -> list[Address]:
        """The Route set in order."""
        return list(self.headers.typed("route", _read_routes))

    @property
    def record_routes(self) -> list[Address]:
        """The Record-Route set in order."""
        return list(self.headers.typed("record-route", _read_record_routes))

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case without parameters; "" when the header is missing."""
        value = self.headers.get("content-type") or ""
        return "".join(value.partition(";")[0].split()).lower()


def _only_value(headers: Headers, name: str) -> str:
    values = headers.get_all(name)
    if len(values) != 1 or not values[0]:
        raise BadMessage(f"{'no' if not any(values) else 'more than one'} {name} header")
    return values[0]


def _read_number(headers: Headers, name: str, *, maximum: int, clamp: bool = False) -> int | None:
    if name not in headers:
        return None
    text = _only_value(headers, name)
    if clamp and text.isascii() and text.isdigit() and len(text.lstrip("0")) > len(str(maximum)):
        return maximum
    number = parse_number(text, what=name, maximum=10 ** len(str(maximum)) if clamp else maximum)
    return min(number, maximum)


def _read_via(headers: Headers) -> Via:
    line = headers.get("via")
    if line is None:
        raise BadMessage("no via header")
    elements = split_commas(line) if "," in line else [line]
    if not elements:
        raise BadMessage("the Via header is empty")
    return Via.parse(elements[0])


def _read_vias(headers: Headers) -> list[Via]:
    return [via for line in headers.get_all("via") for via in Via.parse_list(line)]


def _read_from(headers: Headers) -> Address:
    return Address.parse(_only_value(headers, "from"))


def _read_to(headers: Headers) -> Address:
    return Address.parse(_only_value(headers, "to"))


def _read_cseq(headers: Headers) -> CSeq:
    return CSeq.parse(_only_value(headers, "cseq"))


def _read_addresses(headers: Headers, name: str) -> list[Address]:
    return [address for line in headers.get_all(name) for address in Address.parse_list(line)]


def _read_contacts(headers: Headers) -> list[Address]:
    return [] if headers.get_all("contact") == ["*"] else _read_addresses(headers, "contact")


def _read_routes(headers: Headers) -> list[Address]:
    return _read_addresses(headers, "route")


def _read_record_routes(headers: Headers) -> list[Address]:
    return _read_addresses(headers, "record-route")
