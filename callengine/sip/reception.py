"""Who gets a request that came: the session of its dialog, a worker of the pool, or an answer at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gevent.pool import Pool
from loguru import logger

from callengine import greenlets
from callengine.errors import CallCenterError, Overloaded
from callengine.sip.counts import SipCounts
from callengine.sip.flow import Flow
from callengine.sip.message import Request, Response
from callengine.sip.screening import Screening
from callengine.sip.stateless import Refusal
from callengine.sip.transactions import ServerTransaction

Handler = Callable[[ServerTransaction], None]
"""Takes a new request in a worker greenlet, and sees to it that it is answered."""

Gate = Callable[[Request], Refusal | None]
"""Answers a new request without a transaction, or lets it through (None). Must not wait."""

DialogKey = tuple[str, str]
"""Call-ID and our tag; their tag is compared by the session, which knows it only once they have answered."""

_BASE_METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS")


class DialogOwner(Protocol):
    """What is asked of a session. Nothing of it may wait."""

    flow: Flow
    """The way of its requests."""

    def receive_request(self, transaction: ServerTransaction) -> None:
        """A request within the dialog, new to us."""

    def receive_ack(self, ack: Request) -> None:
        """The ACK of a 2xx."""

    def receive_stray_response(self, response: Response) -> None:
        """A response without a transaction: a 2xx that is repeated for long, or after a restart."""

    def abandon(self) -> None:
        """The endpoint stops: end, and send nothing."""


class Reception:
    """The endpoint's side that receives; runs in the receiving greenlet, so nothing here waits.

    New requests with a handler run in a pool of `pool_size` workers; when all are taken the answer is 503.
    """

    def __init__(self, *, pool_size: int, user_agent: str, counts: SipCounts) -> None:
        self.screening = Screening(_BASE_METHODS)
        self._user_agent = user_agent
        self._counts = counts
        self._handlers: dict[str, Handler] = {}
        self._gates: dict[str, Gate] = {}
        self._sessions: dict[DialogKey, DialogOwner] = {}
        self._pool = Pool(pool_size)

    def on(self, method: str, handler: Handler, gate: Gate | None = None) -> None:
        """See `Endpoint.on`."""
        self._handlers[method] = handler
        if gate is not None:
            self._gates[method] = gate
        more = [name for name in self._handlers if name not in _BASE_METHODS]
        self.screening = Screening((*_BASE_METHODS, *more))

    def dialog_count(self) -> int:
        """Sessions that have not ended."""
        return len(self._sessions)

    def dialogs(self) -> dict[DialogKey, DialogOwner]:
        """The sessions that have not ended."""
        return dict(self._sessions)

    def has_dialog_over(self, flow: Flow) -> bool:
        """Whether this is the way of a dialog that has not ended."""
        return any(session.flow == flow for session in self._sessions.values())

    def busy_workers(self) -> int:
        """Workers of the pool that are taken."""
        return len(self._pool)

    def adopt(self, key: DialogKey, session: DialogOwner) -> None:
        """From now on this session gets what comes for that dialog."""
        self._sessions[key] = session

    def forget(self, key: DialogKey) -> None:
        """The dialog is over: 481 from now on."""
        self._sessions.pop(key, None)

    def abandon_all(self) -> None:
        """End all sessions, without a word to anybody."""
        for session in list(self._sessions.values()):
            session.abandon()
        self._sessions.clear()

    def refuse_at_once(self, request: Request) -> Refusal | None:
        """What its method's gate says; what is refused for other reasons has its transaction."""
        gate = self._gates.get(request.method)
        return gate(request) if gate is not None and self.screening.refusal(request) is None else None

    def take_request(self, transaction: ServerTransaction) -> None:
        """A new request of any method but ACK and CANCEL."""
        request = transaction.request
        refusal = self.screening.refusal(request)
        if refusal is not None:
            status, headers = refusal
            transaction.answer(status, headers=headers)
        elif request.to.tag is not None and request.method != "REGISTER":
            self._take_in_dialog(transaction, request)
        elif request.method in self._handlers:
            self._hand_to_worker(self._handlers[request.method], transaction)
        elif request.method == "OPTIONS":
            self.answer_options(transaction)
        else:
            transaction.answer(480 if request.method == "INVITE" else 481)

    def take_ack(self, ack: Request, source: Flow) -> None:
        """The ACK of a 2xx."""
        session = self._sessions.get((ack.call_id, ack.to.tag or ""))
        if session is None:
            self._counts.stray_acks += 1
            logger.debug("stray ACK from {}", source)
        else:
            session.receive_ack(ack)

    def take_stray_response(self, response: Response, _source: Flow) -> None:
        """A response without a transaction."""
        session = self._sessions.get((response.call_id, response.from_.tag or ""))
        if session is not None:
            session.receive_stray_response(response)

    def answer_options(self, transaction: ServerTransaction) -> None:
        """Tell what we are able to do (RFC 3261 11.2)."""
        transaction.answer(200, headers=(*self.screening.capabilities(), ("Server", self._user_agent)))

    def _take_in_dialog(self, transaction: ServerTransaction, request: Request) -> None:
        session = self._sessions.get((request.call_id, request.to.tag or ""))
        if session is None:
            transaction.answer(481)
        else:
            session.receive_request(transaction)

    def _hand_to_worker(self, handler: Handler, transaction: ServerTransaction) -> None:
        if self._pool.full():
            self._counts.overloaded += 1
            transaction.refuse(Overloaded("all workers are taken"))
            return
        greenlets.spawn("sip_worker", _work, handler, transaction, owner=self._pool)


def _work(handler: Handler, transaction: ServerTransaction) -> None:
    try:
        handler(transaction)
    except CallCenterError as error:
        logger.debug("{} is refused: {}", transaction.request.method, error)
        transaction.refuse(error)
    except Exception:
        transaction.answer(500)
        raise
