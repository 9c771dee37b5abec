"""A confirmed INVITE dialog, waited upon in blocking style: hang up, be hung up on, change the media.

`IncomingSession` and `OutgoingSession` are sessions that begin with an INVITE; `restore` takes one up from
stored facts alone. Example:

    session = restore(endpoint, facts, flow, contact=endpoint.contact("support"))
    try:
        session.wait(goodbye, timeout=60.0)  # True; False after the timeout; or raises HungUp
    finally:
        session.hang_up(timeout=15.0, attempts=3)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from gevent.event import AsyncResult, Event

from callengine import greenlets
from callengine.errors import SessionError
from callengine.sip.acceptance import Acceptance
from callengine.sip.dialog import Dialog, DialogFacts, contact_uri
from callengine.sip.dialog_end import DialogEnd
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.goodbye import say_bye, send_bye
from callengine.sip.message import Request, Response
from callengine.sip.next_hop import way_back, way_on
from callengine.sip.server_transaction import ServerTransaction

OnOffer = Callable[[bytes], tuple[int, bytes]]
"""Takes the SDP offered within the dialog; returns the status and, with 200, the SDP of the answer."""

HeaderLines = tuple[tuple[str, str], ...]

SDP = "application/sdp"


class Session(DialogEnd):
    """One dialog of ours. Bodies are bytes of SDP; an empty one stands for none."""

    def __init__(self, endpoint: Endpoint, flow: Flow, *, contact: str) -> None:
        """`contact` is our URI for this dialog, `flow` the way to the other end."""
        super().__init__(endpoint, flow)
        self.contact = contact
        self.confirmed = Event()
        """Set when the 2xx to the INVITE is acknowledged: the session is up."""
        self.local_body = b""
        """The SDP that we gave last."""
        self.remote_body = b""
        """The SDP that they gave last."""
        self.on_offer: OnOffer | None = None
        """Called in the dialog's greenlet, may wait. Unless set, only a repeated offer is answered again."""
        self.listens_at: str | None = None
        """The URI that we have called, if we did: where a lost connection is opened anew. The Contact of an
        answer over TCP may name the port of that connection, where nobody listens (baresip's does)."""
        self.find_way: Callable[[], Flow | None] | None = None
        """Asked for their present way, such as that of their registration, when their connection is gone."""
        self.on_change: Callable[[], None] | None = None
        """Called likewise when a re-INVITE has changed flow, target or bodies, before it is answered."""
        self._acceptances: dict[int, Acceptance] = {}
        self._acks: dict[int, tuple[bytes, Flow]] = {}
        self._is_leaving = False
        self._is_inviting = False

    def begin(self) -> None:
        """Have the endpoint bring what comes for this dialog, and take it."""
        self.endpoint.adopt(self._key(), self)
        self._begin_dialog()

    def resume(self, facts: DialogFacts, *, local_body: bytes, remote_body: bytes) -> None:
        """Go on with a confirmed dialog of an earlier process.

        Our CSeq jumps by a block, since the stored number may be older than the latest that was used.
        """
        self.dialog = Dialog.from_facts(facts)
        self.dialog.raise_cseq()
        self.local_body, self.remote_body = local_body, remote_body
        self.confirmed.set()
        self.begin()

    # Ending

    def hang_up(self, *, reason: str | None = None, timeout: float = 15.0, attempts: int = 3) -> bool:
        """End the session and wait until the other end has confirmed it; True if so, or if it ended before.

        Sends BYE, with `reason` as its Reason header (RFC 3326). If no final response comes for `timeout`
        seconds it is sent again with the next CSeq, `attempts` times in all. Any final response confirms, 481
        and 408 included (RFC 3261 15.1.1); 500 may mean that our CSeq is too low, so it is raised once.
        False also when the endpoint was stopped meanwhile.
        """
        if not self._is_leaving and not self.ended.is_set():
            self._is_leaving = True
            self._leave(reason, timeout, attempts)
        greenlets.wait_for_any(self.ended)
        return self.end_cause not in ("unconfirmed", "stopped")

    def _leave(self, reason: str | None, timeout: float, attempts: int) -> None:
        is_confirmed = False
        try:
            is_confirmed = say_bye(
                self.endpoint,
                self._established(),
                self._way,
                ended=self.ended,
                reason=reason,
                timeout=timeout,
                attempts=attempts,
            )
        finally:
            self._end("local", "bye" if is_confirmed else "unconfirmed")

    def _release(self) -> None:
        for acceptance in self._acceptances.values():
            acceptance.stop()
        self._acceptances.clear()
        self.on_offer = self.on_change = self.find_way = None  # they know us too, a circle

    # Our requests within the dialog

    def reinvite(self, body: bytes) -> Response:
        """Offer the other end a new session description, and wait for its final response, which is ACKed.

        On 2xx `local_body` and `remote_body` are the new ones, else all stays as it was; 481 and 408 end
        the session (RFC 3261 14.1). After 491 it is up to the caller to try again. Raises RequestTimedOut,
        HungUp, or SessionError when this is not the moment.
        """
        if self._is_inviting or self._is_leaving or not self.confirmed.is_set():
            raise SessionError("the session cannot be changed at this moment")
        self._is_inviting = True
        try:
            response = self._offer(body)
        finally:
            self._is_inviting = False
        if response.status < 300:
            self.local_body, self.remote_body = body, response.body
        elif response.status in (408, 481):
            self._end("remote", "gone")
        return response

    def _offer(self, body: bytes) -> Response:
        dialog = self._established()
        invite = dialog.next_request("INVITE")
        for name, value in self._describe(body):
            invite.headers.add(name, value)
        invite.body = body
        outcome: AsyncResult[Any] = AsyncResult()

        def take(response: Response) -> None:
            if 200 <= response.status < 300:
                self._refresh(response)
                self._acknowledge(response.cseq.number)
            if response.status >= 200 and not outcome.ready():
                outcome.set(response)

        self.endpoint.send_request(invite, self._way(), on_response=take, on_failure=outcome.set_exception)
        self.wait(outcome)
        return cast(Response, outcome.get())

    def _way(self) -> Flow:
        """The way of our next request: a connection that is gone is opened anew to where they listen."""
        self.flow = self._present_way(self.flow)
        return self.flow

    def _present_way(self, flow: Flow) -> Flow:
        if self.endpoint.reaches(flow):
            return flow
        found = self.find_way() if self.find_way is not None else None
        dialog = self.dialog
        if self.listens_at is not None and (dialog is None or not dialog.facts().route_set):
            return self.endpoint.way(found or flow, self.listens_at)
        return self.endpoint.way(found or flow, self._established().next_hop)

    def _describe(self, body: bytes) -> HeaderLines:
        return describe(self.endpoint, self.contact, body)

    def _refresh(self, response: Response) -> None:
        """The 2xx to a re-INVITE may tell of a new remote target (RFC 3261 12.2.1.2)."""
        dialog = self._established()
        known_uri = str(dialog.next_hop)
        if response.cseq.number not in self._acks and response.contacts:
            dialog.remote_target = contact_uri(response)
            self.flow = way_on(dialog, known_uri=known_uri, known=self.flow)

    def _acknowledge(self, cseq: int, headers: HeaderLines = ()) -> None:
        """Send the ACK of a 2xx to the INVITE with this number; every repetition gets the same bytes."""
        if cseq not in self._acks:
            ack = self._established().ack_for(cseq)
            for name, value in headers:
                ack.headers.add(name, value)
            self.endpoint.add_via(ack, self._way())
            self._acks[cseq] = ack.serialise(), self.flow
        self.endpoint.send(*self._acks[cseq])

    # What comes within the dialog: the first two run in the receiving greenlet

    def receive_ack(self, ack: Request) -> None:
        """The ACK of one of our 2xx, which need not be repeated any more."""
        acceptance = self._acceptances.pop(ack.cseq.number, None)
        if acceptance is not None:
            acceptance.stop()
            self.remote_body = ack.body or self.remote_body
            self.confirmed.set()

    def receive_stray_response(self, response: Response) -> None:
        """A 2xx to an INVITE that no transaction remembers, of before a restart: ACK it, so that it ends."""
        is_answer = response.cseq.method == "INVITE" and 200 <= response.status < 300
        if is_answer and self.confirmed.is_set() and response.to.tag == self._established().remote_tag:
            self._acknowledge(response.cseq.number)

    def _take(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        is_in_order = self._established().accepts(request)
        if request.method == "BYE":
            transaction.answer(200)
            self._end("remote", "bye")
        elif self._is_leaving or self.ended.is_set():
            transaction.answer(481)
        elif not is_in_order:
            transaction.answer(500)
        elif request.method == "INVITE":
            self._take_offer(transaction)
        elif request.method == "OPTIONS":
            self.endpoint.answer_options(transaction)
        else:
            transaction.answer(405, headers=[self.endpoint.screening.allow])

    def _take_offer(self, transaction: ServerTransaction) -> None:
        """A re-INVITE (RFC 3261 14.2); one without SDP is refused, so the session stays as it is."""
        if transaction.is_answered:  # by its CANCEL
            return
        if self._is_inviting:
            transaction.answer(491)
            return
        if not self.confirmed.is_set():
            transaction.answer(500, headers=[("Retry-After", "1")])
            return
        offer = transaction.request.body
        target = contact_uri(transaction.request)
        status, body = self._answer_offer(offer)
        if self.ended.is_set() or status >= 300:
            transaction.answer(481 if self.ended.is_set() else status)
            return
        dialog = self._established()
        dialog.remote_target = target
        self.flow = way_back(transaction.request, transaction.source, dialog)
        self.remote_body = offer or self.remote_body
        self.local_body = body
        if self.on_change is not None:
            self.on_change()
        if not transaction.is_answered:  # a CANCEL may have done that meanwhile
            self._accept(transaction, body)

    def _answer_offer(self, offer: bytes) -> tuple[int, bytes]:
        if not offer:
            return 488, b""
        if self.on_offer is not None:
            return self.on_offer(offer)
        return (200, self.local_body) if self.local_body and offer == self.remote_body else (488, b"")

    def _accept(self, transaction: ServerTransaction, body: bytes, headers: HeaderLines = ()) -> None:
        """Answer an INVITE with 200, repeated until the ACK comes (RFC 3261 13.3.1.4)."""
        self.local_body = body
        cseq = transaction.request.cseq.number
        transaction.answer(200, headers=(*self._describe(body), *headers), body=body)
        self._acceptances[cseq] = self.endpoint.repeat_until_ack(
            transaction, cseq=cseq, on_unacknowledged=self._give_up
        )

    def _give_up(self) -> None:
        """Nobody has ACKed for 64*T1: BYE, and the session is over (RFC 3261 13.3.1.4)."""
        if not self.ended.is_set():
            send_bye(self.endpoint, self._established(), self._way())
            self._end("timeout", "no_ack")


def describe(endpoint: Endpoint, contact: str, body: bytes) -> HeaderLines:
    """The headers that go with an INVITE of ours, or with an answer of ours that begins a dialog."""
    lines = (("Contact", f"<{contact}>"), endpoint.screening.allow)
    return (*lines, ("Content-Type", SDP)) if body else lines


def restore(
    endpoint: Endpoint,
    facts: DialogFacts,
    flow: Flow,
    *,
    contact: str,
    local_body: bytes = b"",
    remote_body: bytes = b"",
    listens_at: str | None = None,
) -> Session:
    """Take up a confirmed session from stored facts alone; nothing is sent.

    It can send BYE and re-INVITE, and answers both. `flow` is the way as it was stored, the bodies the last
    SDP each way, `listens_at` the URI that we have called, if we did.
    """
    session = Session(endpoint, flow, contact=contact)
    session.listens_at = listens_at
    session.resume(facts, local_body=local_body, remote_body=remote_body)
    return session
