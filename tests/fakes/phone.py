"""A phone for tests: registers, and does with calls what its script says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from callengine.sdp.negotiation import make_answer, make_offer
from callengine.sdp.session import SessionDescription
from callengine.sip.account import Account
from callengine.sip.endpoint import Endpoint
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.registration import Registration
from callengine.sip.server_transaction import ServerTransaction

Script = Callable[[IncomingSession], None]
CODECS = ("PCMU", "PCMA")
CALLER = '"Ann Caller" <sip:5551@example.com>'


def answer(session: IncomingSession) -> None:
    """The script of a phone that answers at once."""
    session.ring()
    answer_now(session)


def answer_now(session: IncomingSession) -> None:
    """Take the call with a session description that nobody listens behind."""
    offer = SessionDescription.parse(session.invite.body)
    description, _ = make_answer(offer, host="127.0.0.1", port=40000, codecs=CODECS, session_id=1, version=1)
    session.answer(description.serialise())


def answer_late(session: IncomingSession) -> None:
    """The script of a phone that is picked up after a tenth of a second."""
    session.ring()
    gevent.sleep(0.1)
    answer_now(session)


def just_ring(session: IncomingSession) -> None:
    """The script of a phone that nobody picks up."""
    session.ring()


def reject_with(status: int) -> Script:
    """The script of a phone that refuses."""
    return lambda session: session.reject(status)


class Phone:
    """One phone on a port of its own. `calls` are the sessions that came in, in order."""

    def __init__(self, server: tuple[str, int], *, name: str = "caller", script: Script = answer) -> None:
        self.endpoint = Endpoint(host="127.0.0.1", port=0, user_agent="test phone")
        self.endpoint.on("INVITE", self._take_call)
        self.endpoint.start()
        self.script = script
        self.calls: list[IncomingSession] = []
        self.rang = Event()
        self._name = name
        self._server = server
        self._flow = self.endpoint.resolve(f"sip:{server[0]}:{server[1]}")
        self._registration: Registration | None = None

    def register(self, password: str = "secret", *, expires: int = 3600, domain: str | None = None) -> None:
        """Become reachable as the agent of this phone's name; `domain` is what the phone calls the server."""
        host, port = domain or self._server[0], self._server[1]
        self._registration = Registration(
            self.endpoint,
            address_of_record=f"sip:{self._name}@{host}",
            registrar_uri=f"sip:{host}:{port}",
            flow=self._flow,
            account=Account(self._name, password),
            contact=self.endpoint.contact(self._name),
            expires=expires,
        )
        self._registration.register()

    def refresh(self) -> bool:
        """Register the same contact once more; True if it is still registered."""
        assert self._registration is not None
        self._registration.register()
        return self._registration.registered.is_set()

    def unregister(self) -> None:
        """Be no longer reachable."""
        if self._registration is not None:
            self._registration.unregister()
            self._registration = None

    def call(
        self,
        number: str,
        *,
        body: bytes | None = None,
        from_: str = CALLER,
        credentials: Account | None = None,
    ) -> OutgoingSession:
        """Call a number and wait until it is clear what becomes of it; a call that is answered is ACKed."""
        session = self.dial(number, body=body, from_=from_, credentials=credentials)
        session.final.wait(10)
        session.acknowledge()
        return session

    def call_as_agent(self, number: str, password: str = "secret") -> OutgoingSession:
        """`call` in the name of this phone's agent, with its credentials."""
        return self.call(number, **self._as_agent(password))

    def dial_as_agent(self, number: str) -> OutgoingSession:
        """`dial` in the name of this phone's agent, with its credentials."""
        return self.dial(number, **self._as_agent("secret"))

    def _as_agent(self, password: str) -> dict[str, Any]:
        return {
            "from_": f"<sip:{self._name}@{self._server[0]}>",
            "credentials": Account(self._name, password),
        }

    def dial(
        self,
        number: str,
        *,
        body: bytes | None = None,
        from_: str = CALLER,
        credentials: Account | None = None,
    ) -> OutgoingSession:
        """Call a number, and wait for nothing; with `credentials` a challenge is answered."""
        offer = make_offer(host="127.0.0.1", port=40002, codecs=CODECS, session_id=1, version=1)
        host, port = self._server
        session = OutgoingSession(
            self.endpoint,
            target_uri=f"sip:{number}@{host}:{port}",
            flow=self._flow,
            from_=from_,
            to=f"<sip:{number}@{host}>",
            contact=self.endpoint.contact("caller"),
            body=offer.serialise() if body is None else body,
            credentials=credentials,
        )
        session.prepare()
        session.send()
        return session

    def wait_for_call(self, count: int = 1) -> IncomingSession:
        """The `count`-th call that came in, once it is there."""
        with gevent.Timeout(10, AssertionError(f"{self._name} has had {len(self.calls)} calls, not {count}")):
            while len(self.calls) < count:
                gevent.sleep(0.005)
        return self.calls[count - 1]

    def vanish(self) -> None:
        """Be gone without a word: nothing is answered any more."""
        if self._registration is not None:
            self._registration.stop()
            self._registration = None
        self.endpoint.stop()

    def close(self) -> None:
        """Go home: what goes on is over, and nobody is told."""
        if self._registration is not None:
            self._registration.stop()
        self.endpoint.stop()

    def _take_call(self, transaction: ServerTransaction) -> None:
        session = IncomingSession(transaction, self.endpoint, contact=self.endpoint.contact(self._name))
        self.calls.append(session)
        self.script(session)
