"""Queue entries: a caller's place in a queue."""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, HexKey, HexReference, Small, at_least, one_of
from callengine.vocabulary import EntryState


class QueueEntry(Base):
    """One caller's place; `first_arrived_at` stays through re-offers, overflow and restart.

    `rounds` counts how often it has been offered. `expires_at` is when waiting in this queue
    ends. Until `preferred_until` none but the agent `preferred_agent_id` is to be offered the call.
    """

    __tablename__ = "queue_entries"
    __table_args__ = (
        one_of("state", EntryState),
        at_least("rounds", 0),
        Index(None, "queue_id", "state"),
        Index(None, "node", "state"),
    )

    id: Mapped[HexKey]
    call_id: Mapped[HexReference] = mapped_column(ForeignKey("calls.id"), index=True)
    queue_id: Mapped[int] = mapped_column(ForeignKey("queues.id"))
    node: Mapped[str]
    incarnation: Mapped[str]
    state: Mapped[str]
    priority: Mapped[Small] = mapped_column(server_default=text("0"))
    first_arrived_at: Mapped[float]
    joined_at: Mapped[float]
    expires_at: Mapped[float | None]
    left_at: Mapped[float | None]
    preferred_agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    preferred_until: Mapped[float | None]
    rounds: Mapped[Small] = mapped_column(server_default=text("0"))
