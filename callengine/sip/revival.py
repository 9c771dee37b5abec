"""Takes up INVITEs of an earlier process from stored facts: answered ones of theirs, pending ones of ours.

Nothing is sent until the other end says something. `session.restore` does the same for the dialog alone.
"""

from __future__ import annotations

from callengine.sip.endpoint import Endpoint
from callengine.sip.leg_facts import LegFacts
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.session import Session, restore


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
) -> Session:
    """An INVITE of theirs that an earlier process has answered, or was about to, with `local_body`.

    If its 200 was never sent or got lost, the INVITE comes again and is answered with the same.
    """
    session = restore(
        endpoint,
        facts.dialog,
        facts.flow,
        contact=contact,
        local_body=local_body,
        remote_body=remote_body,
    )
    session.expect_again(facts.invite_cseq)
    return session
