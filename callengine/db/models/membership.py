"""Memberships: which agents serve which queue, in which tier, and at what place in a fixed order."""

from sqlalchemy import ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, Key, Small, at_least


class Membership(Base):
    """One agent's place in one queue. Tier 1 serves from the start, higher ones as the callers wait."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("queue_id", "agent_id"), at_least("tier", 1))

    id: Mapped[Key]
    queue_id: Mapped[int] = mapped_column(ForeignKey("queues.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), index=True)
    position: Mapped[Small] = mapped_column(server_default=text("0"))
    tier: Mapped[Small] = mapped_column(server_default=text("1"))
