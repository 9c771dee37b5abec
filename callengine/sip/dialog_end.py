"""Our end of a dialog: the greenlet that takes its requests in order, and the event that tells of its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import copy_context
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from gevent.queue import SimpleQueue
from loguru import logger

from callengine import greenlets
from callengine.errors import CallCenterError, HungUp, SessionError
from callengine.sip.dialog import Dialog
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.server_transaction import ServerTransaction


class DialogEnd(ABC):
    """What is common to every session: it is waited upon, it takes requests, and it ends once.

    Nothing kills it. Its greenlet ("dialog") runs from `_begin_dialog` until it has ended.
    """

    def __init__(self, endpoint: Endpoint, flow: Flow) -> None:
        self.endpoint = endpoint
        self.flow = flow
        """The way of our requests to the other end."""
        self.dialog: Dialog | None = None
        """None until an INVITE of ours is answered."""
        self.ended = Event()
        """Set when the session is over, however that came."""
        self.ended_by: str | None = None
        """"remote", "local" or "timeout", once it has ended."""
        self.end_cause: str | None = None
        """What ended it: "bye", "cancelled", "rejected" (by us), "refused" (by them), "no_ack", "no_answer",
        "unreachable", "gone" (they know it no more), "unconfirmed" (nobody answered our BYE), "stopped"."""
        self._context = copy_context()
        self._requests: SimpleQueue[ServerTransaction | None] = SimpleQueue()
        self._greenlet: gevent.Greenlet[..., object] | None = None

    def wait(self, event: Event | AsyncResult[Any], timeout: float | None = None) -> bool:
        """Wait for `event` or the end: True when the event is set, False after `timeout` seconds.

        Raises HungUp when the session has ended and the event is not set.
        """
        greenlets.wait_for_any(event, self.ended, timeout=timeout)
        if event.ready():
            return True
        self._check_not_ended()
        return False

    def receive_request(self, transaction: ServerTransaction) -> None:
        """A request that carries our tag; it is taken in its turn if it carries theirs as well."""
        tag = transaction.request.from_.tag or ""
        if self.dialog is None or self._greenlet is None or tag != self.dialog.remote_tag:
            transaction.answer(481)
        else:
            self._requests.put(transaction)

    def abandon(self) -> None:
        """The endpoint stops: whoever waits for this session is told that it is over, the phone is not."""
        self._end("local", "stopped")

    def _established(self) -> Dialog:
        if self.dialog is None:
            raise SessionError("the call is not answered")
        return self.dialog

    def _key(self) -> tuple[str, str]:
        """Call-ID and our tag: what the endpoint knows us by."""
        dialog = self._established()
        return dialog.call_id, dialog.local_tag

    def _check_not_ended(self) -> None:
        if self.ended.is_set():
            raise HungUp(f"ended by {self.ended_by}: {self.end_cause}")

    def _end(self, by: str, cause: str) -> None:
        """The one place where a session ends."""
        if self.ended.is_set():
            return
        self.ended_by, self.end_cause = by, cause
        self.endpoint.forget(self._key())
        self._release()
        if self._greenlet is not None:
            self._requests.put(None)
        self.ended.set()

    def _release(self) -> None:  # noqa: B027 (a hook that may stay empty)
        """Let go of what would outlive the session."""

    def _begin_dialog(self) -> None:
        """From now on the dialog's requests are taken."""
        if self._greenlet is None and not self.ended.is_set():
            self._greenlet = self._context.run(greenlets.spawn, "dialog", self._take_requests)

    def _take_requests(self) -> None:
        while (transaction := self._requests.get()) is not None:
            try:
                self._take(transaction)
            except CallCenterError as error:
                logger.debug("{} is refused: {}", transaction.request.method, error)
                transaction.refuse(error)
            except Exception:
                logger.exception("a request within the dialog could not be dealt with")
                transaction.answer(500)
        while not self._requests.empty():
            late = self._requests.get()
            if late is not None:
                late.answer(481)

    @abstractmethod
    def _take(self, transaction: ServerTransaction) -> None:
        """Answer one request; runs in the dialog's greenlet, may wait."""
