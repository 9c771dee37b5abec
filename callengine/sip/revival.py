"""Takes up INVITEs of an earlier process from stored facts: answered ones of theirs, pending ones of ours.

Nothing is sent by that. `session.restore` does the same for the dialog alone.
"""

from __future__ import annotations

from callengine.sip.answered_session import AnsweredSession
from callengine.sip.dialog import tagged
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.leg_facts import LegFacts
from callengine.sip.message import Request
from callengine.sip.outgoing_session import OutgoingSession


def revive_outgoing(endpoint: Endpoint, facts: LegFacts, *, contact: str, body: bytes) -> OutgoingSession:
    """An INVITE of ours that nobody has answered as far as we know, `body` being the SDP that it offered.

    The answer that came while nobody listened is repeated by the other end (RFC 3261 13.3.1.4, 17.2.1).
    """
    dialog = facts.dialog
    session = OutgoingSession(
        endpoint,
        target_uri=facts.request_uri,
        flow=facts.flow,
        from_=dialog.local_uri,
        to=dialog.remote_uri,
        contact=contact,
        body=body,
        call_id=dialog.call_id,
        local_tag=dialog.local_tag,
        branch=facts.branch,
        cseq=facts.invite_cseq,
    )
    session.take_up(facts.via_set[0], facts.remote_tags)
    return session


def revive_incoming(
    endpoint: Endpoint, facts: LegFacts, *, contact: str, local_body: bytes, remote_body: bytes
) -> AnsweredSession:
    """An INVITE of theirs that an earlier process has answered, or was about to, with `local_body`.

    Nobody knows whether its 200 was sent, and has arrived: see `AnsweredSession.repeat_answer`.
    """
    session = AnsweredSession(endpoint, facts.flow, contact=contact)
    session.resume(facts.dialog, local_body=local_body, remote_body=remote_body)
    invite = _invite_of(facts)
    session.take_up_answer(invite, Flow(facts.flow.transport, *invite.via.response_address))
    return session


def _invite_of(facts: LegFacts) -> Request:
    """Their INVITE as far as our response repeats it (RFC 3261 8.2.6, 12.1.1)."""
    dialog = facts.dialog
    lines = [("Via", line) for line in facts.via_set]
    lines += [("Record-Route", route) for route in dialog.route_set]
    lines += [
        ("From", tagged(dialog.remote_uri, dialog.remote_tag)),
        ("To", dialog.local_uri),
        ("Call-ID", dialog.call_id),
        ("CSeq", f"{facts.invite_cseq} INVITE"),
    ]
    return Request("INVITE", facts.request_uri, Headers(lines))
