"""Answers without a transaction: to what is too broken for one, or proves nothing yet (RFC 3261 8.2.7)."""

from __future__ import annotations

from hashlib import blake2s

from callengine.errors import BadMessage
from callengine.sip.flow import Flow
from callengine.sip.matching import take_source
from callengine.sip.message import Request, response_to

Refusal = tuple[int, tuple[tuple[str, str], ...]]
"""Status and headers of an answer."""


def stateless_refusal(error: BadMessage, wire: bytes, source: Flow) -> tuple[bytes, Flow] | None:
    """What to send to whom, or None for what is no request, or one that cannot be answered.

    The same bytes get the same To tag, as a stateless server must see to.
    """
    request = error.request
    if not isinstance(request, Request) or request.method == "ACK":
        return None
    try:
        flow = take_source(request, source)
    except BadMessage:
        return None
    reason = "".join(letter for letter in str(error)[:80] if letter.isprintable())
    tag = blake2s(wire, digest_size=8).hexdigest()
    return response_to(request, error.sip_status, reason, to_tag=tag).serialise(), flow


def stateless_answer(request: Request, source: Flow, refusal: Refusal) -> tuple[bytes, Flow]:
    """What to send to whom, so that nothing is kept of the request; each repetition gets the same To tag.

    Raises BadMessage for a malformed rport.
    """
    status, headers = refusal
    named = (request.via.branch, request.call_id, request.from_.tag, request.cseq.number)
    tag = blake2s(repr(named).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    flow = take_source(request, source)
    return response_to(request, status, to_tag=tag, headers=headers).serialise(), flow
