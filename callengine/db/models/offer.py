"""Offers: one call offered to one agent, and what became of it."""

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, HexKey, HexReference, Small, at_least, one_of
from callengine.vocabulary import OfferState


class Offer(Base):
    """One offer; `sip_status` is the final answer of the agent's phone. Durations are seconds.

    An entry's offers of the same `round` ring at the same time. The call of one agent to another has an offer
    without an entry. `wrap_up_code` says what the conversation was about, in a word of the queue's.
    """

    __tablename__ = "offers"
    __table_args__ = (
        one_of("state", OfferState),
        at_least("round", 1),
        Index(None, "agent_id", "state"),
    )

    id: Mapped[HexKey]
    entry_id: Mapped[str | None] = mapped_column(String(32), ForeignKey("queue_entries.id"), index=True)
    call_id: Mapped[HexReference] = mapped_column(ForeignKey("calls.id"), index=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"))
    state: Mapped[str]
    offered_at: Mapped[float]
    deadline_at: Mapped[float]
    answered_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    sip_status: Mapped[Small | None]
    ring_seconds: Mapped[float | None]
    talk_seconds: Mapped[float | None]
    wrap_up_seconds: Mapped[float | None]
    round: Mapped[Small] = mapped_column(server_default=text("1"))
    wrap_up_code: Mapped[str | None]
