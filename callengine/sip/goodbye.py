"""BYE: said once and left to its transaction, or said until somebody confirms it (RFC 3261 15.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent.event import AsyncResult, Event

from callengine import greenlets
from callengine.sip.dialog import Dialog
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.message import Request, Response


def send_bye(endpoint: Endpoint, dialog: Dialog, flow: Flow) -> None:
    """A BYE whose answer nobody waits for; its transaction repeats it."""
    endpoint.send_request(_bye(endpoint, dialog, None), flow, on_response=_ignore, on_failure=_ignore)


def say_bye(
    endpoint: Endpoint,
    dialog: Dialog,
    way: Callable[[], Flow],
    *,
    ended: Event,
    reason: str | None,
    timeout: float,
    attempts: int,
) -> bool:
    """Send BYE until there is a final response, or `ended` is set because theirs came; False if neither.

    Each of the `attempts` is a transaction of its own, given up after `timeout` seconds; one that cannot be
    sent takes as long, since a phone whose connection is gone comes back when it registers again. A 500 may
    mean that our CSeq is lower than one that they have seen, so it is raised by a block, once.
    """
    may_raise_cseq = True
    while attempts > 0:
        begun_at = endpoint.clock.monotonic()
        status = _try_bye(endpoint, _bye(endpoint, dialog, reason), way(), ended, timeout)
        if status == 500 and may_raise_cseq:
            dialog.raise_cseq()
            may_raise_cseq = False
            continue
        if status is not None or ended.is_set():
            return True
        attempts -= 1
        if attempts:
            left = begun_at + timeout - endpoint.clock.monotonic()
            greenlets.wait_for_any(ended, timeout=max(0.0, left))
    return False


def _try_bye(endpoint: Endpoint, bye: Request, flow: Flow, ended: Event, timeout: float) -> int | None:
    """The status of the final response; None without one."""
    outcome: AsyncResult[Any] = AsyncResult()

    def take(response: Response) -> None:
        if response.status >= 200:
            outcome.set(response.status)

    transaction = endpoint.send_request(bye, flow, on_response=take, on_failure=lambda _: outcome.set(None))
    greenlets.wait_for_any(outcome, ended, timeout=timeout)
    if not outcome.ready() and not ended.is_set():
        transaction.abandon()
    status: int | None = outcome.value
    return status


def _bye(endpoint: Endpoint, dialog: Dialog, reason: str | None) -> Request:
    bye = dialog.next_request("BYE")
    bye.headers.add("User-Agent", endpoint.user_agent)
    if reason is not None:
        bye.headers.add("Reason", reason)
    return bye


def _ignore(_: object) -> None:
    """Nobody waits for this."""
