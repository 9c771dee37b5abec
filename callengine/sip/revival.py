"""Takes up INVITEs of an earlier process from stored facts: theirs, and those of ours that are pending.

Nothing is sent by that. `session.restore` does the same for the dialog alone.
"""

from __future__ import annotations

from callengine.sip.answered_session import AnsweredSession
from callengine.sip.dialog import tagged
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.headers import Headers
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.leg_facts import LegFacts
from callengine.sip.message import Request, response_to
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.session import describe


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


def revive_unanswered(
    endpoint: Endpoint, facts: LegFacts, *, contact: str, local_body: bytes, remote_body: bytes
) -> IncomingSession:
    """An INVITE of theirs that an earlier process has told to wait: with 183 and `local_body`, or with 180.

    Its repetition gets the same, its CANCEL is obeyed, `ring_again` and `answer` go on with it.
    """
    dialog = facts.dialog
    body = local_body if facts.last_status == 183 else b""
    invite = _invite_of(facts, ("Contact", f"<{dialog.remote_target}>"))
    invite.body = remote_body
    given = response_to(
        invite,
        facts.last_status or 180,
        to_tag=dialog.local_tag,
        headers=describe(endpoint, contact, body),
        body=body,
    )
    source = Flow(facts.flow.transport, *invite.via.response_address)
    transaction = endpoint.take_up_invite(invite, source, given)
    session = IncomingSession(transaction, endpoint, contact=contact, local_tag=dialog.local_tag)
    session.flow, session.local_body = facts.flow, body
    session.begin()
    return session


def _invite_of(facts: LegFacts, *more: tuple[str, str]) -> Request:
    """Their INVITE as far as our response repeats it (RFC 3261 8.2.6, 12.1.1), with some `more` lines."""
    dialog = facts.dialog
    lines = [("Via", line) for line in facts.via_set]
    lines += [("Record-Route", route) for route in dialog.route_set]
    lines += [
        ("From", tagged(dialog.remote_uri, dialog.remote_tag)),
        ("To", dialog.local_uri),
        ("Call-ID", dialog.call_id),
        ("CSeq", f"{facts.invite_cseq} INVITE"),
        *more,
    ]
    return Request("INVITE", facts.request_uri, Headers(lines))
