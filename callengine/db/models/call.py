"""Calls: one row for each call, a customer's or an agent's, from its INVITE to its record."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, HexKey, Wire, one_of
from callengine.vocabulary import CallKind, CallState, Disposition, Party


class Call(Base):
    """One call. Times are seconds since the epoch, UTC; durations are seconds.

    `agent_id` is who answered it; `from_agent_id` who made it, if its `kind` is `agent`.
    """

    __tablename__ = "calls"
    __table_args__ = (
        one_of("state", CallState),
        one_of("kind", CallKind),
        one_of("disposition", Disposition),
        one_of("hung_up_by", Party),
        CheckConstraint(
            "(state = 'ended') = (ended_at IS NOT NULL AND disposition IS NOT NULL)", name="ended_with_record"
        ),
        Index(None, "node", "state"),
        Index(None, "arrived_at"),
        Index(None, "caller_number", "arrived_at"),
        Index(
            None,
            "from_agent_id",
            sqlite_where=text("from_agent_id IS NOT NULL"),
            postgresql_where=text("from_agent_id IS NOT NULL"),
        ),
    )

    id: Mapped[HexKey]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    node: Mapped[str]
    incarnation: Mapped[str]
    state: Mapped[str]
    caller_number: Mapped[Wire | None]
    caller_name: Mapped[Wire | None]
    dialled: Mapped[Wire]
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queues.id"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    kind: Mapped[str] = mapped_column(server_default=CallKind.CUSTOMER)
    from_agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    arrived_at: Mapped[float]
    queued_at: Mapped[float | None]
    answered_at: Mapped[float | None]
    connected_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    wait_seconds: Mapped[float | None]
    ring_seconds: Mapped[float | None]
    talk_seconds: Mapped[float | None]
    disposition: Mapped[str | None]
    cause: Mapped[Wire | None]
    hung_up_by: Mapped[str | None]
