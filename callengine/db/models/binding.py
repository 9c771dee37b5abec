"""Bindings: the contacts at which an agent's phones are reached (RFC 3261 10)."""

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, Key, Small, Wire, port


class Binding(Base):
    """One registered contact.

    `transport`, `host` and `port` are where the REGISTER came from: requests for the contact go there
    (RFC 3581). `call_id` and `cseq` order its refreshes (RFC 3261 10.3).
    """

    __tablename__ = "bindings"
    __table_args__ = (UniqueConstraint("agent_id", "contact"), port("port"))

    id: Mapped[Key]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"))
    address_of_record: Mapped[Wire]
    contact: Mapped[Wire]
    q: Mapped[float | None]
    instance: Mapped[Wire | None]
    user_agent: Mapped[Wire | None]
    call_id: Mapped[Wire]
    cseq: Mapped[int]
    transport: Mapped[str]
    host: Mapped[str]
    port: Mapped[Small]
    registered_at: Mapped[float]
    expires_at: Mapped[float] = mapped_column(index=True)
