"""Legs: one row for each dialog with a phone, with all that is needed to go on with it after a restart."""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, HexKey, HexReference, Json, Small, Wire, one_of, port
from callengine.vocabulary import LegDirection, LegRole, LegState

MEDIA_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
"""Our direction in the agreed session (RFC 8866 6.7)."""


class Leg(Base):
    """One dialog of ours with one phone; it is stored before its first message leaves.

    `transport`, `host` and `port` are the flow: the remote end to which its messages go. `via_set` (a list
    of header values) is what an incoming INVITE came with; `branch` and `request_uri` belong to the INVITE
    of an outgoing one, and `remote_tags` to each fork that answered it. `local_cseq` is what we have
    reserved our CSeq up to. `peer_leg_id` is the leg that it talks with.
    """

    __tablename__ = "legs"
    __table_args__ = (
        one_of("role", LegRole),
        one_of("direction", LegDirection),
        one_of("state", LegState),
        one_of("direction_of_media", MEDIA_DIRECTIONS),
        port("port"),
        port("media_port"),
        port("remote_media_port"),
        Index(None, "node", "state"),
        Index(
            None,
            "peer_leg_id",
            sqlite_where=text("peer_leg_id IS NOT NULL"),
            postgresql_where=text("peer_leg_id IS NOT NULL"),
        ),
        Index(
            None,
            "binding_id",
            sqlite_where=text("binding_id IS NOT NULL"),
            postgresql_where=text("binding_id IS NOT NULL"),
        ),
    )

    id: Mapped[HexKey]
    call_id: Mapped[HexReference] = mapped_column(ForeignKey("calls.id"), index=True)
    peer_leg_id: Mapped[HexReference | None] = mapped_column(ForeignKey("legs.id", ondelete="SET NULL"))
    offer_id: Mapped[HexReference | None] = mapped_column(ForeignKey("offers.id"), index=True)
    role: Mapped[str]
    direction: Mapped[str]
    state: Mapped[str]
    node: Mapped[str]
    incarnation: Mapped[str]
    binding_id: Mapped[int | None] = mapped_column(ForeignKey("bindings.id", ondelete="SET NULL"))

    transport: Mapped[str]
    host: Mapped[str]
    port: Mapped[Small]
    sip_call_id: Mapped[Wire] = mapped_column(index=True)
    local_tag: Mapped[Wire]
    remote_tag: Mapped[Wire | None]
    local_uri: Mapped[Wire]
    remote_uri: Mapped[Wire]
    route_set: Mapped[Json]
    remote_target: Mapped[Wire | None]
    request_uri: Mapped[Wire | None]
    branch: Mapped[Wire | None]
    via_set: Mapped[Json | None]
    invite_cseq: Mapped[int]
    local_cseq: Mapped[int]
    remote_cseq: Mapped[int | None]
    last_status: Mapped[Small | None]
    remote_tags: Mapped[Json | None]

    local_sdp: Mapped[Wire | None]
    remote_sdp: Mapped[Wire | None]
    sdp_session_id: Mapped[int]
    sdp_version: Mapped[int]
    codec: Mapped[str | None]
    payload_type: Mapped[Small | None]
    receive_payload_type: Mapped[Small | None]
    telephone_event: Mapped[Small | None]
    receive_telephone_event: Mapped[Small | None]
    direction_of_media: Mapped[str | None]
    media_port: Mapped[Small | None]
    remote_media_host: Mapped[Wire | None]
    remote_media_port: Mapped[Small | None]

    session_interval: Mapped[Small | None]
    refresher: Mapped[str | None]
    refreshed_at: Mapped[float | None]
    created_at: Mapped[float]
    answered_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    end_cause: Mapped[Wire | None]
