"""Answers REGISTER: who it is, what changes, and which phones there are now (RFC 3261 10.3).

Example:

    registrar = Registrar(realm="example.com", store=store, credentials=store.ha1_of,
                          nonce_book=NonceBook(secret), domains=("example.com",), clock=clock)
    endpoint.on("REGISTER", registrar.handle)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

from gevent.lock import BoundedSemaphore
from loguru import logger

from callengine.clock import Clock
from callengine.errors import NotAllowed, NotFound
from callengine.sip.auth import NonceBook
from callengine.sip.authenticator import AuthenticationRefused, Authenticator, CredentialsOf
from callengine.sip.bindings import (
    Binding,
    BindingChange,
    RegistrationLimits,
    RegistrationRefused,
    change_bindings,
)
from callengine.sip.flow import Flow
from callengine.sip.message import Request
from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.uri import Uri


class BindingStore(Protocol):
    """Where bindings are kept. Both may wait, and both raise NotFound for an unknown user."""

    def bindings(self, user: str) -> Sequence[Binding]:
        """All of a user's bindings, those included which have expired and are not removed yet."""

    def apply(self, user: str, change: BindingChange) -> None:
        """Store a change, in one transaction."""


class Registrar:
    """One domain's registrar.

    The binding is stored before the 200 leaves. REGISTERs of one user are taken one after the other, so that
    each sees what the one before has stored.
    """

    def __init__(
        self,
        *,
        realm: str,
        store: BindingStore,
        credentials: CredentialsOf | None,
        nonce_book: NonceBook,
        clock: Clock,
        domains: Collection[str] | None = None,
        algorithms: Sequence[str] = ("MD5",),
        min_expires: int = 60,
        default_expires: int = 3600,
        max_expires: int = 7200,
        max_contacts: int = 10,
    ) -> None:
        """`domains` are the hosts that we answer for, None for whatever phones write.

        `credentials` None takes everybody for who they say.
        """
        self._store = store
        self._clock = clock
        self._domains = None if domains is None else frozenset(domain.lower() for domain in domains)
        self._limits = RegistrationLimits(
            min_expires, default_expires, max_expires, max_contacts=max_contacts
        )
        self._turns: WeakValueDictionary[str, BoundedSemaphore] = WeakValueDictionary()
        self._authenticator = credentials and Authenticator(
            realm=realm, credentials=credentials, nonce_book=nonce_book, clock=clock, algorithms=algorithms
        )

    def handle(self, transaction: ServerTransaction) -> None:
        """Answer one REGISTER; for `Endpoint.on`. May raise what the endpoint answers: 400, 403, 404, 503."""
        request = transaction.request
        try:
            current = self._register(request, transaction.source)
        except (AuthenticationRefused, RegistrationRefused) as refusal:
            logger.debug("REGISTER of {} is refused: {}", request.to.uri, refusal)
            transaction.answer(refusal.sip_status, headers=refusal.headers)
            return
        now = self._clock.now()
        transaction.answer(200, headers=[("Contact", binding.header_value(now)) for binding in current])

    def _register(self, request: Request, source: Flow) -> tuple[Binding, ...]:
        self._check_domain(Uri.parse(request.uri))
        user = self._user(request)
        self._check_domain(request.to.uri)
        with self._turn(user):
            existing = self._store.bindings(user)
            change = change_bindings(
                existing, request, source=source, now=self._clock.now(), limits=self._limits
            )
            if not change.is_empty:
                self._store.apply(user, change)
        return change.current

    def _check_domain(self, uri: Uri) -> None:
        if self._domains is not None and uri.host.lower() not in self._domains:
            raise NotFound(f"{uri.host} is none of our domains")

    def _user(self, request: Request) -> str:
        """The user whose bindings are meant; everybody may change their own alone (RFC 3261 10.3, step 4)."""
        meant = request.to.uri.username
        if not meant:
            raise NotFound("a REGISTER names no user")
        if self._authenticator and self._authenticator.username(request) != meant:
            raise NotAllowed(f"a REGISTER for somebody else: {meant}")
        return meant

    def _turn(self, user: str) -> BoundedSemaphore:
        turn = self._turns.get(user)
        if turn is None:
            turn = self._turns[user] = BoundedSemaphore(1)
        return turn
