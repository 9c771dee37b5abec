"""A call that comes to us: ring, answer, reject, and what became of it.

Example, in a worker of `Endpoint.on("INVITE", ...)`:

    session = IncomingSession(transaction, endpoint, contact=endpoint.contact("support"))
    store(session.facts)  # everything that an answer needs, before we send one
    session.ring()
    session.answer(sdp)
    session.wait(session.confirmed)  # the ACK; raises HungUp if the caller gave up
    ...
    session.hang_up()
"""

from __future__ import annotations

from collections.abc import Iterable

from callengine import greenlets
from callengine.errors import SessionError
from callengine.sip.dialog import Dialog
from callengine.sip.endpoint import Endpoint
from callengine.sip.leg_facts import LegFacts
from callengine.sip.next_hop import way_back
from callengine.sip.progress import Progress
from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.session import HeaderLines, Session


class IncomingSession(Session):
    """One INVITE that we were sent, and the dialog that it makes.

    A CANCEL is answered, and ends the session, as does a BYE before our answer (RFC 3261 15). A provisional
    answer is repeated every minute. A 2xx is repeated until it is ACKed; if that does not happen within 64*T1
    the session ends with "no_ack".
    """

    def __init__(
        self,
        transaction: ServerTransaction,
        endpoint: Endpoint,
        *,
        contact: str,
        local_tag: str | None = None,
    ) -> None:
        """Raises BadMessage for an INVITE without a usable Contact: answer 400."""
        super().__init__(endpoint, transaction.source, contact=contact)
        if local_tag is not None:
            transaction.to_tag = local_tag
        self.invite = transaction.request
        """Their INVITE."""
        self.dialog = Dialog.as_uas(self.invite, transaction.to_tag)
        self.flow = way_back(self.invite, transaction.source, self.dialog)
        self.remote_body = self.invite.body
        self.refuse_with = 480
        """The status with which `hang_up` refuses a call that is not answered."""
        self._transaction = transaction
        self._progress: Progress | None = None
        transaction.on_cancelled = self._take_cancel
        if transaction.is_cancelled:
            self._take_cancel()

    @property
    def facts(self) -> LegFacts:
        """What is worth storing, at any moment."""
        return LegFacts(
            dialog=self._established().facts(),
            flow=self.flow,
            request_uri=self.invite.uri,
            branch=self.invite.via.branch or "",
            via_set=tuple(self.invite.headers.get_all("via")),
            invite_cseq=self.invite.cseq.number,
            last_status=self._transaction.last_status,
        )

    @property
    def is_answered(self) -> bool:
        """Whether we have given a final answer, of whatever kind."""
        return self._transaction.is_answered

    @property
    def told(self) -> int:
        """The status that the caller has heard last; 0 before any."""
        return self._transaction.last_status or 0

    def ring(self, body: bytes = b"") -> None:
        """180 Ringing, or 183 Session Progress with the SDP of early media, and again every minute.

        Raises HungUp.
        """
        self._check_not_answered()
        self.begin()
        self.local_body = body or self.local_body
        self._transaction.answer(183 if body else 180, headers=self._describe(body), body=body)
        self._keep_ringing()

    def ring_again(self) -> None:
        """Repeat what was given last, maybe by an earlier process, and again every minute. Raises HungUp."""
        self._check_not_answered()
        self._transaction.repeat_progress()
        self._keep_ringing()

    def _keep_ringing(self) -> None:
        self._stop_ringing()
        self._progress = self.endpoint.repeat_progress(self._transaction)

    def _stop_ringing(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def answer(self, body: bytes, *, headers: HeaderLines = ()) -> None:
        """200 with our SDP; `confirmed` is set when its ACK comes. Raises HungUp if the caller gave up."""
        self._check_not_answered()
        self.begin()
        self._stop_ringing()
        self._accept(self._transaction, body, headers)

    def reject(
        self, status: int, reason: str | None = None, *, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Refuse the call with a status of 300 to 699; nothing happens if it has ended already.

        Raises SessionError if it was answered: then it is to be hung up.
        """
        if self.ended.is_set():
            return
        self._check_not_answered()
        self._transaction.answer(status, reason, headers=headers)
        self._end("local", "rejected")

    def _check_not_answered(self) -> None:
        self._check_not_ended()
        if self.is_answered:
            raise SessionError("the call is answered already")

    def _release(self) -> None:
        self._stop_ringing()
        self._transaction.on_cancelled = None
        if self.ended_by == "remote" and not self.is_answered:  # by a BYE (RFC 3261 15.1.2)
            self._transaction.answer(487)
        super()._release()

    def _take_cancel(self) -> None:
        self._end("remote", "cancelled")

    def _leave(self, reason: str | None, timeout: float, attempts: int) -> None:
        """Before the answer: refuse. Before the ACK no BYE may be sent (RFC 3261 15), so wait for that."""
        if not self.is_answered:
            self.reject(self.refuse_with, headers=[("Reason", reason)] if reason else [])
            return
        if not self.confirmed.is_set():
            greenlets.wait_for_any(self.confirmed, self.ended)
        if not self.ended.is_set():
            super()._leave(reason, timeout, attempts)
