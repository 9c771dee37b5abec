"""The front door of SIP: one local address, its transactions and dialogs, and who is called for what comes.

Example:

    endpoint = Endpoint(host="192.0.2.1", port=5060)
    endpoint.on("REGISTER", registrar.handle)
    endpoint.on("INVITE", answer_call)  # runs in a worker greenlet, may wait
    endpoint.start()
    options = Request("OPTIONS", "sip:192.0.2.9", Headers([...]))  # all but the Via
    response = endpoint.request(options, endpoint.resolve("sip:192.0.2.9"))

    def answer_call(transaction: ServerTransaction) -> None:
        session = IncomingSession(transaction, endpoint, contact=endpoint.contact("support"))
        session.answer(sdp)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from gevent import socket
from gevent.event import AsyncResult
from loguru import logger

from callengine.clock import Clock, SystemClock
from callengine.errors import BadMessage, SessionError
from callengine.sip.acceptance import Acceptance
from callengine.sip.counts import SipCounts
from callengine.sip.flow import Flow
from callengine.sip.grammar import format_host
from callengine.sip.identifiers import new_branch
from callengine.sip.matching import MergeKey
from callengine.sip.message import Request, Response, is_keepalive, parse
from callengine.sip.reception import DialogKey, DialogOwner, Handler, Reception
from callengine.sip.screening import Screening
from callengine.sip.stateless import stateless_refusal
from callengine.sip.timer_driver import TimerDriver
from callengine.sip.timers import Timers
from callengine.sip.transactions import ClientTransaction, ServerTransaction, TransactionLayer
from callengine.sip.transport.udp import UdpTransport
from callengine.sip.uri import Uri

_RFC3261_PORT = 5060


class Endpoint:
    """One SIP user agent core over UDP.

    New INVITE and REGISTER run in a pool of `pool_size` workers; when all are taken the answer is 503 at
    once. Everything else is dealt with by the greenlet that receives. `advertised_host` and `advertised_port`
    are what others are told (Via, Contact), when that is not what we are bound to. `counts` only grow.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        advertised_host: str | None = None,
        advertised_port: int | None = None,
        user_agent: str = "callengine",
        timers: Timers | None = None,
        clock: Clock | None = None,
        pool_size: int = 200,
    ) -> None:
        self.clock = clock or SystemClock()
        self.timers = timers or Timers()
        self.user_agent = user_agent
        self._advertised = (advertised_host, advertised_port)
        self.counts = SipCounts()
        self._is_running = False
        self._reception = Reception(pool_size=pool_size, user_agent=user_agent, counts=self.counts)
        self._driver = TimerDriver(self.clock.monotonic)
        self._transport = UdpTransport(host, port, on_datagram=self._receive)
        self._layer = TransactionLayer(
            send=self.send,
            timers=self.timers,
            queue=self._driver.queue,
            now=self.clock.monotonic,
            counts=self.counts,
            on_request=self._reception.take_request,
            on_ack=self._reception.take_ack,
            on_stray_response=self._reception.take_stray_response,
        )

    # Life

    def start(self) -> None:
        """Bind and begin. Raises OSError when the address cannot be had."""
        self._transport.start()
        self._driver.start()
        self._is_running = True

    def stop(self) -> None:
        """Close the socket, fail what is pending and end every session, without a word to any phone.

        Hanging up comes before.
        """
        self._is_running = False
        self._transport.close()
        self._reception.abandon_all()
        self._layer.give_up_all(SessionError("the endpoint has stopped"))
        self._driver.stop()

    def on(self, method: str, handler: Handler) -> None:
        """Have `handler` called for each new request of this method; it stands in Allow from now on.

        An error of our tree that leaves the handler is answered with its status, any other with 500.
        """
        self._reception.on(method, handler)

    # Figures

    @property
    def send_failures(self) -> int:
        """Datagrams that the network did not take."""
        return self._transport.send_failures

    def transaction_count(self) -> int:
        """Transactions, those included which only wait for stray repetitions."""
        return self._layer.count()

    def dialog_count(self) -> int:
        """Sessions that have not ended."""
        return self._reception.dialog_count()

    def timer_count(self) -> int:
        """Timers that are running."""
        return len(self._driver.queue)

    def busy_workers(self) -> int:
        """Workers of the pool that are taken."""
        return self._reception.busy_workers()

    # Who we are

    @property
    def local_address(self) -> tuple[str, int]:
        """What the socket is bound to."""
        return self._transport.local_address

    @property
    def advertised(self) -> tuple[str, int]:
        """Host and port that others are told."""
        host, port = self.local_address
        return self._advertised[0] or host, self._advertised[1] or port

    @property
    def screening(self) -> Screening:
        """What we are able to take."""
        return self._reception.screening

    def contact(self, user: str | None = None) -> str:
        """A SIP URI by which this endpoint is reached."""
        host, port = self.advertised
        return f"sip:{user + '@' if user else ''}{format_host(host)}:{port}"

    # Sending

    def add_via(self, request: Request, flow: Flow, branch: str | None = None) -> str:
        """Put our Via on top of a request that goes over `flow`; returns its branch."""
        branch = branch or new_branch()
        host, port = self.advertised
        sent_by = f"{format_host(host)}:{port}"
        request.headers.insert_first(
            "Via", f"SIP/2.0/{flow.transport.upper()} {sent_by};branch={branch};rport"
        )
        return branch

    def send(self, wire: bytes, flow: Flow) -> bool:
        """Give bytes to the network, without waiting; False when they cannot go there at all."""
        return self._transport.send(wire, flow.host, flow.port)

    def send_request(
        self,
        request: Request,
        flow: Flow,
        *,
        on_response: Callable[[Response], None],
        on_failure: Callable[[SessionError], None],
        branch: str | None = None,
    ) -> ClientTransaction:
        """Send a request by a transaction of its own, and go on; see `client_transaction`.

        The Via is added unless `branch` names one that `add_via` has put there. The callbacks must not wait.
        """
        if not self._is_running:
            raise SessionError("the endpoint does not run")
        return self._layer.request(
            request,
            flow,
            branch=branch or self.add_via(request, flow),
            on_response=on_response,
            on_failure=on_failure,
        )

    def await_response(
        self,
        request: Request,
        flow: Flow,
        *,
        branch: str,
        on_response: Callable[[Response], None],
        on_failure: Callable[[SessionError], None],
    ) -> ClientTransaction:
        """Take up a request that an earlier process has sent: nothing is sent, what comes back is taken."""
        return self._layer.request(
            request, flow, branch=branch, on_response=on_response, on_failure=on_failure, is_sent=True
        )

    def request(self, request: Request, flow: Flow) -> Response:
        """Send a request and wait for its final response.

        Raises RequestTimedOut when none comes within 64*T1, SessionError when it cannot be sent.
        """
        outcome: AsyncResult[Any] = AsyncResult()

        def take(response: Response) -> None:
            if response.status >= 200:
                outcome.set(response)

        self.send_request(request, flow, on_response=take, on_failure=outcome.set_exception)
        return cast(Response, outcome.get())

    def repeat_until_ack(
        self, transaction: ServerTransaction, *, cseq: int, on_unacknowledged: Callable[[], None]
    ) -> Acceptance:
        """Repeat the 2xx that the INVITE with the number `cseq` was just given until it is ACKed."""
        return Acceptance(
            transaction,
            cseq=cseq,
            timers=self.timers,
            queue=self._driver.queue,
            now=self.clock.monotonic,
            on_unacknowledged=on_unacknowledged,
        )

    def resolve(self, uri: str | Uri) -> Flow:
        """The way to a URI: its address, or what its host name stands for (no SRV). May wait.

        Raises BadMessage for what is no SIP URI, SessionError for a host that is not found or a transport
        that we lack.
        """
        target = Uri.parse(uri) if isinstance(uri, str) else uri
        if target.scheme != "sip" or (target.parameter("transport") or "udp").lower() != "udp":
            raise SessionError(f"{target} is not to be reached over UDP")
        family = socket.AF_INET6 if ":" in self.local_address[0] else socket.AF_INET
        try:
            found = socket.getaddrinfo(target.host, target.port or _RFC3261_PORT, family, socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise SessionError(f"the host {target.host} is not found") from error
        host, port = found[0][4][:2]
        return Flow("udp", str(host), int(port))

    # Dialogs

    def adopt(self, key: DialogKey, session: DialogOwner) -> None:
        """From now on this session gets what comes for that dialog."""
        self._reception.adopt(key, session)

    def forget(self, key: DialogKey) -> None:
        """The dialog is over: 481 from now on."""
        self._reception.forget(key)

    def expect_again(self, key: MergeKey, take: Callable[[ServerTransaction], None]) -> None:
        """Have `take`, which must not wait, called once if an INVITE of an earlier process is repeated."""
        self._reception.expect_again(key, take)

    def expect_no_more(self, key: MergeKey) -> None:
        """Undo `expect_again`."""
        self._reception.expect_no_more(key)

    def answer_options(self, transaction: ServerTransaction) -> None:
        """Tell what we are able to do (RFC 3261 11.2)."""
        self._reception.answer_options(transaction)

    # Receiving

    def _receive(self, wire: bytes, source: Flow) -> None:
        try:
            self._layer.receive(parse(wire), source)
        except BadMessage as error:
            self._refuse_bad(error, wire, source)
        except Exception:
            logger.exception("a message from {} could not be dealt with", source)

    def _refuse_bad(self, error: BadMessage, wire: bytes, source: Flow) -> None:
        if is_keepalive(wire):
            return
        self.counts.bad_messages += 1
        logger.debug("bad message from {}: {}", source, error)
        refusal = stateless_refusal(error, wire, source)
        if refusal is not None:
            self.send(*refusal)
