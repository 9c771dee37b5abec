"""What agents and queues are set to, and what agents are compared by; the calls that agents make.

Revision ID: 0003
Revises: 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHOLE = sa.Integer()
TEXT = sa.Text()
SECONDS: sa.Double[float] = sa.Double()
SWITCH = sa.Boolean()

RULES: dict[str, dict[str, str]] = {
    "agents": {
        "wrap_up_next_seconds": "wrap_up_next_seconds >= 0",
        "missed_in_row": "missed_in_row >= 0",
        "calls_handled": "calls_handled >= 0",
        "talk_seconds": "talk_seconds >= 0",
        "delayed_after": "delayed_after IN ('rejected', 'busy', 'no_answer', 'unreachable')",
    },
    "queues": {
        "weight": "weight >= 1",
        "expires_after_seconds": "expires_after_seconds > 0",
        "full_code": "full_code BETWEEN 400 AND 699",
        "empty_when": "empty_when IN ('signed_off', 'not_working')",
        "answer": "answer IN ('immediately', 'early_media', 'with_agent')",
        "service_level_seconds": "service_level_seconds >= 0",
        "short_abandon_seconds": "short_abandon_seconds >= 0",
        "keep_place_seconds": "keep_place_seconds >= 0",
        "tier_wait_seconds": "tier_wait_seconds >= 0",
        "prefer_last_agent_seconds": "prefer_last_agent_seconds >= 0",
    },
    "memberships": {"tier": "tier >= 1"},
    "calls": {"kind": "kind IN ('customer', 'agent')"},
    "queue_entries": {},
    "offers": {"round": "round >= 1"},
}
REFERENCES = {"calls": "from_agent_id", "queue_entries": "preferred_agent_id"}
"""Columns that refer to an agent."""

WORDS = {
    ("queue_entries", "state"): (
        "state IN ('waiting', 'offered', 'connected', 'abandoned', 'timed_out', 'rejected')",
        "state IN ('waiting', 'offered', 'connected', 'abandoned', 'overflowed', 'timed_out', 'rejected')",
    ),
    ("calls", "disposition"): (
        "disposition IN ('answered', 'abandoned', 'timed_out', 'rejected', 'failed')",
        "disposition IN ('answered', 'abandoned', 'short_abandoned', 'timed_out', 'rejected', 'failed')",
    ),
}
"""Which words a column may hold: before, and from now on."""


def upgrade() -> None:
    """Add the columns; all are as if nobody had set or counted anything."""
    for table, new in columns().items():
        with op.batch_alter_table(table) as batch:
            for column in new:
                batch.add_column(column)
            for name, condition in RULES[table].items():
                batch.create_check_constraint(batch.f(f"ck_{table}_{name}"), sa.text(condition))
            if table in REFERENCES:
                name = f"fk_{table}_{REFERENCES[table]}_agents"
                batch.create_foreign_key(batch.f(name), "agents", [REFERENCES[table]], ["id"])
    op.execute("UPDATE agents SET signed_on = (state <> 'offline')")
    _change_words(new=True)
    with op.batch_alter_table("offers") as batch:
        batch.alter_column("entry_id", existing_type=sa.String(32), nullable=True)
    op.create_index("ix_event_log_agent_type_number", "event_log", ["agent", "type", "number"])
    op.create_index("ix_calls_caller_number_arrived_at", "calls", ["caller_number", "arrived_at"])
    called = sa.text("from_agent_id IS NOT NULL")
    op.create_index(
        "ix_calls_from_agent_id",
        "calls",
        ["from_agent_id"],
        sqlite_where=called,
        postgresql_where=called,
    )


def downgrade() -> None:
    """Take all of it away; calls that agents made to each other lose their offers, which have no room."""
    op.drop_index("ix_event_log_agent_type_number", "event_log")
    op.drop_index("ix_calls_from_agent_id", "calls")
    op.drop_index("ix_calls_caller_number_arrived_at", "calls")
    _forget_what_has_no_room()
    with op.batch_alter_table("offers") as batch:
        batch.alter_column("entry_id", existing_type=sa.String(32), nullable=False)
    _change_words(new=False)
    for table, old in columns().items():
        with op.batch_alter_table(table) as batch:
            if table in REFERENCES:
                batch.drop_constraint(batch.f(f"fk_{table}_{REFERENCES[table]}_agents"), type_="foreignkey")
            for name in RULES[table]:
                batch.drop_constraint(batch.f(f"ck_{table}_{name}"), type_="check")
            for column in old:
                batch.drop_column(column.name)


def _change_words(*, new: bool) -> None:
    for (table, column), conditions in WORDS.items():
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(batch.f(f"ck_{table}_{column}"), type_="check")
            batch.create_check_constraint(batch.f(f"ck_{table}_{column}"), sa.text(conditions[new]))


def _forget_what_has_no_room() -> None:
    without_entry = "SELECT id FROM offers WHERE entry_id IS NULL"
    op.execute(f"DELETE FROM legs WHERE offer_id IN ({without_entry})")
    op.execute("DELETE FROM offers WHERE entry_id IS NULL")
    op.execute("UPDATE queue_entries SET state = 'timed_out' WHERE state = 'overflowed'")
    op.execute("UPDATE calls SET disposition = 'abandoned' WHERE disposition = 'short_abandoned'")


def columns_of_agents() -> list[sa.Column[Any]]:
    """What is noted of an agent."""
    return [
        sa.Column("signed_on", SWITCH, server_default=sa.false(), nullable=False),
        sa.Column("pause_next_reason", TEXT, nullable=True),
        sa.Column("wrap_up_next_seconds", SECONDS, server_default=sa.text("0"), nullable=False),
        sa.Column("last_call_id", sa.String(32), nullable=True),
        sa.Column("missed_in_row", WHOLE, server_default=sa.text("0"), nullable=False),
        sa.Column("delayed_until", SECONDS, nullable=True),
        sa.Column("delayed_after", TEXT, nullable=True),
        sa.Column("counted_on", TEXT, nullable=True),
        sa.Column("calls_handled", WHOLE, server_default=sa.text("0"), nullable=False),
        sa.Column("talk_seconds", SECONDS, server_default=sa.text("0"), nullable=False),
    ]


def columns_of_queues() -> list[sa.Column[Any]]:
    """What a queue is set to."""
    return [
        sa.Column("priority_base", WHOLE, server_default=sa.text("50"), nullable=False),
        sa.Column("weight", WHOLE, server_default=sa.text("1"), nullable=False),
        sa.Column("expires_after_seconds", SECONDS, server_default=sa.text("3600"), nullable=False),
        sa.Column("overflow_queue", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("final_destination", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("full_code", WHOLE, server_default=sa.text("486"), nullable=False),
        sa.Column("join_when_empty", SWITCH, server_default=sa.true(), nullable=False),
        sa.Column("leave_when_empty", SWITCH, server_default=sa.false(), nullable=False),
        sa.Column("empty_when", TEXT, server_default="signed_off", nullable=False),
        sa.Column("hours", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("answer", TEXT, server_default="immediately", nullable=False),
        sa.Column("music", TEXT, server_default=sa.text("''"), nullable=False),
        sa.Column("service_level_seconds", SECONDS, server_default=sa.text("20"), nullable=False),
        sa.Column("short_abandon_seconds", SECONDS, server_default=sa.text("0"), nullable=False),
        sa.Column("keep_place_seconds", SECONDS, server_default=sa.text("0"), nullable=False),
        sa.Column("tier_wait_seconds", SECONDS, server_default=sa.text("0"), nullable=False),
        sa.Column("prefer_last_agent_seconds", SECONDS, server_default=sa.text("0"), nullable=False),
        sa.Column("skills", TEXT, server_default="[]", nullable=False),
        sa.Column("wrap_up_codes", TEXT, server_default="[]", nullable=False),
        sa.Column("wrap_up_code_required", SWITCH, server_default=sa.false(), nullable=False),
        sa.Column("removed_at", SECONDS, nullable=True),
    ]


def columns() -> dict[str, list[sa.Column[Any]]]:
    """The new columns of each table."""
    return {
        "agents": columns_of_agents(),
        "queues": columns_of_queues(),
        "memberships": [sa.Column("tier", WHOLE, server_default=sa.text("1"), nullable=False)],
        "calls": [
            sa.Column("kind", TEXT, server_default="customer", nullable=False),
            sa.Column("from_agent_id", KEY, nullable=True),
        ],
        "queue_entries": [
            sa.Column("preferred_agent_id", KEY, nullable=True),
            sa.Column("preferred_until", SECONDS, nullable=True),
        ],
        "offers": [
            sa.Column("round", WHOLE, server_default=sa.text("1"), nullable=False),
            sa.Column("wrap_up_code", TEXT, nullable=True),
        ],
    }
