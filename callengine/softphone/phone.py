"""A phone: registers, takes one call after another or places one, and ends well when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event

from callengine import greenlets
from callengine.clock import Clock, SystemClock
from callengine.errors import CallCenterError
from callengine.sip.account import Account
from callengine.sip.endpoint import Endpoint
from callengine.sip.grammar import format_host
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.registration import Registration
from callengine.sip.server_transaction import ServerTransaction
from callengine.softphone.call import GOODBYE_SECONDS, Call, Surroundings
from callengine.softphone.events import EventPrinter, PhoneEvent
from callengine.softphone.options import PhoneOptions

BUSY_HERE = 486
GOOD, FAILED = 0, 1
"""Exit codes."""


class Phone:
    """One phone with one line; `run` returns its exit code when its work is done or `stop` was called."""

    def __init__(self, options: PhoneOptions, *, printer: EventPrinter, clock: Clock | None = None) -> None:
        self._options = options
        self._printer = printer
        self._clock = clock or SystemClock()
        self._stopping = Event()
        self._calls = 0
        self._call: Call | None = None
        self._unfinished = 0
        self._idle = Event()
        self._idle.set()

    def stop(self) -> None:
        """Hang up, un-register, and have `run` return; may be called from a signal."""
        self._stopping.set()

    def run(self) -> int:
        """Be a phone until it is to end: 0, or 1 when it could not register, or nobody took its call."""
        try:
            return self._run()
        except (CallCenterError, OSError) as error:
            self._printer.tell(PhoneEvent.ERROR, message=str(error))
            return FAILED

    def _run(self) -> int:
        host = own_address(self._options.server)
        endpoint = Endpoint(
            host=host,
            port=self._options.port,
            user_agent="callengine softphone",
            clock=self._clock,
            transports=(self._options.transport,),
        )
        around = Surroundings(self._options, endpoint, self._printer, self._clock, host, self._stopping)
        endpoint.on("INVITE", lambda transaction: self._take(around, transaction))
        endpoint.start()
        try:
            return self._serve(around)
        finally:
            self._stopping.set()
            self._idle.wait()
            endpoint.stop()

    def _serve(self, around: Surroundings) -> int:
        """Sign on if there is a password, do what is to be done, and sign off."""
        registration = self._registration(around)
        if registration is not None and not self._sign_on(registration):
            return GOOD if self._stopping.is_set() else FAILED
        try:
            if self._options.call is not None:
                is_answered = self._place(around, self._options.call)
                return GOOD if is_answered or self._stopping.is_set() else FAILED
            self._stopping.wait()
            return GOOD
        finally:
            self._stopping.set()
            self._idle.wait()
            if registration is not None:
                self._sign_off(registration)

    def _sign_on(self, registration: Registration) -> bool:
        """Register; False if that failed or the phone is to end."""
        either: list[Any] = [greenlets.spawn("sign_on", self._register, registration), self._stopping]
        gevent.wait(either, count=1)
        return registration.registered.is_set()

    def _register(self, registration: Registration) -> None:
        try:
            registration.register()
        except CallCenterError as error:
            self._printer.tell(PhoneEvent.ERROR, message=f"registration: {error}")

    def _sign_off(self, registration: Registration) -> None:
        """Un-register; a server that says nothing, or no, does not keep us from ending."""
        try:
            gevent.with_timeout(GOODBYE_SECONDS, registration.unregister, timeout_value=None)
        except CallCenterError as error:
            self._printer.tell(PhoneEvent.ERROR, message=f"registration: {error}")

    def _tell_registration(self, is_registered: bool, why: str) -> None:
        """What becomes of the registration while the phone lives."""
        if is_registered:
            self._printer.tell(PhoneEvent.REGISTERED, address=self._options.address_of_record)
        elif not self._stopping.is_set():
            self._printer.tell(PhoneEvent.ERROR, message=f"registration: {why}")

    def _registration(self, around: Surroundings) -> Registration | None:
        options = self._options
        if options.password is None:
            return None
        server = self._server_uri()
        return Registration(
            around.endpoint,
            address_of_record=options.address_of_record,
            registrar_uri=f"sip:{format_host(options.domain)}",
            flow=around.endpoint.resolve(server),
            account=Account(options.name, options.password),
            contact=around.endpoint.contact(options.name),
            on_change=self._tell_registration,
        )

    def _server_uri(self) -> str:
        host, port = self._options.server
        return f"sip:{format_host(host)}:{port}"

    def _take(self, around: Surroundings, transaction: ServerTransaction) -> None:
        """An INVITE: there is one line only. Raises BadMessage for one that is to be answered 400."""
        is_busy = self._call is not None and not self._call.is_over
        if is_busy or self._stopping.is_set():
            transaction.answer(BUSY_HERE)
            return
        contact = around.endpoint.contact(self._options.name)
        session = IncomingSession(transaction, around.endpoint, contact=contact)
        with self._line(around) as call:
            call.take(session)

    def _place(self, around: Surroundings, target: str) -> bool:
        self._idle.wait()
        with self._line(around) as call:
            return call.place(target, around.endpoint.resolve(self._server_uri()))

    @contextmanager
    def _line(self, around: Surroundings) -> Iterator[Call]:
        """The line, taken by a new call; it is free again as soon as that is over for the far end."""
        self._calls += 1
        call = self._call = Call(around, number=self._calls)
        self._unfinished += 1
        self._idle.clear()
        try:
            yield call
        finally:
            self._unfinished -= 1
            if not self._unfinished:
                self._idle.set()


def own_address(server: tuple[str, int]) -> str:
    """The address of ours from which that server is reached; raises OSError when there is none."""
    family, kind, protocol, _name, address = socket.getaddrinfo(*server, socket.AF_INET, socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
