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

from collections.abc import Callable, Sequence
from typing import Any, cast

from gevent import socket
from gevent.event import AsyncResult
from loguru import logger

from callengine.clock import Clock, SystemClock
from callengine.errors import BadMessage, SessionError
from callengine.sip.acceptance import Acceptance
from callengine.sip.client_transaction import Unreachable
from callengine.sip.counts import SipCounts
from callengine.sip.flow import Flow
from callengine.sip.grammar import format_host, is_ipv4
from callengine.sip.identifiers import new_branch
from callengine.sip.message import Request, Response, is_keepalive, parse
from callengine.sip.next_hop import over
from callengine.sip.progress import Progress
from callengine.sip.reception import DialogKey, DialogOwner, Gate, Handler, Reception
from callengine.sip.screening import Screening
from callengine.sip.stateless import stateless_refusal
from callengine.sip.timer_driver import TimerDriver
from callengine.sip.timers import Timers
from callengine.sip.transactions import ClientTransaction, ServerTransaction, TransactionLayer
from callengine.sip.transport.connection import StreamLimits
from callengine.sip.transport.switch import Switch
from callengine.sip.uri import Uri

_RFC3261_PORT = 5060


class Endpoint:
    """One SIP user agent core, over UDP, TCP or both, at one address.

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
        transports: Sequence[str] = ("udp",),
        stream_limits: StreamLimits | None = None,
    ) -> None:
        """`transports` are "udp" and "tcp", the first of them for what names none."""
        self.clock = clock or SystemClock()
        self.timers = timers or Timers()
        self.user_agent = user_agent
        self._advertised = (advertised_host, advertised_port)
        self.counts = SipCounts()
        self._is_running = False
        self._reception = Reception(pool_size=pool_size, user_agent=user_agent, counts=self.counts)
        self._driver = TimerDriver(self.clock.monotonic)
        self._switch = Switch(
            transports,
            host,
            port,
            on_message=self._receive,
            on_broken=self._refuse_bad,
            on_lost=self._note_lost,
            is_needed=self._reception.has_dialog_over,
            limits=stream_limits,
        )
        self._layer = TransactionLayer(
            send=self.send,
            reaches=self._switch.reaches,
            timers=self.timers,
            queue=self._driver.queue,
            now=self.clock.monotonic,
            counts=self.counts,
            on_request=self._reception.take_request,
            on_ack=self._reception.take_ack,
            on_stray_response=self._reception.take_stray_response,
            refuse_at_once=self._reception.refuse_at_once,
        )

    # Life

    def bind(self) -> None:
        """Have the addresses; nothing is received before `start`. Raises `AddressTaken`."""
        self._switch.bind()

    def start(self) -> None:
        """Bind, if that is not done yet, and begin. Raises `AddressTaken` when an address cannot be had."""
        self._switch.start()
        self._driver.start()
        self._is_running = True

    def stop(self) -> None:
        """Close the socket, fail what is pending and end every session, without a word to any phone.

        Hanging up comes before.
        """
        self._is_running = False
        self._switch.close()
        self._reception.abandon_all()
        self._layer.give_up_all(SessionError("the endpoint has stopped"))
        self._driver.stop()

    def deafen(self) -> None:
        """Receive nothing new: what comes now is for the next process, to which it is repeated."""
        self._switch.deafen()

    def on(self, method: str, handler: Handler, *, gate: Gate | None = None) -> None:
        """Have `handler` called for each new request of this method; it stands in Allow from now on.

        An error of our tree that leaves the handler is answered with its status, any other with 500. What
        `gate` answers never comes so far: it takes no worker and no transaction.
        """
        self._reception.on(method, handler, gate)

    # Figures

    @property
    def send_failures(self) -> int:
        """Messages that the network did not take."""
        return self._switch.send_failures

    def connection_count(self) -> int:
        """TCP connections that are open or being opened."""
        return self._switch.connection_count()

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
        """What the socket of the first transport is bound to."""
        return self._switch.local_address

    @property
    def transports(self) -> tuple[str, ...]:
        """The names of its transports."""
        return self._switch.names

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
        """A SIP URI by which this endpoint is reached, over its first transport."""
        host, port = self.advertised
        uri = f"sip:{user + '@' if user else ''}{format_host(host)}:{port}"
        return over(uri, self._switch.first)

    # Sending

    def add_via(self, request: Request, flow: Flow, branch: str | None = None) -> str:
        """Put our Via on top of a request that goes over `flow`; returns its branch."""
        branch = branch or new_branch()
        request.headers.insert_first("Via", self.via(flow, branch))
        return branch

    def via(self, flow: Flow, branch: str) -> str:
        """The value of our Via in a request that goes over `flow`."""
        host, port = self.advertised
        return f"SIP/2.0/{flow.transport.upper()} {format_host(host)}:{port};branch={branch};rport"

    def send(self, wire: bytes, flow: Flow) -> bool:
        """Give bytes to the network, without waiting; False when they cannot go there at all."""
        return self._switch.send(wire, flow)

    def reaches(self, flow: Flow) -> bool:
        """Whether a message can go there now without anything being set up first."""
        return self._switch.reaches(flow)

    def way(self, flow: Flow, uri: str | Uri) -> Flow:
        """`flow`, or if it was a connection that is gone the way to `uri`, which says where to connect."""
        return self._switch.way(flow, uri)

    def way_for(self, request: Request, flow: Flow) -> Flow:
        """`flow`, or TCP to the same address for a request too large for a datagram (RFC 3261 18.1.1)."""
        return self._switch.way_for(request, flow)

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
        A request without a Via that is too large for a datagram goes over TCP if that can be had.
        """
        if not self._is_running:
            raise SessionError("the endpoint does not run")
        if branch is None and (way := self.way_for(request, flow)) != flow:
            return self._send_large(request, way, flow, on_response, on_failure)
        return self._layer.request(
            request,
            flow,
            branch=branch or self.add_via(request, flow),
            on_response=on_response,
            on_failure=on_failure,
        )

    def _send_large(
        self,
        request: Request,
        way: Flow,
        otherwise: Flow,
        on_response: Callable[[Response], None],
        on_failure: Callable[[SessionError], None],
    ) -> ClientTransaction:
        def fall_back(error: SessionError) -> None:
            if not isinstance(error, Unreachable) or not self._is_running:
                on_failure(error)
                return
            branch = new_branch()
            request.headers.replace_first("Via", self.via(otherwise, branch))
            self.send_request(
                request, otherwise, on_response=on_response, on_failure=on_failure, branch=branch
            )

        branch = self.add_via(request, way)
        return self.send_request(request, way, on_response=on_response, on_failure=fall_back, branch=branch)

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

    def take_up_invite(self, invite: Request, source: Flow, given: Response) -> ServerTransaction:
        """Take up an INVITE that an earlier process has answered, finally or not: nothing is sent.

        `given` is the last answer, a 2xx or a provisional one, or the one that was about to be given. The
        CANCEL of the INVITE is answered from now on, and its repetition is not taken for a new call.
        """
        return self._layer.take_up_invite(invite, source, given)

    def repeat_progress(self, transaction: ServerTransaction) -> Progress:
        """Repeat the provisional answer that the INVITE was just given, until that is stopped."""
        return Progress(
            transaction,
            interval=self.timers.progress,
            queue=self._driver.queue,
            now=self.clock.monotonic,
        )

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
        """The way to a URI: its address, or what its host name stands for (no SRV), which may take a while.

        Raises BadMessage for what is no SIP URI, SessionError for a host that is not found or a transport
        that we lack.
        """
        target = Uri.parse(uri) if isinstance(uri, str) else uri
        transport = (target.parameter("transport") or self._switch.first).lower()
        if target.scheme != "sip" or transport not in self._switch.names:
            raise SessionError(
                f"{target} is not to be reached over {' or '.join(self._switch.names).upper()}"
            )
        family = socket.AF_INET6 if ":" in self.local_address[0] else socket.AF_INET
        return Flow(transport, _look_up(target.host, family), target.port or _RFC3261_PORT)

    # Dialogs

    def dialogs(self) -> dict[DialogKey, DialogOwner]:
        """The sessions that have not ended, by Call-ID and our tag."""
        return self._reception.dialogs()

    def adopt(self, key: DialogKey, session: DialogOwner) -> None:
        """From now on this session gets what comes for that dialog."""
        self._reception.adopt(key, session)

    def forget(self, key: DialogKey) -> None:
        """The dialog is over: 481 from now on."""
        self._reception.forget(key)

    def answer_options(self, transaction: ServerTransaction) -> None:
        """Tell what we are able to do (RFC 3261 11.2)."""
        self._reception.answer_options(transaction)

    def _note_lost(self, flow: Flow) -> None:
        if self._is_running:
            self._layer.note_lost(flow)

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


def _look_up(host: str, family: socket.AddressFamily) -> str:
    """The address of a host; what is one already needs no thread that asks for it."""
    if family == socket.AF_INET and is_ipv4(host):
        return host
    try:
        found = socket.getaddrinfo(host, None, family, socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise SessionError(f"the host {host} is not found") from error
    return str(found[0][4][0])
