"""Agents: who takes calls, with what state and load."""

from sqlalchemy import ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, Key, Small, Wire, at_least, one_of
from callengine.vocabulary import AgentState


class Agent(Base):
    """One agent.

    The secret is stored only as HA1 (RFC 7616 3.4.2: the hash of `name:realm:password`), in hexadecimal,
    one for each digest algorithm; it binds to `realm`. `load` counts offers and calls together; a claim
    raises it under the guard `load < max_concurrent_calls`. Who was removed keeps the row, with `removed_at`
    and without a usable secret, since calls and offers refer to it; added again, it is the same agent.
    """

    __tablename__ = "agents"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        one_of("state", AgentState),
        at_least("load", 0),
        at_least("max_concurrent_calls", 1),
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
    load: Mapped[Small] = mapped_column(server_default=text("0"))
    available_since: Mapped[float | None]
    wrap_up_until: Mapped[float | None]
    pause_reason: Mapped[str | None]
    created_at: Mapped[float]
    removed_at: Mapped[float | None]
