"""The event log: what happened, numbered in the order of the commits."""

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import KEY_TYPE, Base, HexReference, Json, Wire, at_least


class LoggedEvent(Base):
    """One event. The committer gives the number; a reader goes on after the last number it has seen."""

    __tablename__ = "event_log"
    __table_args__ = (Index(None, "agent", "type", "number"),)

    number: Mapped[int] = mapped_column(KEY_TYPE, primary_key=True, autoincrement=False)
    at: Mapped[float]
    type: Mapped[str]
    call_id: Mapped[HexReference | None] = mapped_column(index=True)
    queue: Mapped[Wire | None]
    agent: Mapped[Wire | None]
    payload: Mapped[Json]


class LogHead(Base):
    """The one row that holds the last number given; updating it puts writers in line."""

    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"), at_least("last", 0))

    id: Mapped[int] = mapped_column(KEY_TYPE, primary_key=True, autoincrement=False)
    last: Mapped[int]
