"""Queues: where callers wait, and by what rule they are served."""

from sqlalchemy import ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, Key, Small, Wire, at_least, more_than, one_of

SETTINGS = "settings"
DATABASE = "database"
SOURCES = (SETTINGS, DATABASE)
"""Who defines a queue: the settings (then it is read-only for API and CLI) or this database."""


class Queue(Base):
    """One queue.

    `depth` counts waiting and offered entries, so that joining can be guarded by `depth < capacity`.
    `last_agent_id` is where round robin stands: the agent that was chosen last.
    """

    __tablename__ = "queues"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        one_of("source", SOURCES),
        at_least("capacity", 1),
        more_than("max_wait_time_seconds", 0),
        more_than("ring_timeout_seconds", 0),
        at_least("wrap_up_seconds", 0),
        at_least("depth", 0),
    )

    id: Mapped[Key]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    name: Mapped[Wire]
    source: Mapped[str]
    strategy: Mapped[str]
    capacity: Mapped[Small]
    max_wait_time_seconds: Mapped[float]
    ring_timeout_seconds: Mapped[float]
    wrap_up_seconds: Mapped[float]
    depth: Mapped[Small] = mapped_column(server_default=text("0"))
    last_agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    created_at: Mapped[float]
