"""One hop of a message's way, and where its response goes (RFC 3261 18.2, 20.42; RFC 3581)."""

from dataclasses import dataclass, replace

from callengine.errors import BadMessage
from callengine.sip.grammar import (
    Parameters,
    find_parameter,
    format_host,
    format_parameters,
    is_token,
    parse_host_port,
    parse_number,
    parse_parameters,
    split_commas,
    with_parameter,
)

_BLANK = " \t"


@dataclass(frozen=True, slots=True)
class Via:
    """`SIP/2.0/UDP host:port;branch=z9hG4bK...`."""

    transport: str
    """"UDP", "TCP", "TLS", "WSS", ... as written."""
    host: str
    """Where the sender says it is; an IPv6 address without its brackets."""
    port: int | None = None
    """None when not written."""
    parameters: Parameters = ()
    """branch, rport, received, maddr, ttl and others, in order."""

    @classmethod
    def parse(cls, text: str) -> "Via":
        """One hop. Raises BadMessage."""
        hop, _, tail = text.partition(";")
        transport, place = _split_hop(hop)
        host, port = parse_host_port(place)
        return cls(transport, host, port, parse_parameters(tail) if tail else ())

    @classmethod
    def parse_list(cls, text: str) -> list["Via"]:
        """All hops of a comma-separated list, topmost first. Raises BadMessage."""
        return [cls.parse(piece) for piece in split_commas(text)]

    def parameter(self, name: str) -> str | None:
        """The value of the parameter of that lower-case name; "" for a flag; None if absent."""
        return find_parameter(self.parameters, name)

    @property
    def branch(self) -> str | None:
        """What names the transaction (RFC 3261 8.1.1.7); None if absent or empty."""
        return self.parameter("branch") or None

    @property
    def received(self) -> str | None:
        """The address from which the message really came, without brackets (RFC 3261 18.2.1)."""
        value = self.parameter("received")
        return value.strip("[]") if value else None

    @property
    def wants_rport(self) -> bool:
        """Whether the sender asks for the response at the port it sent from (RFC 3581)."""
        return self.parameter("rport") is not None

    @property
    def rport(self) -> int | None:
        """The port from which the message really came, once filled in. Raises BadMessage."""
        value = self.parameter("rport")
        return parse_number(value, what="rport", maximum=65535) if value else None

    def with_received(self, host: str, port: int) -> "Via":
        """The same with the source it really came from, so that the response finds its way back.

        `received` is set when the source differs from what the sender says, when `rport` is asked for
        (RFC 3581 4), and in place of one that the sender wrote itself.
        """
        parameters = self.parameters
        if self.wants_rport:
            parameters = with_parameter(parameters, "rport", str(port))
        if self.wants_rport or host != self.host or self.received is not None:
            parameters = with_parameter(parameters, "received", host)
        return replace(self, parameters=parameters)

    @property
    def response_address(self) -> tuple[str, int]:
        """Host and port to which an unreliable transport sends the response (RFC 3261 18.2.2, RFC 3581 4).

        `maddr` is not followed: it would let a stranger choose who gets our responses. Raises BadMessage for
        a malformed rport.
        """
        return self.received or self.host, self.rport or self.sent_by_port

    @property
    def sent_by_port(self) -> int:
        """The port at which the sender says that it listens, or that of its transport (RFC 3261 18.2.2)."""
        return self.port or (5061 if self.transport.upper() in ("TLS", "WSS") else 5060)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {format_host(self.host)}{port}{format_parameters(self.parameters)}"


def _split_hop(hop: str) -> tuple[str, str]:
    """`SIP/2.0/UDP host:port` into transport and place; blanks around the slashes are legal."""
    if hop.startswith("SIP/2.0/"):
        transport, blank, place = hop[8:].partition(" ")
        if blank and is_token(transport):
            return transport, place.strip(_BLANK)
    pieces = hop.split("/", 2)
    if len(pieces) != 3 or pieces[0].strip(_BLANK).upper() != "SIP" or pieces[1].strip(_BLANK) != "2.0":
        raise BadMessage("a Via is not of SIP/2.0")
    words = pieces[2].replace("\t", " ").strip(" ").split(" ", 1)
    if len(words) != 2 or not is_token(words[0]):
        raise BadMessage("a Via has no transport or no host")
    return words[0], words[1].strip(" ")
