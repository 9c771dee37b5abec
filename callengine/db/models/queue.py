"""Queues: where callers wait, and by what rule they are served."""

from sqlalchemy import ForeignKey, UniqueConstraint, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, Json, Key, Small, Wire, at_least, between, more_than, one_of
from callengine.vocabulary import AnswerMode, EmptyWhen

SETTINGS = "settings"
DATABASE = "database"
SOURCES = (SETTINGS, DATABASE)
"""Who defines a queue: the settings (then it is read-only for API and CLI) or this database."""


class Queue(Base):
    """One queue.

    `depth` counts waiting and offered entries, so that joining can be guarded by `depth < capacity`.
    `last_agent_id` is where round robin stands: the agent that was chosen last. What the other columns mean
    stands at the settings of the same names. A queue that is gone keeps its row, with `removed_at`, since
    calls refer to it.
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
        at_least("weight", 1),
        more_than("expires_after_seconds", 0),
        between("full_code", 400, 699),
        one_of("empty_when", EmptyWhen),
        one_of("answer", AnswerMode),
        at_least("service_level_seconds", 0),
        at_least("short_abandon_seconds", 0),
        at_least("keep_place_seconds", 0),
        at_least("tier_wait_seconds", 0),
        at_least("prefer_last_agent_seconds", 0),
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
    priority_base: Mapped[Small] = mapped_column(server_default=text("50"))
    weight: Mapped[Small] = mapped_column(server_default=text("1"))
    expires_after_seconds: Mapped[float] = mapped_column(server_default=text("3600"))
    overflow_queue: Mapped[str] = mapped_column(server_default=text("''"))
    final_destination: Mapped[str] = mapped_column(server_default=text("''"))
    full_code: Mapped[Small] = mapped_column(server_default=text("486"))
    join_when_empty: Mapped[bool] = mapped_column(server_default=true())
    leave_when_empty: Mapped[bool] = mapped_column(server_default=false())
    empty_when: Mapped[str] = mapped_column(server_default=EmptyWhen.SIGNED_OFF)
    hours: Mapped[str] = mapped_column(server_default=text("''"))
    answer: Mapped[str] = mapped_column(server_default=AnswerMode.IMMEDIATELY)
    music: Mapped[str] = mapped_column(server_default=text("''"))
    service_level_seconds: Mapped[float] = mapped_column(server_default=text("20"))
    short_abandon_seconds: Mapped[float] = mapped_column(server_default=text("0"))
    keep_place_seconds: Mapped[float] = mapped_column(server_default=text("0"))
    tier_wait_seconds: Mapped[float] = mapped_column(server_default=text("0"))
    prefer_last_agent_seconds: Mapped[float] = mapped_column(server_default=text("0"))
    skills: Mapped[Json] = mapped_column(server_default="[]")
    wrap_up_codes: Mapped[Json] = mapped_column(server_default="[]")
    wrap_up_code_required: Mapped[bool] = mapped_column(server_default=false())
    removed_at: Mapped[float | None]
    depth: Mapped[Small] = mapped_column(server_default=text("0"))
    last_agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    created_at: Mapped[float]
