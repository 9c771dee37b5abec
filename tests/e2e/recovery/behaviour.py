"""What one phone of a chaos run does, in a process of its own: an agent answers and talks, a caller calls
again and again. SIP is the softphone's; the audio is another process's (`audio.py`), which is told where to
send."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event

from callengine.errors import CallCenterError, HungUp
from callengine.sdp.negotiation import Agreement, make_answer, make_offer, read_answer
from callengine.sdp.session import SessionDescription
from callengine.sip.account import Account
from callengine.sip.endpoint import Endpoint
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.registration import Registration
from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.session import Session

HOST = "127.0.0.1"
CODECS = ("PCMU",)
REGISTERED_SECONDS = 60
BUSY_HERE = 486
ANSWER_PATIENCE_SECONDS = 15.0
"""How long a caller waits for its 200; then it tries again."""

FAREWELL_SECONDS = 2.0
"""Within this all callers hang up when the run closes."""


@dataclass(frozen=True)
class Orders:
    """What a phone is told at its birth; times in seconds."""

    number: int
    kind: str
    """"agent" or "caller"."""
    name: str
    password: str
    server_port: int
    sip_port: int
    rtp_port: int
    """Another in each life: what still comes for the call of the life before is not for this one."""
    audio_socket: str
    seed: str
    shortest_talk: float
    longest_talk: float
    patience: float
    """About how long an impatient caller stays; most are patient."""
    start_after: float = 0.0


class Phone:
    """What agents and callers have in common."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._chance = random.Random(orders.seed)
        self._closing = Event()
        self._never = Event()
        self._version = 0
        self._audio = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._audio.connect(orders.audio_socket)
        self.endpoint = Endpoint(host=HOST, port=orders.sip_port, user_agent="chaos")
        self.server = f"sip:{HOST}:{orders.server_port}"

    def run(self) -> None:
        """Be a phone until killed."""
        watching = gevent.signal_handler(signal.SIGUSR1, self._closing.set)
        self.endpoint.start()
        self._tell_audio(alive=True, port=self._orders.rtp_port)
        self.tell("born", pid=os.getpid())
        self.live()
        watching.cancel()

    def live(self) -> None:
        """What this kind of phone does."""
        raise NotImplementedError

    def tell(self, event: str, **fields: Any) -> None:
        """One line for the parent; shorter than what a pipe takes in one piece."""
        line = {"at": time.time(), "phone": self._orders.number, "event": event, **fields}
        os.write(1, json.dumps(line).encode() + b"\n")

    def talk(self, session: Session, agreement: Agreement | None) -> None:
        """Let the audio go to where they agreed; without an agreement there is none any more."""
        if agreement is None:
            self._tell_audio(call=None, to=None)
        else:
            self._tell_audio(call=_call_id(session), to=(agreement.host, agreement.port))

    def answer(self, session: Session, offer: bytes) -> tuple[int, bytes]:
        """Our answer to an offer, agreed from now on."""
        self._version += 1
        try:
            answer, agreement = make_answer(
                SessionDescription.parse(offer),
                host=HOST,
                port=self._orders.rtp_port,
                codecs=CODECS,
                session_id=1000 + self._orders.number,
                version=self._version,
            )
        except CallCenterError as error:
            return error.sip_status, b""
        self.talk(session, agreement)
        return 200, answer.serialise()

    def offer(self) -> SessionDescription:
        """Our own offer."""
        self._version += 1
        return make_offer(
            host=HOST,
            port=self._orders.rtp_port,
            codecs=CODECS,
            session_id=1000 + self._orders.number,
            version=self._version,
        )

    def end(self, session: Session) -> None:
        """Hang up if that is still to do; tell how it ended."""
        if not session.ended.is_set():
            self.tell("hangs_up", call=_call_id(session))
            session.hang_up(timeout=15.0, attempts=4)
        self.talk(session, None)
        self.tell("ended", call=_call_id(session), by=session.ended_by, cause=session.end_cause)

    def _tell_audio(self, **order: Any) -> None:
        self._audio.send(json.dumps({"phone": self._orders.number, **order}).encode())


class AgentPhone(Phone):
    """Registers, takes one call at a time, talks for a while, hangs up."""

    _session: IncomingSession | None = None

    def live(self) -> None:
        """Take calls for ever."""
        self.endpoint.on("INVITE", self._take)
        orders = self._orders
        registration = Registration(
            self.endpoint,
            address_of_record=f"sip:{orders.name}@{HOST}",
            registrar_uri=f"sip:{HOST}",
            flow=self.endpoint.resolve(self.server),
            account=Account(orders.name, orders.password),
            contact=self.endpoint.contact(orders.name),
            expires=REGISTERED_SECONDS,
            on_change=lambda is_registered, why: self.tell("registration", good=is_registered, why=why),
        )
        while not registration.registered.is_set():
            try:
                registration.register()
            except CallCenterError as error:
                self.tell("error", message=f"registration: {error}")
                gevent.sleep(0.5)
        self._never.wait()

    def _take(self, transaction: ServerTransaction) -> None:
        before = self._session
        if before is not None and not before.ended.is_set():
            transaction.answer(BUSY_HERE)
            self.tell("offered_twice", call=transaction.request.call_id, other=_call_id(before))
            return
        contact = self.endpoint.contact(self._orders.name)
        session = self._session = IncomingSession(transaction, self.endpoint, contact=contact)
        self.tell("ringing", call=_call_id(session))
        try:
            session.ring()
            session.wait(self._never, timeout=self._chance.uniform(0.1, 1.0))
            if self._chance.random() < 0.04:
                session.reject(480)
            else:
                self._converse(session)
        except HungUp:
            pass
        finally:
            self.end(session)

    def _converse(self, session: IncomingSession) -> None:
        status, body = self.answer(session, session.invite.body)
        if status >= 300:
            session.reject(status)
            return
        session.on_offer = lambda offer: self.answer(session, offer)
        session.answer(body)
        self.tell("answered", call=_call_id(session))
        talk = self._chance.uniform(self._orders.shortest_talk, self._orders.longest_talk)
        session.wait(self._never, timeout=talk)


class CallerPhone(Phone):
    """Calls, waits and talks until somebody hangs up, and calls again."""

    def live(self) -> None:
        """Call until told to stop; then go on without a call."""
        self._closing.wait(self._orders.start_after)
        while not self._closing.is_set():
            self._call()
            self._closing.wait(self._chance.uniform(0.2, 2.0))
        self.tell("closed")
        self._never.wait()

    def _call(self) -> None:
        offer = self.offer()
        session = OutgoingSession(
            self.endpoint,
            target_uri=f"sip:support@{HOST}:{self._orders.server_port}",
            flow=self.endpoint.resolve(self.server),
            from_=f"<sip:{self._orders.name}@{HOST}>",
            to=f"<sip:support@{HOST}>",
            contact=self.endpoint.contact(self._orders.name),
            body=offer.serialise(),
        )
        self.tell("calling", call=session.call_id)
        session.send()
        try:
            if not session.wait(session.final, timeout=ANSWER_PATIENCE_SECONDS):
                self.tell("gives_up", call=session.call_id)
            elif session.answered.is_set():
                self._hold_on(session, read_answer(offer, SessionDescription.parse(session.remote_body)))
        except HungUp:
            pass
        except CallCenterError as error:
            self.tell("error", message=str(error), call=session.call_id)
        finally:
            self.end(session)

    def _hold_on(self, session: OutgoingSession, agreement: Agreement) -> None:
        session.acknowledge()
        session.on_offer = lambda offer: self.answer(session, offer)
        self.talk(session, agreement)
        self.tell("answered", call=session.call_id)
        is_impatient = self._chance.random() < 0.4
        patience = self._chance.uniform(2.0, 2 * self._orders.patience) if is_impatient else None
        if not session.wait(self._closing, timeout=patience):
            return
        session.wait(self._never, timeout=self._chance.uniform(0.0, FAREWELL_SECONDS))


KINDS: dict[str, Callable[[Orders], Phone]] = {"agent": AgentPhone, "caller": CallerPhone}


def _call_id(session: Session) -> str:
    if isinstance(session, OutgoingSession):
        return session.call_id
    assert isinstance(session, IncomingSession)
    return session.invite.call_id
