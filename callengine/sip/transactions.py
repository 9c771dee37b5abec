"""All transactions of an endpoint: to which of them a message belongs (RFC 3261 17)."""

from __future__ import annotations

from collections.abc import Callable

from callengine.errors import RequestTimedOut, SessionError
from callengine.sip.client_transaction import (
    ClientKey,
    ClientTransaction,
    InviteClientTransaction,
    OtherClientTransaction,
)
from callengine.sip.counts import SipCounts
from callengine.sip.flow import Flow
from callengine.sip.matching import MergeKey, ServerKey, merge_key, server_key, take_source
from callengine.sip.message import Request, Response
from callengine.sip.server_transaction import (
    InviteServerTransaction,
    OtherServerTransaction,
    ServerTransaction,
)
from callengine.sip.state_machine import Surroundings
from callengine.sip.stateless import Refusal, stateless_answer
from callengine.sip.timer_queue import TimerQueue
from callengine.sip.timers import Timers

__all__ = ["ClientTransaction", "ServerTransaction", "TransactionLayer"]


class TransactionLayer:
    """Matches messages with transactions, and makes them.

    Nothing here waits: it is fed with messages and told the time, sends by `send` and tells by callbacks.
    Repetitions, the ACK of a refusal, CANCEL (200 or 481) and merged requests (482) are dealt with here.
    """

    def __init__(
        self,
        *,
        send: Callable[[bytes, Flow], bool],
        reaches: Callable[[Flow], bool] = lambda _flow: True,
        timers: Timers,
        queue: TimerQueue,
        now: Callable[[], float],
        counts: SipCounts,
        on_request: Callable[[ServerTransaction], None],
        on_ack: Callable[[Request, Flow], None],
        on_stray_response: Callable[[Response, Flow], None],
        refuse_at_once: Callable[[Request], Refusal | None] = lambda _request: None,
    ) -> None:
        """`on_request` gets each new request but ACK and CANCEL, `on_ack` each ACK of a 2xx.

        `refuse_at_once` is asked first about a request that begins something: its answer is sent without a
        transaction, so that nothing is held for whoever asks (RFC 3261 8.2.7).

        `send` returns False for what cannot be sent at all, `reaches` for a connection that is not there.
        """
        self._counts = counts
        self._around = Surroundings(send, timers, queue, now, counts, reaches)
        self._on_request = on_request
        self._refuse_at_once = refuse_at_once
        self._on_ack = on_ack
        self._on_stray_response = on_stray_response
        self._clients: dict[ClientKey, ClientTransaction] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._merged: dict[MergeKey, ServerTransaction] = {}

    def count(self) -> int:
        """How many transactions there are, those included which only wait for stray repetitions."""
        return len(self._clients) + len(self._servers)

    def request(
        self,
        request: Request,
        flow: Flow,
        *,
        branch: str,
        on_response: Callable[[Response], None],
        on_failure: Callable[[SessionError], None],
        is_sent: bool = False,
    ) -> ClientTransaction:
        """Send a request whose topmost Via has `branch`. An ACK of a 2xx is none of these: just send it.

        With `is_sent` an earlier process has sent it: only what comes back is taken.
        """
        kind = InviteClientTransaction if request.method == "INVITE" else OtherClientTransaction
        key = (branch, request.method)
        transaction = self._clients[key] = kind(
            self._around,
            request,
            flow,
            key=key,
            on_response=on_response,
            on_failure=on_failure,
            on_terminated=self._forget_client,
            cancel_with=self._send_cancel,
            is_sent=is_sent,
        )
        return transaction

    def take_up_invite(self, invite: Request, source: Flow, given: Response) -> ServerTransaction:
        """An INVITE that an earlier process has given this answer last, or was about to; nothing is sent."""
        key = server_key(invite, invite.via, method="INVITE")
        transaction = self._serve(invite, source, key, given)
        self._note_copies(transaction, merge_key(invite))
        return transaction

    def receive(self, message: Request | Response, flow: Flow) -> None:
        """Take a message that came over `flow`."""
        if isinstance(message, Response):
            self._receive_response(message, flow)
        else:
            self._receive_request(message, flow)

    def note_lost(self, flow: Flow) -> None:
        """A connection is gone: requests over it of which nothing was heard yet fail (RFC 3261 17.1.4)."""
        for client in list(self._clients.values()):
            if client.flow == flow:
                client.note_lost()

    def give_up_all(self, error: SessionError) -> None:
        """Fail every pending request of ours with this error, and forget all transactions."""
        for client in list(self._clients.values()):
            client.give_up(error)
        for server in list(self._servers.values()):
            server.abandon()

    def _receive_response(self, response: Response, flow: Flow) -> None:
        lines = response.headers.get_all("via")
        is_for_us = len(lines) == 1 and "," not in lines[0]  # RFC 3261 8.1.3.3
        key = (response.via.branch or "", response.cseq.method)
        transaction = self._clients.get(key) if is_for_us else None
        if transaction is not None:
            transaction.receive(response, flow)
        else:
            self._counts.stray_responses += 1
            self._on_stray_response(response, flow)

    def _receive_request(self, request: Request, flow: Flow) -> None:
        method = request.method
        via = request.via
        key = server_key(request, via, method="INVITE" if method == "ACK" else method)
        known = self._servers.get(key)
        if known is not None:
            known.receive(request)
        elif method == "ACK":
            self._on_ack(request, flow)
        elif method == "CANCEL":
            invite = self._servers.get(server_key(request, via, method="INVITE"))
            self._take_cancel(self._serve(request, flow, key), invite)
        else:
            self._take_new(request, flow, key)

    def _take_new(self, request: Request, flow: Flow, key: ServerKey) -> None:
        if request.to.tag is not None:
            self._on_request(self._serve(request, flow, key))
            return
        refusal = self._refuse_at_once(request)
        if refusal is not None:
            self._counts.count_request(request.method, refusal[0])
            self._around.send(*stateless_answer(request, flow, refusal))
            return
        copies = merge_key(request)
        is_copy = copies in self._merged
        transaction = self._serve(request, flow, key)
        if is_copy:
            transaction.answer(482)
            return
        self._note_copies(transaction, copies)
        self._on_request(transaction)

    def _note_copies(self, transaction: ServerTransaction, copies: MergeKey) -> None:
        transaction.merge_key = copies
        self._merged[copies] = transaction

    def _take_cancel(self, transaction: ServerTransaction, invite: ServerTransaction | None) -> None:
        if invite is None:
            transaction.answer(481)
            return
        transaction.to_tag = invite.to_tag
        transaction.answer(200)
        invite.cancel()

    def _serve(
        self, request: Request, source: Flow, key: ServerKey, given: Response | None = None
    ) -> ServerTransaction:
        flow = take_source(request, source)
        kind = InviteServerTransaction if request.method == "INVITE" else OtherServerTransaction
        transaction = self._servers[key] = kind(
            self._around,
            request,
            source=source,
            flow=flow,
            key=key,
            on_terminated=self._forget_server,
            pass_ack=self._on_ack,
            given=given,
        )
        return transaction

    def _send_cancel(self, cancel: Request, flow: Flow, branch: str) -> None:
        def take(response: Response) -> None:
            invite = self._clients.get((branch, "INVITE"))
            if response.status == 481 and invite is not None:
                invite.give_up_for_now(RequestTimedOut("the other end does not know the INVITE"))

        self.request(cancel, flow, branch=branch, on_response=take, on_failure=_ignore)

    def _forget_client(self, transaction: ClientTransaction) -> None:
        self._clients.pop(transaction.key, None)

    def _forget_server(self, transaction: ServerTransaction) -> None:
        self._servers.pop(transaction.key, None)
        if transaction.merge_key is not None:
            self._merged.pop(transaction.merge_key, None)


def _ignore(_: object) -> None:
    """Nothing follows from a CANCEL that nobody answers: the INVITE gives up by itself (RFC 3261 9.1)."""
