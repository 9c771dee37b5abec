"""The answer to a request that is too broken for a transaction (RFC 3261 8.2.7)."""

from __future__ import annotations

from hashlib import blake2s

from callengine.errors import BadMessage
from callengine.sip.flow import Flow
from callengine.sip.matching import take_source
from callengine.sip.message import Request, response_to


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
