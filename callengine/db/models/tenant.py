"""Tenants: whom every durable noun belongs to; names are unique within one."""

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from callengine.db.base import Base, Key

DEFAULT_TENANT = "default"
"""The tenant that the first migration creates."""

DEFAULT_TENANT_ID = 1


class Tenant(Base):
    """One organisation served here."""

    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[Key]
    name: Mapped[str]
    created_at: Mapped[float]
