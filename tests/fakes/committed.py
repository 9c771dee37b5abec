"""Everything that is committed, as a test reads it at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from callengine.db.engine import reading

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Everything, as it was committed at one moment."""

    agents: list[Row]
    queues: list[Row]
    memberships: list[Row]
    calls: list[Row]
    entries: list[Row]
    offers: list[Row]
    legs: list[Row]
    skills: list[Row]
    agent_skills: list[Row]

    def offers_of(self, call_id: str) -> list[Row]:
        return [offer for offer in self.offers if offer["call_id"] == call_id]

    def made_by(self) -> dict[str, int | None]:
        """The agent that has made a call, by the id of its place; it is not offered its own call."""
        maker = {call["id"]: call["from_agent_id"] for call in self.calls}
        return {entry["id"]: maker[entry["call_id"]] for entry in self.entries}

    def levels(self) -> dict[int, dict[str, int]]:
        """What each agent knows, by its key: its level in each skill."""
        names = {skill["id"]: skill["name"] for skill in self.skills}
        levels: dict[int, dict[str, int]] = {agent["id"]: {} for agent in self.agents}
        for has in self.agent_skills:
            levels[has["agent_id"]][names[has["skill_id"]]] = has["level"]
        return levels

    def entries_of(self, call_id: str) -> list[Row]:
        return [entry for entry in self.entries if entry["call_id"] == call_id]


def read_rows(engine: Engine) -> Rows:
    """One view of the database: PostgreSQL is asked for one, SQLite gives it."""
    with reading(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        tables = ("agents", "queues", "memberships", "calls", "queue_entries", "offers", "legs")
        found = [
            connection.execute(text(f"SELECT * FROM {table}")).mappings()
            for table in (*tables, "skills", "agent_skills")
        ]
        return Rows(*[[dict(row) for row in rows] for rows in found])
