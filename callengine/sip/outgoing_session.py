"""A call that we make: its INVITE, the answers to it, its cancelling.

Example:

    session = OutgoingSession(
        endpoint,
        target_uri=binding.contact,
        flow=binding.flow,
        from_="<sip:support@example.com>",
        to="<sip:alice@example.com>",
        contact=endpoint.contact("support"),
        body=offer,
    )
    session.prepare()
    store(session.facts)  # everything that CANCEL, ACK and BYE need, before anything is sent
    session.send()
    if not session.wait(session.final, timeout=20.0):
        session.cancel()
    elif session.answered.is_set():
        store(session.facts)
        session.acknowledge()
    else:
        status, reason = session.refused
"""

from __future__ import annotations

from collections.abc import Iterable

from gevent.event import Event

from callengine import greenlets
from callengine.errors import RequestTimedOut, SessionError
from callengine.sip.account import Account, authorise
from callengine.sip.address import Address
from callengine.sip.client_transaction import ClientTransaction
from callengine.sip.dialog import Dialog, DialogFacts, without_tag
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.identifiers import new_branch, new_call_id, new_tag
from callengine.sip.late_answers import LateAnswers
from callengine.sip.leg_facts import LegFacts
from callengine.sip.message import Request, Response
from callengine.sip.next_hop import way_on
from callengine.sip.session import Session

_CREDENTIALS = ("authorization", "proxy-authorization")


class OutgoingSession(Session):
    """One INVITE of ours, and the dialog that its first 2xx makes.

    A 2xx is ACKed only by `acknowledge`. Another fork's 2xx, and one that crosses our CANCEL, is ACKed and
    hung up at once. A refusal ends the session; `final` is set in any case.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        target_uri: str,
        flow: Flow,
        from_: str,
        to: str,
        contact: str,
        body: bytes,
        headers: Iterable[tuple[str, str]] = (),
        call_id: str | None = None,
        local_tag: str | None = None,
        branch: str | None = None,
        cseq: int = 1,
        credentials: Account | None = None,
    ) -> None:
        """`target_uri` is the Request-URI, `from_` and `to` are header values without tags.

        With `credentials` a challenge is answered, once. Raises BadMessage for a malformed address.
        """
        super().__init__(endpoint, flow, contact=contact)
        self.target_uri = self.listens_at = target_uri
        self.call_id = call_id or new_call_id()
        self.local_tag = local_tag or new_tag()
        self.branch = branch or new_branch()
        self.local_body = body
        self.invite: Request | None = None
        """Our INVITE, once prepared."""
        self.provisional: list[Response] = []
        """Every response below 200 but 100, in order of arrival."""
        self.answer: Response | None = None
        """The 2xx that made the dialog."""
        self.answered = Event()
        """Set when somebody has answered: `acknowledge` or `hang_up` is due."""
        self.refused: tuple[int, str] | None = None
        """Status and reason of the refusal; 408 when nobody has answered, 503 when nobody was reached."""
        self.refusal: Response | None = None
        """The response that refused, if there was one."""
        self.final = Event()
        """Set when it is clear how the INVITE ends: `answered` or `refused`."""
        self._from = Address.parse(from_)
        self._to = Address.parse(to)
        self._more_headers = tuple(headers)
        self._credentials = credentials
        self._cseq = cseq
        self._transaction: ClientTransaction | None = None
        self._remote_tags: list[str] = []
        self._late = LateAnswers(endpoint, target_uri=target_uri, flow=flow)
        self._last_status: int | None = None
        self._datagram_flow = flow
        """The way that was asked for, when the INVITE was too large for it."""
        self._is_inviting = True

    # Before anything is sent

    def prepare(self) -> Request:
        """Build the INVITE, with all that the facts tell of it; `send` sends just this."""
        if self.invite is None:
            lines = [
                ("Max-Forwards", "70"),
                ("From", str(self._from.with_tag(self.local_tag))),
                ("To", str(self._to)),
                ("Call-ID", self.call_id),
                ("CSeq", f"{self._cseq} INVITE"),
                *self._describe(self.local_body),
                ("User-Agent", self.endpoint.user_agent),
                *self._more_headers,
            ]
            self.invite = Request("INVITE", self.target_uri, Headers(lines), self.local_body)
            self._datagram_flow = self.flow
            self.flow = self.endpoint.way_for(self.invite, self.flow)
            self.endpoint.add_via(self.invite, self.flow, self.branch)
        return self.invite

    @property
    def facts(self) -> LegFacts:
        """What is worth storing, at any moment after `prepare`."""
        invite = self.prepare()
        return LegFacts(
            dialog=self.dialog.facts() if self.dialog else self._facts_before_answer(),
            flow=self.flow,
            request_uri=invite.uri,
            branch=self.branch,
            via_set=tuple(invite.headers.get_all("via")),
            invite_cseq=self._cseq,
            last_status=self._last_status,
            remote_tags=tuple(self._remote_tags),
        )

    def _facts_before_answer(self) -> DialogFacts:
        return DialogFacts(
            call_id=self.call_id,
            local_tag=self.local_tag,
            remote_tag="",
            local_uri=without_tag(self._from),
            remote_uri=without_tag(self._to),
            route_set=(),
            remote_target=self.target_uri,
            local_cseq=self._cseq,
            remote_cseq=None,
            is_uac=True,
        )

    # The INVITE

    @property
    def is_sent(self) -> bool:
        """Whether the INVITE has gone out, by us or by an earlier process."""
        return self._transaction is not None

    def send(self) -> None:
        """Send the INVITE; `final` tells when it is answered. Raises HungUp if it was cancelled before."""
        self._check_not_ended()
        if self._transaction is not None:
            raise SessionError("the INVITE is sent already")
        self.endpoint.adopt(self._key(), self)
        self._send_invite(self.prepare())

    def take_up(self, via: str, remote_tags: Iterable[str]) -> None:
        """Go on with an INVITE that an earlier process has sent with this topmost Via; nothing is sent.

        Its answer is taken when it is repeated, and `cancel` works. `remote_tags` are those of the forks that
        have answered it so far.
        """
        invite = self.prepare()
        invite.headers.replace_first("Via", via)
        self._remote_tags = list(remote_tags)
        self.endpoint.adopt(self._key(), self)
        self._transaction = self.endpoint.await_response(
            invite,
            self.flow,
            on_response=self._take_response,
            on_failure=self._take_failure,
            branch=self.branch,
        )

    def _send_invite(self, invite: Request) -> None:
        self._transaction = self.endpoint.send_request(
            invite,
            self.flow,
            on_response=self._take_response,
            on_failure=self._take_failure,
            branch=self.branch,
        )

    def cancel(self, reason_header: str | None = None) -> bool:
        """Take the INVITE back, with `reason_header` in the CANCEL (RFC 3326); never waits.

        True if it was still unanswered: `final` follows, within 64*T1 at the latest, and the session ends.
        False if the answer was faster: then `hang_up` is due, or nothing.
        """
        if self.final.is_set():
            return False
        self._is_leaving = True
        if self._transaction is None:
            self._close(487, "Request Terminated", by="local", cause="cancelled")
        else:
            way = self._present_way(self._transaction.flow)
            self._transaction.cancel([("Reason", reason_header)] if reason_header else [], flow=way)
        return True

    def _leave(self, reason: str | None, timeout: float, attempts: int) -> None:
        """Before the answer: CANCEL, and wait for what follows. Before the ACK: ACK first."""
        if self.cancel(reason):
            greenlets.wait_for_any(self.ended)
            return
        self.acknowledge()
        super()._leave(reason, timeout, attempts)

    def acknowledge(self) -> None:
        """Send the ACK of the 2xx, which every repetition of it gets as well; nothing if there is no 2xx."""
        if self.answer is None or self.invite is None or self.confirmed.is_set():
            return
        headers = self.invite.headers
        proofs = tuple((name.title(), value) for name in _CREDENTIALS for value in headers.get_all(name))
        self._acknowledge(self._cseq, proofs)
        self._late.remember(self._established().remote_tag, self._acks[self._cseq])
        self._is_inviting = False
        self.confirmed.set()

    # What comes back: in the receiving greenlet

    def _take_response(self, response: Response) -> None:
        self._last_status = response.status
        self._note_tag(response)
        if response.status < 200:
            if response.status > 100:
                self.provisional.append(response)
        elif response.status >= 300:
            self._take_refusal(response)
        elif self.dialog is None and not self._is_leaving:
            self._take_answer(response)
        elif self.confirmed.is_set() or not self._is_ours(response):
            self._late.take(response)
            if not self.final.is_set():
                self._close(487, "Request Terminated", by="local", cause="cancelled")

    def _note_tag(self, response: Response) -> None:
        tag = response.to.tag
        if tag and tag not in self._remote_tags:
            self._remote_tags.append(tag)

    def _is_ours(self, response: Response) -> bool:
        return self.dialog is not None and (response.to.tag or "") == self.dialog.remote_tag

    def _take_answer(self, response: Response) -> None:
        self.dialog = Dialog.as_uac(self.prepare(), response)
        known = self.flow if self._transaction is None else self._transaction.flow
        self.flow = way_on(self.dialog, known_uri=self.target_uri, known=known)
        self.remote_body = response.body
        self.answer = response
        self._begin_dialog()
        self.answered.set()
        self.final.set()

    def _take_refusal(self, response: Response) -> None:
        if response.status in (401, 407) and self._answer_challenge(response):
            return
        self.refusal = response
        if self._is_leaving:
            self._close(response.status, response.reason, by="local", cause="cancelled")
        else:
            self._close(response.status, response.reason, by="remote", cause="refused")

    def _take_failure(self, error: SessionError) -> None:
        if self._is_leaving:
            self._close(408, str(error), by="local", cause="cancelled")
        elif isinstance(error, RequestTimedOut):
            self._close(408, str(error), by="timeout", cause="no_answer")
        elif self.flow != self._datagram_flow and self.invite is not None:
            self._send_as_datagram(self.invite)
        else:
            self._close(error.sip_status, str(error), by="remote", cause="unreachable")

    def _send_as_datagram(self, invite: Request) -> None:
        """The phone takes no TCP connection, so a large INVITE goes by UDP after all (RFC 3261 18.1.1)."""
        self.flow = self._datagram_flow
        invite.headers.replace_first("Via", self.endpoint.via(self.flow, self.branch))
        self._send_invite(invite)

    def _answer_challenge(self, response: Response) -> bool:
        """Send the INVITE once more with credentials (RFC 3261 22.2); False if that is not possible."""
        if self._credentials is None or self._is_leaving or self.invite is None:
            return False
        line = authorise(self.invite, response, self._credentials)
        self._credentials, self._transaction = None, None
        if line is None:
            return False
        self._cseq += 1
        self.branch = new_branch()
        self._more_headers = (*self._more_headers, line)
        self.invite = None
        self._send_invite(self.prepare())
        return True

    # Its end

    def _key(self) -> tuple[str, str]:
        return self.call_id, self.local_tag

    def abandon(self) -> None:
        """The endpoint stops."""
        if self.final.is_set():
            super().abandon()
        else:
            self._close(503, "stopped", by="local", cause="stopped")

    def _close(self, status: int, reason: str, *, by: str, cause: str) -> None:
        """The INVITE has come to nothing."""
        if self.final.is_set():
            return
        self.refused = (status, reason)
        self._end(by, cause)
        self.final.set()

    def _release(self) -> None:
        """An answer that nobody has ACKed is ACKed now; what may still come is taken without us."""
        self.acknowledge()
        if self._transaction is not None:
            self._transaction.on_response = self._late.take
        super()._release()
