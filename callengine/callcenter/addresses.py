"""The one place where From, To, Contact and the SDP address of our legs are made."""

from __future__ import annotations

from dataclasses import dataclass

from callengine.sip.address import Address
from callengine.sip.message import Request
from callengine.sip.next_hop import over
from callengine.sip.uri import Uri

_WITHHELD = frozenset(["anonymous", "unavailable", "unknown"])
"""User parts that phones send in place of a withheld number (RFC 3323 4.1.1.3)."""


@dataclass(frozen=True)
class Addresses:
    """What of this service is seen from outside."""

    domain: str
    service: str
    """The user part under which the call center itself speaks."""
    sip_host: str
    """The host that Contact names, where in-dialog requests reach us."""
    sip_port: int
    media_host: str
    """The address in our session descriptions."""

    def contact(self, transport: str) -> str:
        """The URI in our Contact headers of a dialog over this transport."""
        return over(str(Uri("sip", self.service, None, self.sip_host, self.sip_port)), transport)

    def ourselves(self) -> Address:
        """As whom the call center itself speaks, in From."""
        return Address(None, Uri("sip", self.service, None, self.domain))

    def agent(self, name: str) -> Address:
        """An agent's address of record, for To."""
        return Address(None, Uri("sip", name, None, self.domain))

    def towards_agent(self, number: str | None, display_name: str | None) -> Address:
        """Whom an agent's phone shows: the caller, or the call center if the number is withheld."""
        if number is None:
            return self.ourselves()
        return Address(display_name, Uri("sip", number, None, self.domain))


def caller_of(invite: Request) -> tuple[str | None, str | None]:
    """The caller's number and name from an INVITE's From; (None, None) if they are withheld."""
    uri = invite.from_.uri
    number = (uri.opaque or "").partition(";")[0] if uri.scheme == "tel" else uri.user
    if not number or number.lower() in _WITHHELD or uri.host.lower() == "anonymous.invalid":
        return None, None
    return number, invite.from_.display_name
