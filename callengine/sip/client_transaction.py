"""A request that we send, and the responses to it (RFC 3261 17.1, RFC 6026 7.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from callengine.errors import RequestTimedOut, SessionError
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.message import Request, Response
from callengine.sip.state_machine import StateMachine, Surroundings
from callengine.sip.transaction_states import INVITE_CLIENT, NON_INVITE_CLIENT, Action, Input, State

ClientKey = tuple[str, str]
"""Branch and method: what a response must carry (RFC 3261 17.1.3)."""


class Unreachable(SessionError):
    """The network refused to take the request; counts as a 503 (RFC 3261 8.1.3.1)."""

    sip_status = 503


class ClientTransaction(StateMachine):
    """One request, until no response to it can come any more.

    `on_response` is called with every provisional response, the final one, and for an INVITE each further
    2xx; `on_failure` at most once, with RequestTimedOut or Unreachable. Neither must wait.
    """

    __slots__ = (
        "_ack",
        "_cancel_headers",
        "_cancel_with",
        "_last_response",
        "_on_failure",
        "key",
        "on_response",
        "request",
    )

    def __init__(
        self,
        around: Surroundings,
        request: Request,
        flow: Flow,
        *,
        key: ClientKey,
        on_response: Callable[[Response], None],
        on_failure: Callable[[SessionError], None],
        on_terminated: Callable[[ClientTransaction], None],
        cancel_with: Callable[[Request, Flow, str], None],
        is_sent: bool = False,
    ) -> None:
        """`cancel_with` sends a CANCEL by a transaction of its own.

        With `is_sent` an earlier process has sent the request and may have heard of it: nothing is sent, and
        the machine begins where a provisional response would have taken it.
        """
        super().__init__(around, flow, on_terminated)
        self.request = request
        """What we ask; once it is answered, only its method and URI."""
        self.key = key
        self._wire = request.serialise()
        self.on_response = on_response
        """Who hears the responses; may be changed at any time."""
        self._on_failure = on_failure
        self._ack = b""
        self._cancel_with = cancel_with
        self._cancel_headers: tuple[tuple[str, str], ...] | None = None
        self._last_response: Response | None = None
        if is_sent:
            self.state = State.PROCEEDING
        else:
            self._begin()

    @property
    def branch(self) -> str:
        """What names the transaction."""
        return self.key[0]

    @property
    def is_pending(self) -> bool:
        """Whether no final response has come yet."""
        return self.state in (State.CALLING, State.TRYING, State.PROCEEDING)

    def receive(self, response: Response, source: Flow) -> None:
        """Take a response that belongs to this request, and came from `source`.

        If the request's connection is gone, that is another one, and the way to the sender from now on.
        """
        if source.is_reliable and not self._around.reaches(self.flow):
            self.flow = source
        self._last_response = response
        status = response.status
        if status < 200:
            self._feed(Input.RECEIVE_1XX)
            self._send_due_cancel()
        else:
            self._feed(Input.RECEIVE_2XX if status < 300 else Input.RECEIVE_REFUSAL)
            self._slim()
        self._last_response = None

    def cancel(self, headers: Iterable[tuple[str, str]] = (), *, flow: Flow | None = None) -> None:
        """Take an INVITE back: CANCEL, as soon as a provisional response has come (RFC 3261 9.1).

        `flow` is the way to the same end if the INVITE's own is gone. Nothing happens when the final response
        is there already. Whatever the other end does, the transaction ends within 64*T1 of the CANCEL.
        """
        if self.is_pending and self._cancel_headers is None and self.request.method == "INVITE":
            self._cancel_headers = tuple(headers)
            self.flow = flow or self.flow
            self._send_due_cancel()

    def note_lost(self) -> None:
        """The connection over which the request went is gone, or could not be had."""
        self._feed(Input.TRANSPORT_ERROR)

    def give_up(self, error: SessionError) -> None:
        """Forget the request, and if it was still pending let it fail with this error."""
        was_pending = self.is_pending
        self.abandon()
        if was_pending:
            self._on_failure(error)

    def give_up_for_now(self, error: SessionError) -> None:
        """Let a pending request that is cancelled fail with this error, but go on to hear what comes of it.

        Who answers a CANCEL with 481 may have answered the INVITE before, and repeats that (RFC 3261 9.2).
        """
        if self.is_pending:
            report, self._on_failure = self._on_failure, _nobody
            report(error)

    def _slim(self) -> None:
        """Let go of what an answered request needs no more, while it waits for repetitions."""
        if self._wire:
            self._wire = b""
            self.request = Request(self.request.method, self.request.uri)
            self._on_failure = _nobody
        if self.state is not State.ACCEPTED:
            self.on_response = _nobody

    def _leave(self) -> None:
        super()._leave()
        self.on_response = _nobody

    def _send_due_cancel(self) -> None:
        headers = self._cancel_headers
        if headers is None or self.state is not State.PROCEEDING or "b" in self._running:
            return
        self._feed(Input.CANCELLED)
        self._cancel_with(cancel_for(self.request, headers), self.flow, self.branch)

    def _pass_response(self) -> None:
        if self._last_response is not None:
            self.on_response(self._last_response)

    def _send_ack(self) -> None:
        if not self._ack and self._last_response is not None:
            self._ack = ack_for_refusal(self.request, self._last_response).serialise()
        self._give(self._ack)

    def _report_timeout(self) -> None:
        self._on_failure(RequestTimedOut(f"no answer to {self.request.method} from {self.flow}"))

    def _report_transport_error(self) -> None:
        self._on_failure(Unreachable(f"{self.request.method} cannot be sent to {self.flow}"))

    def _again_a(self) -> None:
        self._again("a")

    def _again_e(self) -> None:
        self._again("e", at_most=self._around.timers.t2)

    def _again_e_slow(self) -> None:
        self._interval = self._around.timers.t2
        self._again_e()

    deeds = {
        Action.SEND: StateMachine._send,
        Action.REPEAT: StateMachine._repeat,
        Action.SEND_ACK: _send_ack,
        Action.PASS_RESPONSE: _pass_response,
        Action.REPORT_TIMEOUT: _report_timeout,
        Action.REPORT_TRANSPORT_ERROR: _report_transport_error,
        Action.AGAIN_A: _again_a,
        Action.AGAIN_E: _again_e,
        Action.AGAIN_E_SLOW: _again_e_slow,
    }


class InviteClientTransaction(ClientTransaction):
    """The machine for INVITE."""

    __slots__ = ()
    table = INVITE_CLIENT


class OtherClientTransaction(ClientTransaction):
    """The machine for every other method."""

    __slots__ = ()
    table = NON_INVITE_CLIENT


def _nobody(_: object) -> None:
    """Takes the place of who made the transaction, and need not be kept for it any longer."""


def ack_for_refusal(invite: Request, response: Response) -> Request:
    """The ACK of a refusal, which is part of the INVITE's own transaction (RFC 3261 17.1.1.3)."""
    return _hop_by_hop("ACK", invite, to=response.headers.get("to") or "")


def cancel_for(invite: Request, headers: Iterable[tuple[str, str]] = ()) -> Request:
    """The CANCEL of a pending INVITE (RFC 3261 9.1), with `headers` such as Reason behind its own."""
    cancel = _hop_by_hop("CANCEL", invite, to=invite.headers.get("to") or "")
    for name, value in headers:
        cancel.headers.add(name, value)
    return cancel


def _hop_by_hop(method: str, invite: Request, *, to: str) -> Request:
    lines = [("Via", invite.headers.get("via") or "")]
    lines += [("Route", route) for route in invite.headers.get_all("route")]
    lines += [
        ("From", invite.headers.get("from") or ""),
        ("To", to),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} {method}"),
        ("Max-Forwards", "70"),
    ]
    return Request(method, invite.uri, Headers(lines))
