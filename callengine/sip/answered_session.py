"""A call to us that an earlier process has answered, or was about to: the 200 can be given once more."""

from __future__ import annotations

from gevent.event import Event

from callengine import greenlets
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.message import Request, response_to
from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.session import Session


class AnsweredSession(Session):
    """A confirmed session whose other end may never have had our 200.

    Nothing is sent by itself. If the INVITE comes again, or its CANCEL, which is answered with 200 and
    changes nothing (RFC 3261 9.2), the other end lacks our answer and gets it, as by `repeat_answer`.
    """

    def __init__(self, endpoint: Endpoint, flow: Flow, *, contact: str) -> None:
        super().__init__(endpoint, flow, contact=contact)
        self.settled = Event()
        """Set when the 200 need not be repeated any more."""
        self.is_heard = False
        """Whether the other end has shown that it has the 200."""
        self._answered: ServerTransaction | None = None
        self._invite_cseq = 0

    def take_up_answer(self, invite: Request, source: Flow) -> None:
        """Know the answer to `invite`, which came from `source`; to be called when the dialog is taken up.

        Of the INVITE all that is wanted which a response repeats (RFC 3261 8.2.6).
        """
        tag = self._established().local_tag
        answer = response_to(
            invite, 200, to_tag=tag, headers=self._describe(self.local_body), body=self.local_body
        )
        self._answered = self.endpoint.take_up_invite(invite, source, answer)
        self._answered.on_asked_again = self.repeat_answer
        self._invite_cseq = invite.cseq.number

    def repeat_answer(self) -> None:
        """Send the 200 now and again until its ACK comes, for 64*T1 at most (RFC 3261 13.3.1.4); never waits.

        Any request within the dialog ends that too: who sends it has the 200. If nothing comes, `settled` is
        set all the same. Nothing happens if it is done already.
        """
        is_over = self.settled.is_set() or self.ended.is_set()
        if self._answered is None or is_over or self._invite_cseq in self._acceptances:
            return
        self._answered.repeat_acceptance()
        self._acceptances[self._invite_cseq] = self.endpoint.repeat_until_ack(
            self._answered, cseq=self._invite_cseq, on_unacknowledged=self.settled.set
        )

    def note_heard(self) -> None:
        """The other end has the 200: by what it says, or by the audio that it sends."""
        self.is_heard = True
        self.settled.set()
        acceptance = self._acceptances.pop(self._invite_cseq, None)
        if acceptance is not None:
            acceptance.stop()

    def _leave(self, reason: str | None, timeout: float, attempts: int) -> None:
        """Before the ACK no BYE may be sent (RFC 3261 15), so if we wait for it, that comes first."""
        if self._invite_cseq in self._acceptances:
            greenlets.wait_for_any(self.settled, self.ended)
        if not self.ended.is_set():
            super()._leave(reason, timeout, attempts)

    def receive_ack(self, ack: Request) -> None:
        """The ACK of a 2xx."""
        super().receive_ack(ack)
        self.note_heard()

    def receive_request(self, transaction: ServerTransaction) -> None:
        """A request that carries our tag."""
        self.note_heard()
        super().receive_request(transaction)
