"""Legs as rows: what is stored of a leg before its first message, and the leg that is made again from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callengine.callcenter.calls import Leg
from callengine.errors import CallCenterError, DatabaseError
from callengine.sdp.negotiation import Agreement
from callengine.sdp.session import SessionDescription
from callengine.sip.address import Address
from callengine.sip.dialog import DialogFacts
from callengine.sip.endpoint import Endpoint
from callengine.sip.flow import Flow
from callengine.sip.leg_facts import LegFacts
from callengine.sip.revival import revive_incoming, revive_outgoing, revive_unanswered
from callengine.sip.session import Session, restore
from callengine.vocabulary import LegDirection, LegRole, LegState

Owner = Mapping[str, str]
"""`node` and `incarnation` of the process to which a row belongs."""


def row_of(leg: Leg, facts: LegFacts, **more: Any) -> dict[str, Any]:
    """The columns of a leg before its first message; `more` has those that the leg does not know itself.

    The same columns each time, so that the statement is prepared once.
    """
    dialog = facts.dialog
    return {
        "id": leg.id,
        "role": leg.role,
        "transport": facts.flow.transport,
        "host": facts.flow.host,
        "port": facts.flow.port,
        "sip_call_id": dialog.call_id,
        "local_tag": dialog.local_tag,
        "remote_tag": dialog.remote_tag or None,
        "local_uri": dialog.local_uri,
        "remote_uri": dialog.remote_uri,
        "route_set": list(dialog.route_set),
        "remote_target": dialog.remote_target,
        "request_uri": facts.request_uri,
        "branch": facts.branch,
        "via_set": list(facts.via_set),
        "invite_cseq": facts.invite_cseq,
        "local_cseq": dialog.local_cseq,
        "remote_cseq": dialog.remote_cseq,
        "last_status": facts.last_status,
        "remote_tags": list(facts.remote_tags),
        "local_sdp": _text(leg.local_sdp.serialise()),
        "sdp_session_id": leg.local_sdp.origin.session_id,
        "sdp_version": leg.local_sdp.origin.version,
        "media_port": leg.media_port,
        "binding_id": leg.binding_id,
        **agreed(leg),
        **more,
    }


def row_of_phone(leg: Leg, *, owner: Owner, call_id: str, offer_id: str, now: float) -> dict[str, Any]:
    """The columns of the leg to a phone that is about to ring for an offer."""
    return row_of(
        leg,
        leg.outgoing.facts,
        **owner,
        call_id=call_id,
        offer_id=offer_id,
        direction=LegDirection.OUTGOING,
        state=LegState.INVITING,
        created_at=now,
        answered_at=None,
    )


def agreed(leg: Leg) -> dict[str, Any]:
    """The columns of what the phone agreed to; all null until it has."""
    agreement = leg.agreement
    return {
        "remote_sdp": _text(leg.session.remote_body) or None,
        "codec": agreement and agreement.codec,
        "payload_type": agreement and agreement.payload_type,
        "receive_payload_type": agreement and agreement.receive_payload_type,
        "telephone_event": agreement and agreement.telephone_event,
        "receive_telephone_event": agreement and agreement.receive_telephone_event,
        "direction_of_media": agreement and agreement.direction,
        "remote_media_host": agreement and agreement.host,
        "remote_media_port": agreement and agreement.port,
    }


def answered(leg: Leg, facts: LegFacts, peer: Leg) -> dict[str, Any]:
    """The columns that are known when the phone has answered our INVITE."""
    dialog = facts.dialog
    return {
        "peer_leg_id": peer.id,
        "host": facts.flow.host,
        "port": facts.flow.port,
        "remote_tag": dialog.remote_tag,
        "remote_target": dialog.remote_target,
        "route_set": list(dialog.route_set),
        "remote_tags": list(facts.remote_tags),
        "last_status": 200,
        **agreed(leg),
    }


def changed(leg: Leg) -> dict[str, Any]:
    """The columns that a re-INVITE of the phone may have changed."""
    dialog, flow = leg.session.dialog, leg.session.flow
    assert dialog is not None
    return {
        **agreed(leg),
        "local_sdp": _text(leg.local_sdp.serialise()),
        "sdp_version": leg.local_sdp.origin.version,
        "remote_target": dialog.remote_target,
        "remote_cseq": dialog.remote_cseq,
        "host": flow.host,
        "port": flow.port,
    }


def leg_of(row: Mapping[str, Any], endpoint: Endpoint, contact: str) -> Leg:
    """A leg made of its row, whatever its dialog had come to; nothing is sent.

    Raises `DatabaseError` for a row of which none can be made.
    """
    try:
        return _leg_of(row, endpoint, contact)
    except (CallCenterError, ValueError, TypeError, LookupError) as error:
        raise DatabaseError(f"the leg {row['id']} cannot be made of its row: {error}") from error


def _leg_of(row: Mapping[str, Any], endpoint: Endpoint, contact: str) -> Leg:
    local_sdp = SessionDescription.parse(_body(row["local_sdp"]))
    for uri in (row["remote_target"], *row["route_set"]) if row["remote_tag"] else ():
        Address.parse(uri)
    session = _session_of(row, endpoint, contact)
    return Leg(
        row["id"],
        LegRole(row["role"]),
        session,
        int(row["media_port"]),
        local_sdp,
        _agreement_of(row),
        row["binding_id"],
        row["made_by"],
        status=row["last_status"] if _is_unanswered(row) else 200,
    )


def _session_of(row: Mapping[str, Any], endpoint: Endpoint, contact: str) -> Session:
    facts, local, remote = _facts_of(row), _body(row["local_sdp"]), _body(row["remote_sdp"])
    if row["direction"] == LegDirection.OUTGOING and not row["remote_tag"]:
        return revive_outgoing(endpoint, facts, contact=contact, body=local)
    if _is_unanswered(row):
        return revive_unanswered(endpoint, facts, contact=contact, local_body=local, remote_body=remote)
    if _may_lack_its_answer(row, endpoint):
        return revive_incoming(endpoint, facts, contact=contact, local_body=local, remote_body=remote)
    return restore(
        endpoint,
        facts.dialog,
        facts.flow,
        contact=contact,
        local_body=local,
        remote_body=remote,
        listens_at=facts.request_uri if row["direction"] == LegDirection.OUTGOING else None,
    )


def _is_unanswered(row: Mapping[str, Any]) -> bool:
    """Whether it is the leg of a caller who has not been given a 200, whatever has become of it."""
    return row["direction"] == LegDirection.INCOMING and row["answered_at"] is None


def _may_lack_its_answer(row: Mapping[str, Any], endpoint: Endpoint) -> bool:
    """Whether the caller's phone may still wait for our 200: for 64*T1, unless it has changed the session."""
    return (
        row["direction"] == LegDirection.INCOMING
        and row["state"] == LegState.CONNECTED
        and row["remote_cseq"] in (None, row["invite_cseq"])
        and endpoint.clock.now() - row["answered_at"] < endpoint.timers.transaction_timeout
    )


def _facts_of(row: Mapping[str, Any]) -> LegFacts:
    return LegFacts(
        dialog=dialog_of(row),
        flow=Flow(row["transport"], row["host"], row["port"]),
        request_uri=row["request_uri"],
        branch=row["branch"],
        via_set=tuple(row["via_set"]),
        invite_cseq=row["invite_cseq"],
        last_status=row["last_status"],
        remote_tags=tuple(row["remote_tags"]),
    )


def dialog_of(row: Mapping[str, Any]) -> DialogFacts:
    """The dialog as its row has it; `restore` lets our CSeq jump over the numbers that were used since."""
    return DialogFacts(
        call_id=row["sip_call_id"],
        local_tag=row["local_tag"],
        remote_tag=row["remote_tag"] or "",
        local_uri=row["local_uri"],
        remote_uri=row["remote_uri"],
        route_set=tuple(row["route_set"]),
        remote_target=row["remote_target"],
        local_cseq=row["local_cseq"],
        remote_cseq=row["remote_cseq"],
        is_uac=row["direction"] == LegDirection.OUTGOING,
    )


def _agreement_of(row: Mapping[str, Any]) -> Agreement | None:
    if row["codec"] is None:
        return None
    return Agreement(
        host=row["remote_media_host"],
        port=row["remote_media_port"],
        codec=row["codec"],
        payload_type=row["payload_type"],
        receive_payload_type=row["receive_payload_type"],
        telephone_event=row["telephone_event"],
        receive_telephone_event=row["receive_telephone_event"],
        direction=row["direction_of_media"],
        ptime=20,
    )


def _body(text: str | None) -> bytes:
    return (text or "").encode("utf-8", "surrogateescape")


def _text(body: bytes) -> str:
    return body.decode("utf-8", "surrogateescape")
