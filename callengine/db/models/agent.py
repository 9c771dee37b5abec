"""Agents: who takes calls, with what state and load."""

from sqlalchemy import ForeignKey, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, Key, Small, Wire, at_least, one_of
from callengine.vocabulary import MISSED_OFFERS, AgentState


class Agent(Base):
    """One agent.

    The secret is stored only as HA1 (RFC 7616 3.4.2: the hash of `name:realm:password`), in hexadecimal,
    one for each digest algorithm; it binds to `realm`. `load` counts offers and calls together; a claim
    raises it under the guard `load < max_concurrent_calls`. Who was removed keeps the row, with `removed_at`
    and without a usable secret, since calls and offers refer to it; added again, it is the same agent.

    `signed_on` is whether it is to work as long as a phone is registered: an agent with a call stays busy
    after it was signed off. `pause_next_reason` is set while a pause is to follow the present call.
    `wrap_up_next_seconds` is the longest wrap-up of the calls that ended while others go on, `last_call_id`
    the call that it talked in last, for which a wrap-up code may be given. `missed_in_row` counts the offers
    missed since the last that was answered; until `delayed_until` no offer is made, because of what
    `delayed_after` says (an offer's state). `calls_handled` and `talk_seconds` are those of the day
    `counted_on` (ISO 8601), by which strategies compare agents.
    """

    __tablename__ = "agents"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        one_of("state", AgentState),
        at_least("load", 0),
        at_least("max_concurrent_calls", 1),
        at_least("wrap_up_next_seconds", 0),
        at_least("missed_in_row", 0),
        at_least("calls_handled", 0),
        at_least("talk_seconds", 0),
        one_of("delayed_after", MISSED_OFFERS),
    )

    id: Mapped[Key]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    name: Mapped[Wire]
    ha1_md5: Mapped[str]
    ha1_sha256: Mapped[str]
    realm: Mapped[str]
    max_concurrent_calls: Mapped[Small] = mapped_column(server_default=text("1"))
    state: Mapped[str] = mapped_column(server_default="offline")
    state_since: Mapped[float]
    signed_on: Mapped[bool] = mapped_column(server_default=false())
    load: Mapped[Small] = mapped_column(server_default=text("0"))
    available_since: Mapped[float | None]
    wrap_up_until: Mapped[float | None]
    pause_reason: Mapped[str | None]
    pause_next_reason: Mapped[str | None]
    wrap_up_next_seconds: Mapped[float] = mapped_column(server_default=text("0"))
    last_call_id: Mapped[str | None] = mapped_column(String(32))
    missed_in_row: Mapped[Small] = mapped_column(server_default=text("0"))
    delayed_until: Mapped[float | None]
    delayed_after: Mapped[str | None]
    counted_on: Mapped[str | None]
    calls_handled: Mapped[Small] = mapped_column(server_default=text("0"))
    talk_seconds: Mapped[float] = mapped_column(server_default=text("0"))
    created_at: Mapped[float]
    removed_at: Mapped[float | None]
