"""Two or more SIP ends on a wire without sockets: time is given, and what gets lost is a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from callengine.errors import SessionError
from callengine.sip.client_transaction import ClientTransaction
from callengine.sip.counts import SipCounts
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.identifiers import new_branch
from callengine.sip.message import Request, Response, parse
from callengine.sip.server_transaction import ServerTransaction
from callengine.sip.stateless import Refusal
from callengine.sip.timer_queue import TimerQueue
from callengine.sip.timers import Timers
from callengine.sip.transactions import TransactionLayer
from tests.fakes.clock import FakeClock


@dataclass
class Datagram:
    """One message on its way."""

    number: int
    """From 1, in the order of sending, all ends together."""
    sent_at: float
    """Seconds since the wire was made."""
    source: Flow
    target: Flow
    wire: bytes
    is_lost: bool

    @property
    def word(self) -> str:
        """The method, or the status, with the method of the CSeq behind it."""
        message = parse(self.wire)
        if isinstance(message, Request):
            return message.method
        return f"{message.status} {message.cseq.method}"


class Wire:
    """Delivers every datagram after `latency` seconds, except those whose numbers are in `lost`."""

    def __init__(
        self, *, lost: Iterable[int] = (), latency: float = 0.01, timers: Timers | None = None
    ) -> None:
        self.clock = FakeClock()
        self.timers = timers or Timers()
        self.datagrams: list[Datagram] = []
        self.lost = set(lost)
        self.latency = latency
        self.unreachable: set[Flow] = set()
        self.ends: dict[Flow, End] = {}
        self._started_at = self.clock.monotonic()
        self._deliveries = TimerQueue()

    def end(self, host: str) -> End:
        """A new end at that address."""
        flow = Flow("udp", host, 5060)
        self.ends[flow] = End(self, flow)
        return self.ends[flow]

    @property
    def now(self) -> float:
        """Seconds since the wire was made."""
        return self.clock.monotonic() - self._started_at

    @property
    def words(self) -> list[str]:
        """What was sent so far, in short."""
        return [datagram.word for datagram in self.datagrams]

    def times(self, word: str) -> list[float]:
        """When it was sent, rounded to milliseconds."""
        return [round(datagram.sent_at, 3) for datagram in self.datagrams if datagram.word == word]

    def carry(self, source: Flow, target: Flow, wire: bytes) -> bool:
        """Take a datagram; False if there is no way to its target."""
        if target in self.unreachable:
            return False
        number = len(self.datagrams) + 1
        datagram = Datagram(number, self.now, source, target, wire, number in self.lost)
        self.datagrams.append(datagram)
        if not datagram.is_lost:
            self._deliveries.schedule(self.clock.monotonic() + self.latency, lambda: self._deliver(datagram))
        return True

    def _deliver(self, datagram: Datagram) -> None:
        end = self.ends.get(datagram.target)
        if end is not None:
            end.layer.receive(parse(datagram.wire), datagram.source)

    def run(self, seconds: float) -> None:
        """Let time pass; everything that falls due happens at its own moment."""
        stop = self.clock.monotonic() + seconds
        while True:
            queues = [self._deliveries, *(end.queue for end in self.ends.values())]
            dues = [due for queue in queues if (due := queue.next_due()) is not None]
            moment = min(dues, default=stop)
            if moment > stop:
                break
            self.clock.advance(max(0.0, moment - self.clock.monotonic()))
            if not dues:
                break
            for queue in queues:
                queue.run_due(self.clock.monotonic())
        self.clock.advance(stop - self.clock.monotonic())


@dataclass
class Asked:
    """A client transaction with all that came of it."""

    transaction: ClientTransaction
    responses: list[Response] = field(default_factory=list)
    failures: list[SessionError] = field(default_factory=list)

    @property
    def statuses(self) -> list[int]:
        """The status of each response."""
        return [response.status for response in self.responses]


class End:
    """One end of the wire: a transaction layer whose user only takes notes."""

    def __init__(self, wire: Wire, flow: Flow) -> None:
        self.flow = flow
        self.wire = wire
        self.queue = TimerQueue()
        self.counts = SipCounts()
        self.served: list[ServerTransaction] = []
        self.acks: list[Request] = []
        self.strays: list[Response] = []
        self.on_request: Callable[[ServerTransaction], None] = lambda _: None
        self.refuse_at_once: Callable[[Request], Refusal | None] = lambda _: None
        self.layer = TransactionLayer(
            send=lambda data, target: wire.carry(flow, target, data),
            timers=wire.timers,
            queue=self.queue,
            now=wire.clock.monotonic,
            counts=self.counts,
            on_request=self._take,
            on_ack=lambda ack, _: self.acks.append(ack),
            on_stray_response=lambda response, _: self.strays.append(response),
            refuse_at_once=lambda request: self.refuse_at_once(request),
        )

    def _take(self, transaction: ServerTransaction) -> None:
        self.served.append(transaction)
        self.on_request(transaction)

    def request(self, method: str, **changes: str) -> Request:
        """A request of this end, with its Via; `changes` replace headers, "_" standing for "-"."""
        host = self.flow.host
        headers = {
            "Via": f"SIP/2.0/UDP {host}:5060;branch={new_branch()}",
            "Max-Forwards": "70",
            "From": f"<sip:caller@{host}>;tag=ours",
            "To": "<sip:support@example.com>",
            "Call-ID": f"call-of-{host}",
            "CSeq": f"1 {method}",
            "Contact": f"<sip:caller@{host}:5060>",
        }
        headers.update({name.replace("_", "-"): value for name, value in changes.items()})
        return Request(method, "sip:support@example.com", Headers(headers.items()))

    def ask(self, request: Request, target: End, *, is_sent: bool = False) -> Asked:
        """Send a request, unless an earlier process has, and take note of what comes of it."""
        responses: list[Response] = []
        failures: list[SessionError] = []
        transaction = self.layer.request(
            request,
            target.flow,
            branch=request.via.branch or "",
            on_response=responses.append,
            on_failure=failures.append,
            is_sent=is_sent,
        )
        return Asked(transaction, responses, failures)

    def send(self, request: Request, target: End) -> None:
        """Send a request outside of all transactions."""
        self.wire.carry(self.flow, target.flow, request.serialise())
