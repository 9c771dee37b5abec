"""What two ends of a call know of each other, and the requests that follow from it (RFC 3261 12)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from callengine.errors import BadMessage
from callengine.sip.address import Address
from callengine.sip.headers import Headers
from callengine.sip.message import Request, Response
from callengine.sip.uri import Uri

CSEQ_BLOCK = 100
"""How far our CSeq jumps where we do not know which numbers we have used."""

_NOT_IN_REQUEST_URI = ("method",)


@dataclass(frozen=True)
class DialogFacts:
    """All that a dialog is made of: enough to store it, and to take it up again."""

    call_id: str
    """The Call-ID of all its requests."""
    local_tag: str
    """Our tag."""
    remote_tag: str
    """Their tag; "" while nobody has answered, and for an end of RFC 2543."""
    local_uri: str
    """Our From or To, as it stands in the header, without the tag."""
    remote_uri: str
    """Theirs, likewise."""
    route_set: tuple[str, ...]
    """The Route of our requests, topmost first."""
    remote_target: str
    """The URI of their Contact."""
    local_cseq: int
    """The number of our latest request."""
    remote_cseq: int | None
    """The number of their latest request; None before their first."""
    is_uac: bool
    """Whether the INVITE was ours."""


class Dialog:
    """The state of one dialog: the CSeq numbers and the remote target change, the rest stays."""

    def __init__(self, facts: DialogFacts) -> None:
        self._facts = facts
        self.local_cseq = facts.local_cseq
        self.remote_cseq = facts.remote_cseq
        self.remote_target = facts.remote_target

    @classmethod
    def from_facts(cls, facts: DialogFacts) -> Dialog:
        """Take a dialog up from what was stored."""
        return cls(facts)

    @classmethod
    def as_uas(cls, invite: Request, to_tag: str) -> Dialog:
        """The dialog of an INVITE that we answer with `to_tag` (RFC 3261 12.1.1).

        Raises BadMessage when it has no Contact or more than one, or one that is no SIP URI, or a malformed
        Record-Route.
        """
        return cls(
            DialogFacts(
                call_id=invite.call_id,
                local_tag=to_tag,
                remote_tag=invite.from_.tag or "",
                local_uri=without_tag(invite.to),
                remote_uri=without_tag(invite.from_),
                route_set=tuple(str(route) for route in invite.record_routes),
                remote_target=contact_uri(invite),
                local_cseq=0,
                remote_cseq=invite.cseq.number,
                is_uac=False,
            )
        )

    @classmethod
    def as_uac(cls, invite: Request, response: Response) -> Dialog:
        """The dialog of our INVITE and one of its responses (RFC 3261 12.1.2).

        Never raises: a call that was answered must at least be hung up. Without a usable Contact the
        Request-URI stays the target, and a malformed Record-Route counts as none.
        """
        return cls(
            DialogFacts(
                call_id=invite.call_id,
                local_tag=invite.from_.tag or "",
                remote_tag=response.to.tag or "",
                local_uri=without_tag(invite.from_),
                remote_uri=without_tag(invite.to),
                route_set=_routes_back(response),
                remote_target=_contact_or(response, invite.uri),
                local_cseq=invite.cseq.number,
                remote_cseq=None,
                is_uac=True,
            )
        )

    @property
    def call_id(self) -> str:
        """The Call-ID of all its requests."""
        return self._facts.call_id

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return self._facts.local_tag

    @property
    def remote_tag(self) -> str:
        """Their tag."""
        return self._facts.remote_tag

    def facts(self) -> DialogFacts:
        """The dialog as it stands at this moment."""
        return replace(
            self._facts,
            local_cseq=self.local_cseq,
            remote_cseq=self.remote_cseq,
            remote_target=self.remote_target,
        )

    @property
    def next_hop(self) -> Uri:
        """Where our requests go first: the topmost route, or the target itself (RFC 3261 12.2.1.1)."""
        routes = self._facts.route_set
        return Address.parse(routes[0]).uri if routes else Uri.parse(self.remote_target)

    def accepts(self, request: Request) -> bool:
        """Take note of the number of a request that came; False when it comes too late (RFC 3261 12.2.2).

        A BYE is obeyed whatever its number: there is nothing left that it could come too late for.
        """
        number = request.cseq.number
        if self.remote_cseq is not None and number < self.remote_cseq:
            return request.method == "BYE"
        self.remote_cseq = number
        return True

    def raise_cseq(self, block: int = CSEQ_BLOCK) -> None:
        """Skip numbers which the other end may have seen already."""
        self.local_cseq += block

    def next_request(self, method: str) -> Request:
        """A request with our next number, all but its Via (RFC 3261 12.2.1.1)."""
        self.local_cseq += 1
        return self._request(method, self.local_cseq)

    def ack_for(self, invite_cseq: int) -> Request:
        """The ACK of a 2xx, with the number of its INVITE, all but its Via (RFC 3261 13.2.2.4)."""
        return self._request("ACK", invite_cseq)

    def _request(self, method: str, cseq: int) -> Request:
        facts = self._facts
        uri, routes = self._aim()
        lines = [("Max-Forwards", "70")]
        lines += [("Route", route) for route in routes]
        lines += [
            ("From", tagged(facts.local_uri, facts.local_tag)),
            ("To", tagged(facts.remote_uri, facts.remote_tag)),
            ("Call-ID", facts.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        return Request(method, uri, Headers(lines))

    def _aim(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route: loose routing, or strict for a first route without `lr`."""
        routes = self._facts.route_set
        if not routes:
            return self.remote_target, ()
        first = Address.parse(routes[0]).uri
        if first.parameter("lr") is not None:
            return self.remote_target, routes
        return _as_request_uri(first), (*routes[1:], f"<{self.remote_target}>")


def without_tag(address: Address) -> str:
    """The address as a header value, its tag left out."""
    kept = tuple(item for item in address.parameters if item[0].lower() != "tag")
    return str(replace(address, parameters=kept))


def contact_uri(message: Request | Response) -> str:
    """The URI of the one Contact that makes or refreshes a dialog (RFC 3261 8.1.1.8). Raises BadMessage."""
    contacts = message.contacts
    if len(contacts) != 1:
        raise BadMessage("an INVITE needs one Contact")
    uri = contacts[0].uri
    if uri.scheme not in ("sip", "sips"):
        raise BadMessage("a Contact is no SIP URI")
    return str(uri)


def _routes_back(response: Response) -> tuple[str, ...]:
    try:
        return tuple(str(route) for route in reversed(response.record_routes))
    except BadMessage:
        return ()


def _contact_or(response: Response, default: str) -> str:
    try:
        return contact_uri(response)
    except BadMessage:
        return default


def tagged(value: str, tag: str) -> str:
    """The header value with that tag, unless it is empty."""
    return f"{value};tag={tag}" if tag else value


def _as_request_uri(uri: Uri) -> str:
    """A route as Request-URI: what is not allowed there is left out (RFC 3261 19.1.1)."""
    kept = tuple(item for item in uri.parameters if item[0].lower() not in _NOT_IN_REQUEST_URI)
    return str(replace(uri, parameters=kept, headers=None))
