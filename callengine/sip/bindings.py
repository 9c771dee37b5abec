"""What a REGISTER changes of the bindings of its address of record (RFC 3261 10.3); nothing waits here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from callengine.errors import BadMessage, ProtocolError
from callengine.sip.address import Address
from callengine.sip.flow import Flow
from callengine.sip.message import Request
from callengine.sip.uri import Uri

_SIP_PORT = 5060
"""Where SIP is spoken when a URI does not say (RFC 3261 19.1.2)."""

_AN_HOUR = 3600
"""A registrar must not call a longer wish too brief (RFC 3261 10.3), and assumes it for a malformed one."""


@dataclass(frozen=True)
class Binding:
    """One phone at which a user is reached."""

    contact: str
    """The phone's own URI, as it gave it."""
    address_of_record: str
    """The URI under which the user is known: user and domain alone."""
    flow: Flow
    """Where requests for this phone are sent; see `way_to`."""
    registered_at: float
    """Seconds since the epoch."""
    expires_at: float
    """Seconds since the epoch."""
    call_id: str
    """Of the REGISTER that made or refreshed it."""
    cseq: int
    """Likewise."""
    q: float | None = None
    """How much the phone is preferred to the user's others, 0 to 1 (RFC 3261 10.2.1.2)."""
    user_agent: str | None = None
    """What the phone calls itself."""
    instance: str | None = None
    """The phone's lasting name, if it has one (`+sip.instance`, RFC 5626)."""
    id: int | None = None
    """The store's own; None until it is stored."""

    def header_value(self, now: float) -> str:
        """How it is listed in a 200: with the seconds that remain."""
        q = "" if self.q is None else f";q={self.q:g}"
        return f"<{self.contact}>;expires={max(0, round(self.expires_at - now))}{q}"


@dataclass(frozen=True)
class BindingChange:
    """What is to be stored, in one transaction, and what there is afterwards."""

    added: tuple[Binding, ...] = ()
    """New ones, without an id."""
    refreshed: tuple[Binding, ...] = ()
    """Known ones with new values, under the id that they had."""
    removed: tuple[Binding, ...] = ()
    """Those that are taken back, and those that have expired."""
    current: tuple[Binding, ...] = ()
    """All that are good afterwards."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.added or self.refreshed or self.removed)


@dataclass(frozen=True)
class RegistrationLimits:
    """What a registrar grants, in seconds."""

    min_expires: int = 60
    default_expires: int = 3600
    max_expires: int = 7200
    max_connected_expires: int = 60
    """For a phone on a connection: after a restart of ours it can be rung only once it registers again."""
    max_contacts: int = 10


class RegistrationRefused(ProtocolError):
    """A REGISTER that must change nothing; `headers` go with the answer."""

    def __init__(self, reason: str, *, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.sip_status = status
        self.headers = headers


def address_of_record(uri: Uri) -> str:
    """The canonical form under which a user's bindings are kept (RFC 3261 10.3, step 5)."""
    user = uri.username
    return f"{uri.scheme}:{user + '@' if user else ''}{uri.host.lower()}"


def change_bindings(
    existing: Sequence[Binding], request: Request, *, source: Flow, now: float, limits: RegistrationLimits
) -> BindingChange:
    """What a REGISTER that came from `source` at `now` (seconds since the epoch) does: all of it, or nothing.

    Raises RegistrationRefused (423 with Min-Expires, 500 for one that comes too late, 403 for too many
    contacts) and BadMessage.
    """
    expired = tuple(binding for binding in existing if binding.expires_at <= now)
    good = [binding for binding in existing if binding.expires_at > now]
    if request.contact_is_star:
        return _remove_all(good, expired, request)
    work = _Work(request, source, now, limits, good)
    for contact in request.contacts:
        work.take(contact)
    change = work.change(expired)
    if change.added and len(change.current) > limits.max_contacts:
        raise RegistrationRefused("too many contacts", status=403)
    return change


def _remove_all(good: list[Binding], expired: tuple[Binding, ...], request: Request) -> BindingChange:
    """`Contact: *`, which needs `Expires: 0` (RFC 3261 10.3, step 6)."""
    if request.expires != 0:
        raise BadMessage("Contact: * without Expires: 0")
    for binding in good:
        _check_order(binding, request)
    return BindingChange(removed=(*expired, *good))


def _check_order(binding: Binding, request: Request) -> None:
    """A request that was overtaken by a later one of the same Call-ID changes nothing (step 7)."""
    if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
        raise RegistrationRefused("a later REGISTER was here first", status=500)


@dataclass
class _Slot:
    """One contact: its binding as it was stored, and as it is to be."""

    before: Binding | None
    after: Binding | None


class _Work:
    """One REGISTER, contact by contact."""

    def __init__(
        self, request: Request, source: Flow, now: float, limits: RegistrationLimits, good: list[Binding]
    ) -> None:
        self._slots = [_Slot(binding, binding) for binding in good]
        self._request = request
        self._source = source
        self._now = now
        self._limits = limits

    def take(self, contact: Address) -> None:
        """Add, refresh or remove the binding of one contact; of two that are equivalent the last counts."""
        if contact.uri.scheme not in ("sip", "sips"):
            raise BadMessage("a Contact is no SIP URI")
        expires = self._granted(contact)
        slot = self._slot(contact.uri)
        if slot.before is not None:
            _check_order(slot.before, self._request)
        number = None if slot.before is None else slot.before.id
        slot.after = replace(self._binding(contact, expires), id=number) if expires else None

    def change(self, expired: tuple[Binding, ...]) -> BindingChange:
        """All of it."""
        slots = self._slots
        changed = [slot for slot in slots if slot.after is not slot.before]
        return BindingChange(
            added=tuple(slot.after for slot in changed if slot.after and not slot.before),
            refreshed=tuple(slot.after for slot in changed if slot.after and slot.before),
            removed=(*expired, *(slot.before for slot in changed if slot.before and not slot.after)),
            current=tuple(slot.after for slot in slots if slot.after),
        )

    def _slot(self, uri: Uri) -> _Slot:
        """The one of an equivalent URI (RFC 3261 19.1.4), or a new one."""
        text = str(uri)
        for slot in self._slots:
            binding = slot.after or slot.before
            if binding and (binding.contact == text or Uri.parse(binding.contact).equivalent(uri)):
                return slot
        self._slots.append(_Slot(None, None))
        return self._slots[-1]

    def _granted(self, contact: Address) -> int:
        """The contact's own wish, or that of the Expires header, or the default; cut to what we grant."""
        wish = _seconds(contact.parameter("expires"))
        if wish is None:
            wish = _seconds(self._request.headers.get("expires"))
        if wish is None:
            wish = self._limits.default_expires
        if 0 < wish < min(self._limits.min_expires, _AN_HOUR):
            header = ("Min-Expires", str(self._limits.min_expires))
            raise RegistrationRefused("the interval is too brief", status=423, headers=(header,))
        most = self._limits.max_expires
        return min(wish, self._limits.max_connected_expires if self._source.is_reliable else most)

    def _binding(self, contact: Address, expires: int) -> Binding:
        return Binding(
            contact=str(contact.uri),
            address_of_record=address_of_record(self._request.to.uri),
            flow=way_to(contact.uri, via_host=self._request.via.host, source=self._source),
            registered_at=self._now,
            expires_at=self._now + expires,
            call_id=self._request.call_id,
            cseq=self._request.cseq.number,
            q=_preference(contact.parameter("q")),
            user_agent=self._request.headers.get("user-agent"),
            instance=contact.parameter("+sip.instance") or None,
        )


def way_to(contact: Uri, *, via_host: str, source: Flow) -> Flow:
    """Where to send what is for a phone that registered `contact` from `source`.

    Over a connection: back over the connection. Else to its Contact, as RFC 3261 wants. But a phone behind a
    NAT names the address that it believes to have, in Contact and Via alike: then back to where its REGISTER
    came from (RFC 3581 is the same idea), and so too for a name, which says nothing of the way back.
    """
    try:
        ip_address(contact.host)
    except ValueError:
        return source
    if source.is_reliable or (contact.host != source.host and contact.host == via_host):
        return source
    return Flow(source.transport, contact.host, contact.port or _SIP_PORT)


def _seconds(text: str | None) -> int | None:
    """Seconds as written, an hour for what is malformed (RFC 3261 10.2.1.1), None for nothing."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        return _AN_HOUR
    return int(text[:10])


def _preference(text: str | None) -> float | None:
    """A qvalue (RFC 3261 25.1); None for nothing and for what is malformed."""
    if not text or len(text) > 5 or text.strip("0123456789."):
        return None
    try:
        return min(1.0, float(text))
    except ValueError:
        return None
