"""One call of a phone, told from ringing to its end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import gevent
from gevent.event import Event

from callengine import greenlets
from callengine.clock import Clock
from callengine.errors import CallCenterError, HungUp
from callengine.sip.account import Account
from callengine.sip.client_transaction import Unreachable
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.session import Session
from callengine.softphone.conversation import Conversation
from callengine.softphone.events import EventPrinter, Field, PhoneEvent
from callengine.softphone.options import PhoneOptions

PATIENCE_SECONDS = 32.0
"""How long a BYE is repeated that nobody answers: 64*T1 (RFC 3261 17.1.2.2)."""
GOODBYE_SECONDS = 2.0
"""Likewise when the phone is switched off, which must not take for ever."""
GOODBYE_ATTEMPTS = 2
LONGEST_GOODBYE_SECONDS = 5.0
"""Then also for an INVITE that nobody has answered yet, or an answer that nobody has acknowledged."""
FOREVER = math.inf
_UNAVAILABLE = 480

Deed = Callable[[], None]


@dataclass(frozen=True)
class Surroundings:
    """What every call of one phone shares."""

    options: PhoneOptions
    endpoint: Endpoint
    printer: EventPrinter
    clock: Clock
    host: str
    """Our address, for SIP and RTP alike."""
    stopping: Event
    """Set when the phone is to end."""


class Call:
    """One call; `take` and `place` return when it is over."""

    def __init__(self, around: Surroundings, *, number: int) -> None:
        """`number` counts the phone's calls from 1. Raises MediaError when there is no port for the audio."""
        self._around = around
        self._call_id = ""
        self._status: int | None = None
        self._connected_at: float | None = None
        self._session: Session | None = None
        self._conversation = Conversation(
            around.options,
            number=number,
            host=around.host,
            clock=around.clock,
            on_digit=lambda digit: self._tell(PhoneEvent.DTMF, digit=digit),
            on_held=lambda: self._tell(PhoneEvent.CALL_HELD, by="remote"),
        )

    @property
    def is_over(self) -> bool:
        """Whether it has ended for the far end; what is left to do then is ours alone."""
        return self._session is not None and self._session.ended.is_set()

    def take(self, session: IncomingSession) -> None:
        """A call that comes: ring, answer or refuse, talk."""
        invite = session.invite
        self._call_id = invite.call_id
        self._tell(PhoneEvent.INCOMING_CALL, from_=str(invite.from_.uri), to=str(invite.to.uri))
        self._until_over(session, lambda: self._ring(session))

    def place(self, target: str, flow: Flow) -> bool:
        """A call of ours to the URI `target` by way of `flow`; whether somebody answered."""
        around, options = self._around, self._around.options
        session = OutgoingSession(
            around.endpoint,
            target_uri=target,
            flow=flow,
            from_=f"<{options.address_of_record}>",
            to=f"<{target}>",
            contact=around.endpoint.contact(options.name),
            body=self._conversation.offer(),
            credentials=Account(options.name, options.password) if options.password else None,
        )
        self._call_id = session.call_id
        self._until_over(session, lambda: self._dial(session))
        return self._connected_at is not None

    def _until_over(self, session: Session, connect: Callable[[], bool]) -> None:
        """Connect and talk; whatever happens, nothing is left of the call."""
        self._session = session
        try:
            if connect():
                self._talk(session)
        except HungUp:
            pass
        except CallCenterError as error:
            self._tell(PhoneEvent.ERROR, message=str(error))
        finally:
            self._hang_up(session)
            self._finish(session)

    def _hang_up(self, session: Session) -> None:
        """Hang up, refuse or cancel, whatever ends it; when the phone ends it is left alone after a while."""
        stopping = self._around.stopping
        if stopping.is_set():
            farewell = partial(session.hang_up, timeout=GOODBYE_SECONDS, attempts=GOODBYE_ATTEMPTS)
            gevent.with_timeout(LONGEST_GOODBYE_SECONDS, farewell, timeout_value=False)
            return
        greenlets.spawn("goodbye", partial(session.hang_up, timeout=PATIENCE_SECONDS, attempts=1))
        if greenlets.wait_for_any(session.ended, stopping) and not session.ended.is_set():
            greenlets.wait_for_any(session.ended, timeout=LONGEST_GOODBYE_SECONDS)

    def _ring(self, session: IncomingSession) -> bool:
        """Ring as long as wanted, then answer or refuse; whether we talk now."""
        options = self._around.options
        session.ring()
        is_stopped = session.wait(self._around.stopping, timeout=options.answer_after)
        if is_stopped or options.reject is not None:
            self._refuse(session, _UNAVAILABLE if is_stopped else options.reject or _UNAVAILABLE)
            return False
        try:
            body = self._conversation.answer(session.invite.body)
        except CallCenterError as error:
            self._refuse(session, error.sip_status)
            return False
        session.on_offer = self._conversation.answer_again
        session.answer(body)
        return True

    def _refuse(self, session: IncomingSession, status: int) -> None:
        self._status = status
        session.reject(status)

    def _dial(self, session: OutgoingSession) -> bool:
        """Call and wait for an answer; whether we talk now."""
        session.send()
        greenlets.wait_for_any(session.final, self._around.stopping)
        if not session.answered.is_set():
            self._status = session.refused[0] if session.refused else None
            return False
        session.acknowledge()
        self._conversation.take_answer(session.remote_body)
        session.on_offer = self._conversation.answer_again
        return True

    def _talk(self, session: Session) -> None:
        """Do what is due in the call, each at its second, until one side has had enough."""
        self._connected_at = self._around.clock.monotonic()
        agreement = self._conversation.agreement
        assert agreement is not None
        self._tell(
            PhoneEvent.CALL_CONNECTED,
            remote_media=f"{agreement.host}:{agreement.port}",
            local_media=f"{self._around.host}:{self._conversation.audio.port}",
            codec=agreement.codec,
        )
        for at, deed in self._agenda(session):
            if self._is_over_before(at, session):
                return
            deed()

    def _is_over_before(self, at: float, session: Session) -> bool:
        """Wait for that second of the call; True if the phone is to end before. Raises HungUp."""
        connected_at = self._connected_at or 0.0
        left = max(0.0, connected_at + at - self._around.clock.monotonic())
        return session.wait(self._around.stopping, timeout=None if at == FOREVER else left)

    def _agenda(self, session: Session) -> list[tuple[float, Deed]]:
        """What is due at which second of the call; the last is its end."""
        options = self._around.options
        end = FOREVER if options.hang_up_after is None else options.hang_up_after
        due: list[tuple[float, Deed]] = [
            (presses.at, partial(self._conversation.audio.press, presses.digits)) for presses in options.dtmf
        ]
        if options.hold_after is not None:
            due.append((options.hold_after, partial(self._hold, session)))
        in_time = sorted((item for item in due if item[0] < end), key=lambda item: item[0])
        return [*in_time, (end, lambda: None)]

    def _hold(self, session: Session) -> None:
        """Put the far end on hold (RFC 3264 8.4); unless it agrees the call goes on as it was."""
        session.wait(session.confirmed)
        try:
            response = session.reinvite(self._conversation.offer(direction="sendonly"))
        except Unreachable as error:
            self._tell(PhoneEvent.ERROR, message=f"hold: {error}")
            return
        if response.status < 300:
            self._conversation.take_answer(response.body)
            self._tell(PhoneEvent.CALL_HELD, by="local")
        else:
            self._tell(PhoneEvent.ERROR, message=f"hold: {response.status} {response.reason}")

    def _finish(self, session: Session) -> None:
        try:
            heard = self._conversation.close()
        except OSError as error:
            heard = {}
            self._tell(PhoneEvent.ERROR, message=f"recording: {error}")
        talked = self._connected_at
        self._tell(
            PhoneEvent.CALL_TERMINATED,
            hung_up_by=session.ended_by,
            cause=session.end_cause,
            status=self._status,
            seconds=None if talked is None else round(self._around.clock.monotonic() - talked, 3),
            retransmissions=self._around.endpoint.counts.retransmissions_sent,
            **heard,
        )

    def _tell(self, event: PhoneEvent, **fields: Field) -> None:
        self._around.printer.tell(event, call_id=self._call_id, **fields)
