"""The other end of real loopback UDP: a socket that a test drives message by message."""

from __future__ import annotations

from collections.abc import Callable

import gevent
from gevent import socket

from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.identifiers import new_branch
from callengine.sip.message import Request, Response, is_keepalive, parse, response_to
from callengine.sip.timers import Timers

HOST = "127.0.0.1"
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"
)
ANSWER = OFFER.replace(b"30000", b"40000")
QUICK = Timers(t1=0.02, t2=0.08, t4=0.1, trying_after=0.05)
"""Timers with which 64*T1 is 1.3 s; timer D stays at 32 s."""


def make_endpoint(*, timers: Timers = QUICK, pool_size: int = 20) -> Endpoint:
    """A started endpoint at a port of the system's choice."""
    endpoint = Endpoint(host=HOST, port=0, timers=timers, pool_size=pool_size, user_agent="test")
    endpoint.start()
    return endpoint


def wait_until(condition: Callable[[], object], timeout: float = 5.0) -> None:
    """Let other greenlets run until the condition holds; fails after `timeout` seconds."""
    with gevent.Timeout(timeout, AssertionError("it did not come to pass")):
        while not condition():
            gevent.sleep(0.005)


def _identity(message: Request | Response) -> tuple[object, ...]:
    """The same for a message that is sent again."""
    what = message.method if isinstance(message, Request) else message.status
    return what, message.via.branch, message.cseq


class SipPeer:
    """One UDP socket on loopback. `receive` gives one message after the other."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self.flow = Flow("udp", HOST, self.port)
        self._target = endpoint.local_address
        self._had: set[tuple[object, ...]] = set()

    def close(self) -> None:
        self._socket.close()

    def send(self, message: bytes | Request | Response) -> None:
        """Send a message, or any bytes at all."""
        self._socket.sendto(message if isinstance(message, bytes) else message.serialise(), self._target)

    def receive(self, timeout: float = 3.0) -> Request | Response:
        """The next message. Raises TimeoutError."""
        self._socket.settimeout(timeout)
        while True:
            wire = self._socket.recvfrom(65535)[0]
            if not is_keepalive(wire):
                return parse(wire)

    def response(self, status: int, timeout: float = 3.0) -> Response:
        """The next message, which must be this response, but for what is sent again on a slow machine."""
        message = self._next(lambda one: isinstance(one, Response) and one.status == status, timeout)
        assert isinstance(message, Response), message
        assert message.status == status, message
        return message

    def request(self, method: str, timeout: float = 3.0) -> Request:
        """The next message, which must be this request, but for what is sent again on a slow machine."""
        message = self._next(lambda one: isinstance(one, Request) and one.method == method, timeout)
        assert isinstance(message, Request), message
        assert message.method == method, message
        return message

    def _next(self, is_wanted: Callable[[Request | Response], bool], timeout: float) -> Request | Response:
        """The next message that is wanted, or has not come before."""
        message = self.receive(timeout)
        while not is_wanted(message) and self._is_sent_again(message):
            message = self.receive(timeout)
        self._had.add(_identity(message))
        return message

    def _is_sent_again(self, message: Request | Response) -> bool:
        """Whether a timer may have had it sent a second time; an ACK is only sent where one is due."""
        is_ack = isinstance(message, Request) and message.method == "ACK"
        return not is_ack and _identity(message) in self._had

    def hears_nothing(self, seconds: float = 0.15) -> bool:
        """Whether nothing comes for so long, but for what a slow machine had sent again until now."""
        while (message := self._heard_within(0.001)) is not None:
            if not self._is_sent_again(message):
                return False
        return self._heard_within(seconds) is None

    def _heard_within(self, seconds: float) -> Request | Response | None:
        try:
            return self.receive(seconds)
        except TimeoutError:
            return None

    def make(self, method: str, *, uri: str = "", body: bytes = b"", **changes: str) -> Request:
        """A request outside of dialogs; `changes` replace headers, "_" standing for "-"."""
        headers = {
            "Via": f"SIP/2.0/UDP {HOST}:{self.port};rport;branch={new_branch()}",
            "Max-Forwards": "70",
            "From": f"<sip:peer@{HOST}>;tag=peer",
            "To": f"<sip:support@{HOST}>",
            "Call-ID": f"call-{new_branch()[-12:]}",
            "CSeq": f"1 {method}",
            "Contact": f"<sip:peer@{HOST}:{self.port}>",
        }
        headers.update({name.rstrip("_").replace("_", "-"): value for name, value in changes.items()})
        lines = [(name, value) for name, value in headers.items() if value]
        lines += [("Content-Type", "application/sdp")] if body else []
        host, port = self._target
        return Request(method, uri or f"sip:support@{host}:{port}", Headers(lines), body)

    def within(
        self, method: str, invite: Request, answer: Response, *, cseq: int, body: bytes = b""
    ) -> Request:
        """A request of ours in the dialog of our INVITE and its answer."""
        return self.make(
            method,
            uri=str(answer.contacts[0].uri) if answer.contacts else "",
            body=body,
            From=invite.headers.get("from") or "",
            To=answer.headers.get("to") or "",
            Call_ID=invite.call_id,
            CSeq=f"{cseq} {method}",
        )

    def back(self, method: str, invite: Request, tag: str, *, cseq: int = 1, body: bytes = b"") -> Request:
        """A request of ours in the dialog of their INVITE, which we have answered with `tag`."""
        return self.make(
            method,
            uri=str(invite.contacts[0].uri),
            body=body,
            From=f"{invite.headers.get('to')};tag={tag}",
            To=invite.headers.get("from") or "",
            Call_ID=invite.call_id,
            CSeq=f"{cseq} {method}",
        )

    def answer(
        self,
        request: Request,
        status: int,
        *headers: tuple[str, str],
        tag: str = "theirs",
        body: bytes = b"",
    ) -> Response:
        """Answer a request that we have received."""
        lines = [("Contact", f"<sip:peer@{HOST}:{self.port}>"), *headers]
        response = response_to(
            request,
            status,
            to_tag=tag if status > 100 else None,
            headers=lines,
            body=body,
            content_type="application/sdp" if body else None,
        )
        self.send(response)
        return response
