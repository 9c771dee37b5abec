"""Skills, and how well each agent has them."""

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callengine.db.base import Base, Key, Small, between


class Skill(Base):
    """Something that a caller may need an agent to know, such as `french`."""

    __tablename__ = "skills"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    id: Mapped[Key]
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    name: Mapped[str]


class AgentSkill(Base):
    """One agent's level in one skill, 1 (a little) to 10 (best)."""

    __tablename__ = "agent_skills"
    __table_args__ = (between("level", 1, 10),)

    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"), primary_key=True)
    skill_id: Mapped[int] = mapped_column(ForeignKey("skills.id"), primary_key=True, index=True)
    level: Mapped[Small]
