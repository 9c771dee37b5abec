"""A request that we were sent, and our answers to it (RFC 3261 17.2, RFC 6026 7.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from secrets import token_hex

from callengine.errors import CallCenterError
from callengine.sip.flow import Flow
from callengine.sip.matching import MergeKey, ServerKey, way_if_gone
from callengine.sip.message import Request, Response, response_to
from callengine.sip.state_machine import StateMachine, Surroundings
from callengine.sip.transaction_states import INVITE_SERVER, NON_INVITE_SERVER, Action, Input, State


class ServerTransaction(StateMachine):
    """One request, until no repetition of it can come any more.

    The callbacks may be set at any time; what has happened before can be read from `is_cancelled`.
    They are called from whatever receives or drives the timers, and must not wait.
    """

    __slots__ = (
        "_if_gone",
        "_pass_ack",
        "_to_tag",
        "is_cancelled",
        "key",
        "last_status",
        "merge_key",
        "on_asked_again",
        "on_cancelled",
        "on_unacknowledged",
        "request",
        "source",
    )

    def __init__(
        self,
        around: Surroundings,
        request: Request,
        *,
        source: Flow,
        flow: Flow,
        key: ServerKey,
        on_terminated: Callable[[ServerTransaction], None],
        pass_ack: Callable[[Request, Flow], None],
        given: Response | None = None,
    ) -> None:
        """`source` is where the request came from, `flow` where its responses go (RFC 3261 18.2.2).

        `given` is the 2xx or provisional answer that an earlier process has given an INVITE last, or was
        about to: nothing is sent, and the machine begins where that answer would have taken it.
        """
        super().__init__(around, flow, on_terminated)
        self.request = request
        """What was asked; once it is answered, only its method and URI."""
        self.source = source
        self.key = key
        self.merge_key: MergeKey | None = None
        self.last_status: int | None = None
        self.is_cancelled = False
        self.on_cancelled: Callable[[], None] | None = None
        self.on_unacknowledged: Callable[[], None] | None = None
        self.on_asked_again: Callable[[], None] | None = None
        """Told when the request is repeated, or cancelled although it is answered: that has not arrived."""
        self._pass_ack = pass_ack
        self._if_gone = way_if_gone(request.via, source) if flow.is_reliable else flow
        self._to_tag: str | None = None
        if given is None:
            self._begin()
        else:
            self._take_up(given)

    def _take_up(self, given: Response) -> None:
        self.last_status = given.status
        self._to_tag = given.to.tag
        self._wire = given.serialise()
        if not self.is_answered:
            self.state = State.PROCEEDING
            return
        self.state = State.ACCEPTED
        self._do(Action.START_L)
        self._slim()

    @property
    def to_tag(self) -> str:
        """The tag that our responses put into To, unless the request has one (RFC 3261 8.2.6.2)."""
        if self._to_tag is None:
            self._to_tag = self.request.to.tag or token_hex(8)
        return self._to_tag

    @to_tag.setter
    def to_tag(self, tag: str) -> None:
        self._to_tag = tag

    @property
    def is_answered(self) -> bool:
        """Whether a final response has been given."""
        return self.last_status is not None and self.last_status >= 200

    def answer(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None:
        """Build the response from the request (RFC 3261 8.2.6) and send it; see `respond`."""
        tag = self.to_tag if status > 100 else None
        self.respond(
            response_to(
                self.request,
                status,
                reason,
                to_tag=tag,
                headers=headers,
                body=body,
                content_type=content_type,
            )
        )

    def refuse(self, error: CallCenterError) -> None:
        """Answer with the status of an error of ours, and with when to try again if that is known."""
        after = error.retry_after_seconds
        self.answer(error.sip_status, headers=() if after is None else [("Retry-After", str(after))])

    def respond(self, response: Response) -> None:
        """Send a response; one that comes after the final one is dropped, so that no request has two."""
        if self.is_answered or self.is_terminated:
            return
        status = response.status
        self.last_status = status
        self._wire = response.serialise()
        if status < 200:
            self._feed(Input.RESPOND_1XX)
            return
        self._around.counts.count_request(self.request.method, status)
        self._feed(Input.RESPOND_2XX if status < 300 else Input.RESPOND_REFUSAL)
        if not self.is_cancelled:  # a worker may be about to look at it
            self._slim()

    def _slim(self) -> None:
        """Let go of the request: thousands of answered ones wait here half a minute for repetitions."""
        self._to_tag = self.to_tag
        self.request = Request(self.request.method, self.request.uri)

    def repeat_progress(self) -> None:
        """Send the provisional answer to an INVITE once more (RFC 3261 13.3.1.1), if it has no final one."""
        if not self.is_answered:
            self._feed(Input.RESPOND_1XX)

    def repeat_acceptance(self) -> None:
        """Send the 2xx to an INVITE once more; the session does this until the ACK (RFC 3261 13.3.1.4)."""
        self._feed(Input.RESPOND_2XX)

    def receive(self, request: Request) -> None:
        """Take a repetition of the request, or the ACK of our answer."""
        if request.method != "ACK":
            self._feed(Input.REQUEST)
            self._tell_asked_again()
        elif self.state is State.ACCEPTED:
            self._pass_ack(request, self.source)
        else:
            self._feed(Input.ACK)

    def cancel(self) -> None:
        """The sender takes its INVITE back: 487, unless it is answered already (RFC 3261 9.2)."""
        if self.is_answered or self.is_cancelled:
            self._tell_asked_again()
            return
        self.is_cancelled = True
        self.answer(487)
        if self.on_cancelled is not None:
            self.on_cancelled()

    def _give(self, wire: bytes) -> None:
        """A response whose connection is gone goes over one that is opened to its request's sender."""
        if self.flow.is_reliable and not self._around.reaches(self.flow):
            self.flow = self._if_gone
        super()._give(wire)

    def _tell_asked_again(self) -> None:
        if self.on_asked_again is not None:
            self.on_asked_again()

    def _send_trying(self) -> None:
        self.answer(100)

    def _report_unacknowledged(self) -> None:
        if self.on_unacknowledged is not None:
            self.on_unacknowledged()

    def _again_g(self) -> None:
        self._again("g", at_most=self._around.timers.t2)

    def _nothing(self) -> None:
        """The request is passed on by whoever made the transaction; a lost response is asked for again."""

    deeds = {
        Action.PASS_REQUEST: _nothing,
        Action.SEND: StateMachine._send,
        Action.REPEAT: StateMachine._repeat,
        Action.SEND_TRYING: _send_trying,
        Action.AGAIN_G: _again_g,
        Action.REPORT_TRANSPORT_ERROR: _nothing,
        Action.REPORT_UNACKNOWLEDGED: _report_unacknowledged,
    }


class InviteServerTransaction(ServerTransaction):
    """The machine for INVITE."""

    __slots__ = ()
    table = INVITE_SERVER


class OtherServerTransaction(ServerTransaction):
    """The machine for every other method."""

    __slots__ = ()
    table = NON_INVITE_SERVER
