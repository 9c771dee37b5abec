"""Which transaction a message belongs to (RFC 3261 17.1.3 and 17.2.3)."""

from __future__ import annotations

from callengine.sip.flow import Flow
from callengine.sip.message import Request
from callengine.sip.via import Via

MAGIC_COOKIE = "z9hG4bK"
"""How the branch of a sender begins that makes it unique (RFC 3261 8.1.1.7)."""

ServerKey = tuple[str | int | None, ...]
"""What is equal in a request, its repetitions and the ACK of its refusal."""

MergeKey = tuple[str, str | None, int, str]
"""What is equal in the copies of one request that came by different ways (RFC 3261 8.2.2.2)."""


def server_key(request: Request, via: Via, *, method: str) -> ServerKey:
    """The key of the transaction of `request`, had it the method `method`.

    An ACK is looked for with "INVITE", and so is what a CANCEL cancels.
    """
    branch = via.branch
    if branch is not None and branch.startswith(MAGIC_COOKIE):
        return (branch, via.host.lower(), via.port, method)
    return _old_key(request, via, method)


def _old_key(request: Request, via: Via, method: str) -> ServerKey:
    """For a sender of RFC 2543, whose branch says nothing.

    The To tag is left out: a repeated INVITE has none, and its ACK has ours. What remains is told apart
    enough by From tag, Call-ID, CSeq and the whole Via.
    """
    return (
        "rfc2543",
        request.uri,
        request.from_.tag,
        request.call_id,
        request.cseq.number,
        str(via),
        method,
    )


def merge_key(request: Request) -> MergeKey:
    """The same for every copy of one request, whichever way it took."""
    return (request.call_id, request.from_.tag, request.cseq.number, request.method)


def take_source(request: Request, source: Flow) -> Flow:
    """Note in the topmost Via where a request really came from, and tell where its responses go.

    RFC 3261 18.2.1 and 18.2.2, RFC 3581 4. Raises BadMessage for a malformed rport.
    """
    via = request.via
    if via.host != source.host or via.wants_rport or via.received is not None:
        via = via.with_received(source.host, source.port)
        request.replace_via(via)
    if source.is_reliable:
        return source
    host, port = via.response_address
    return Flow(source.transport, host, port)


def way_if_gone(via: Via, source: Flow) -> Flow:
    """Where the response to a request from `source` goes if that connection is gone (RFC 3261 18.2.2).

    Its sender may listen at the port of its topmost Via, `via`; the address is the one that it really has.
    """
    return Flow(source.transport, source.host, via.sent_by_port)
