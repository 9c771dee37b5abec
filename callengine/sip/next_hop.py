"""Where a dialog's requests are sent: by routes and Contact, or back the way a phone came (RFC 3581)."""

from __future__ import annotations

import ipaddress

from callengine.sip.dialog import Dialog
from callengine.sip.flow import Flow
from callengine.sip.message import Request
from callengine.sip.uri import Uri

_DEFAULT_PORT = 5060


def flow_to(uri: Uri, *, otherwise: Flow) -> Flow:
    """The way to a URI with a numeric address; a host name is not looked up here: `otherwise`.

    Without a `transport` parameter it is that of `otherwise`.
    """
    try:
        ipaddress.ip_address(uri.host)
    except ValueError:
        return otherwise
    transport = (uri.parameter("transport") or otherwise.transport).lower()
    return Flow(transport, uri.host, uri.port or _DEFAULT_PORT)


def over(uri: str, transport: str) -> str:
    """A URI of ours, by which we are reached over this transport."""
    return uri if transport == "udp" else f"{uri};transport={transport}"


def way_back(request: Request, source: Flow, dialog: Dialog) -> Flow:
    """The way of our requests in the dialog of a request that came from `source`.

    Who sent it directly and asks for symmetric responses (`rport`) may sit behind a NAT, where its Contact
    leads nowhere: back to the source. So too over a connection, which is the way back by itself. Anybody else
    is reached by route set and Contact (RFC 3261 12.2.1.1).
    """
    lines = request.headers.get_all("via")
    is_direct = len(lines) == 1 and "," not in lines[0]
    if is_direct and (request.via.wants_rport or source.is_reliable):
        return source
    return flow_to(dialog.next_hop, otherwise=source)


def way_on(dialog: Dialog, *, known_uri: str, known: Flow) -> Flow:
    """The way of our requests in a dialog whose target may have changed.

    `known` is the way that led to `known_uri`, a binding's Contact for example, which may be behind a NAT: a
    target with the same host and port is reached likewise.
    """
    hop = dialog.next_hop
    before = Uri.parse(known_uri)
    is_connection = known.is_reliable and not dialog.facts().route_set
    if is_connection or (hop.host, hop.port) == (before.host, before.port):
        return known
    return flow_to(hop, otherwise=known)
