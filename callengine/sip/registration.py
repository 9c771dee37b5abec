"""Our own registration with somebody's registrar, kept fresh until it is taken back (RFC 3261 10.2).

Example:

    registration = Registration(endpoint, address_of_record="sip:alice@example.com",
                                registrar_uri="sip:example.com", flow=endpoint.resolve("sip:192.0.2.1"),
                                account=Account("alice", "secret"), contact=endpoint.contact("alice"))
    registration.register()    # returns when the registrar has said 200
    ...
    registration.unregister()
"""

from __future__ import annotations

from collections.abc import Callable

import gevent
from gevent.event import Event
from loguru import logger

from callengine import greenlets
from callengine.errors import BadMessage, SessionError
from callengine.sip.account import Account, authorise
from callengine.sip.address import Address
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.identifiers import new_call_id, new_tag
from callengine.sip.message import Request, Response
from callengine.sip.uri import Uri

_RETRY_AFTER = 30.0
"""Seconds until a failed refresh is tried again, at most."""

OnChange = Callable[[bool, str], None]
"""Told whether we are registered, and why not if not."""


class RegistrationFailed(SessionError):
    """The registrar has refused; `status` is its answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


class Registration:
    """One binding of ours.

    `registered` is set while the registrar has it. One greenlet ("registration") refreshes it when nine
    tenths of the granted time are over (half of it when that is under a minute), and tries again when that
    fails.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        address_of_record: str,
        registrar_uri: str,
        flow: Flow,
        account: Account | None,
        contact: str,
        expires: int = 3600,
        on_change: OnChange | None = None,
    ) -> None:
        """`expires` in seconds is what is asked for. `on_change` is called in the greenlet that notices."""
        self.registered = Event()
        self.granted = 0.0
        """Seconds that the registrar has granted at last."""
        self._endpoint = endpoint
        self._address = Address.parse(f"<{address_of_record}>")
        self._registrar_uri = registrar_uri
        self._flow = flow
        self._account = account
        self._contact = contact
        self._expires = expires
        self._on_change = on_change
        self._call_id = new_call_id()
        self._cseq = 0
        self._stopped = Event()
        self._greenlet: gevent.Greenlet[..., object] | None = None

    def register(self) -> None:
        """Register, and keep it fresh from now on. Raises RegistrationFailed or RequestTimedOut."""
        self._register_once(self._expires)
        self._stopped.clear()
        if self._greenlet is None:
            self._greenlet = greenlets.spawn("registration", self._keep_fresh)

    def stop(self) -> None:
        """Keep it fresh no longer; the registrar forgets it when its time is over."""
        self._stopped.set()
        if self._greenlet is not None:
            self._greenlet.join()
            self._greenlet = None

    def unregister(self) -> None:
        """Take the binding back. Raises RegistrationFailed or RequestTimedOut."""
        self.stop()
        if self.registered.is_set():
            self._register_once(0)

    def _keep_fresh(self) -> None:
        wait = self._until_refresh()
        while not self._stopped.wait(wait):
            try:
                self._register_once(self._expires)
                wait = self._until_refresh()
            except (SessionError, BadMessage) as error:
                self._note(False, str(error))
                wait = min(_RETRY_AFTER, self._until_refresh())

    def _until_refresh(self) -> float:
        return max(1.0, self.granted * (0.9 if self.granted >= 60 else 0.5))

    def _register_once(self, expires: int) -> None:
        response = self._ask(expires)
        if response.status == 423:
            self._expires = expires = int(_first_number(response, "min-expires") or 3600)
            response = self._ask(expires)
        if response.status >= 300:
            raise RegistrationFailed(response.status, response.reason)
        self.granted = float(self._granted(response, expires))
        self._note(expires > 0, "registered" if expires else "unregistered")

    def _ask(self, expires: int) -> Response:
        """One REGISTER, and a second one with credentials if the first is challenged, or a third if stale."""
        request = self._request(expires)
        response = self._endpoint.request(request, self._flow)
        for _ in range(2):
            line = self._account and authorise(request, response, self._account)
            if not line:
                break
            is_stale = "stale=true" in " ".join(response.headers.get_all("www-authenticate")).lower()
            if "authorization" in request.headers and not is_stale:
                break
            request = self._request(expires)
            request.headers.add(*line)
            response = self._endpoint.request(request, self._flow)
        return response

    def _request(self, expires: int) -> Request:
        self._cseq += 1
        lines = [
            ("Max-Forwards", "70"),
            ("From", str(self._address.with_tag(new_tag()))),
            ("To", str(self._address)),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", f"<{self._contact}>"),
            ("Expires", str(expires)),
            ("User-Agent", self._endpoint.user_agent),
        ]
        return Request("REGISTER", self._registrar_uri, Headers(lines))

    def _granted(self, response: Response, asked: int) -> int:
        """What the 200 says of our contact, else its Expires header, else what we asked for."""
        ours = Uri.parse(self._contact)
        for contact in response.contacts:
            expires = contact.parameter("expires") or ""
            if contact.uri.equivalent(ours) and expires.isdecimal():
                return int(expires[:9])
        return asked if response.expires is None else response.expires

    def _note(self, is_registered: bool, why: str) -> None:
        has_changed = is_registered != self.registered.is_set()
        if is_registered:
            self.registered.set()
        else:
            self.registered.clear()
        if has_changed:
            logger.debug("{}: {}", self._address.uri, why)
            if self._on_change is not None:
                self._on_change(is_registered, why)


def _first_number(response: Response, name: str) -> str | None:
    value = (response.headers.get(name) or "").strip()
    return value[:9] if value.isdecimal() else None
