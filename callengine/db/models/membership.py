"""Memberships: which agents serve which queue, and at what place in a fixed order."""

from sqlalchemy import ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, Key, Small


class Membership(Base):
    """One agent's place in one queue."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("queue_id", "agent_id"),)

    id: Mapped[Key]
    queue_id: Mapped[int] = mapped_column(ForeignKey("queues.id"))
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), index=True)
    position: Mapped[Small] = mapped_column(server_default=text("0"))
