"""The first tables, the tenant `default` and the head of the event log.

Revision ID: 0001
Revises:
"""

import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HEX = sa.String(32)
TEXT = sa.Text()
SECONDS: sa.Double[float] = sa.Double()

# In an order in which each refers only to those before it.
TABLES = (
    "tenants",
    "skills",
    "agents",
    "agent_skills",
    "queues",
    "memberships",
    "bindings",
    "calls",
    "queue_entries",
    "offers",
    "legs",
    "event_log",
    "log_head",
)


def upgrade() -> None:
    """Create the tables and the two rows that must be there."""
    create_tenants()
    create_skills()
    create_agents()
    create_agent_skills()
    create_queues()
    create_memberships()
    create_bindings()
    create_calls()
    create_queue_entries()
    create_offers()
    create_legs()
    create_event_log()
    create_log_head()
    tenants = sa.table("tenants", sa.column("id"), sa.column("name"), sa.column("created_at"))
    op.execute(tenants.insert().values(name="default", created_at=time.time()))
    log_head = sa.table("log_head", sa.column("id"), sa.column("last"))
    op.execute(log_head.insert().values(id=1, last=0))


def downgrade() -> None:
    """Drop everything."""
    for table in reversed(TABLES):
        op.drop_table(table)


def required(name: str, type_: Any, *, default: Any = None, autoincrement: bool = True) -> sa.Column[Any]:
    """A column that is never NULL."""
    kind: Any = "auto" if autoincrement else False
    return sa.Column(name, type_, server_default=default, autoincrement=kind, nullable=False)


def optional(name: str, type_: Any) -> sa.Column[Any]:
    """A column that may be NULL."""
    return sa.Column(name, type_, nullable=True)


def reference(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """A foreign key to the id of another table."""
    return sa.ForeignKeyConstraint(
        [column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}", ondelete=ondelete
    )


def rule(table: str, name: str, condition: str) -> sa.CheckConstraint:
    """A CHECK."""
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def index(table: str, *columns: str, where: str | None = None) -> None:
    """Create an index, for the rows of `where` alone if it is given."""
    condition = None if where is None else sa.text(where)
    name = "_".join(("ix", table, *columns))
    op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)


def create_tenants() -> None:
    op.create_table(
        "tenants",
        required("id", KEY),
        required("name", TEXT),
        required("created_at", SECONDS),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )


def create_skills() -> None:
    op.create_table(
        "skills",
        required("id", KEY),
        required("tenant_id", KEY),
        required("name", TEXT),
        sa.PrimaryKeyConstraint("id", name="pk_skills"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_skills_tenant_id_name"),
        reference("skills", "tenant_id", "tenants"),
    )


def create_agents() -> None:
    op.create_table(
        "agents",
        required("id", KEY),
        required("tenant_id", KEY),
        required("name", TEXT),
        required("ha1_md5", TEXT),
        required("ha1_sha256", TEXT),
        required("realm", TEXT),
        required("max_concurrent_calls", sa.Integer(), default=sa.text("1")),
        required("state", TEXT, default="offline"),
        required("state_since", SECONDS),
        required("load", sa.Integer(), default=sa.text("0")),
        optional("available_since", SECONDS),
        optional("wrap_up_until", SECONDS),
        optional("pause_reason", TEXT),
        required("created_at", SECONDS),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_agents_tenant_id_name"),
        reference("agents", "tenant_id", "tenants"),
        rule("agents", "load", "load >= 0"),
        rule("agents", "max_concurrent_calls", "max_concurrent_calls >= 1"),
        rule("agents", "state", "state IN ('offline', 'available', 'reserved', 'busy', 'wrap_up', 'paused')"),
    )


def create_agent_skills() -> None:
    op.create_table(
        "agent_skills",
        required("agent_id", KEY),
        required("skill_id", KEY),
        required("level", sa.Integer()),
        sa.PrimaryKeyConstraint("agent_id", "skill_id", name="pk_agent_skills"),
        reference("agent_skills", "agent_id", "agents"),
        reference("agent_skills", "skill_id", "skills"),
        rule("agent_skills", "level", "level BETWEEN 1 AND 10"),
    )
    index("agent_skills", "skill_id")


def create_queues() -> None:
    op.create_table(
        "queues",
        required("id", KEY),
        required("tenant_id", KEY),
        required("name", TEXT),
        required("source", TEXT),
        required("strategy", TEXT),
        required("capacity", sa.Integer()),
        required("max_wait_time_seconds", SECONDS),
        required("ring_timeout_seconds", SECONDS),
        required("wrap_up_seconds", SECONDS),
        required("depth", sa.Integer(), default=sa.text("0")),
        optional("last_agent_id", KEY),
        required("created_at", SECONDS),
        sa.PrimaryKeyConstraint("id", name="pk_queues"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_queues_tenant_id_name"),
        reference("queues", "last_agent_id", "agents"),
        reference("queues", "tenant_id", "tenants"),
        rule("queues", "capacity", "capacity >= 1"),
        rule("queues", "depth", "depth >= 0"),
        rule("queues", "max_wait_time_seconds", "max_wait_time_seconds > 0"),
        rule("queues", "ring_timeout_seconds", "ring_timeout_seconds > 0"),
        rule("queues", "source", "source IN ('settings', 'database')"),
        rule("queues", "wrap_up_seconds", "wrap_up_seconds >= 0"),
    )


def create_memberships() -> None:
    op.create_table(
        "memberships",
        required("id", KEY),
        required("queue_id", KEY),
        required("agent_id", KEY),
        required("position", sa.Integer(), default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_memberships"),
        sa.UniqueConstraint("queue_id", "agent_id", name="uq_memberships_queue_id_agent_id"),
        reference("memberships", "agent_id", "agents"),
        reference("memberships", "queue_id", "queues"),
    )
    index("memberships", "agent_id")


def create_bindings() -> None:
    op.create_table(
        "bindings",
        required("id", KEY),
        required("agent_id", KEY),
        required("address_of_record", TEXT),
        required("contact", TEXT),
        optional("q", SECONDS),
        optional("instance", TEXT),
        optional("user_agent", TEXT),
        required("call_id", TEXT),
        required("cseq", KEY),
        required("transport", TEXT),
        required("host", TEXT),
        required("port", sa.Integer()),
        required("registered_at", SECONDS),
        required("expires_at", SECONDS),
        sa.PrimaryKeyConstraint("id", name="pk_bindings"),
        sa.UniqueConstraint("agent_id", "contact", name="uq_bindings_agent_id_contact"),
        reference("bindings", "agent_id", "agents"),
        rule("bindings", "port", "port BETWEEN 0 AND 65535"),
    )
    index("bindings", "expires_at")


def create_calls() -> None:
    op.create_table(
        "calls",
        required("id", HEX),
        required("tenant_id", KEY),
        required("node", TEXT),
        required("incarnation", TEXT),
        required("state", TEXT),
        optional("caller_number", TEXT),
        optional("caller_name", TEXT),
        required("dialled", TEXT),
        optional("queue_id", KEY),
        optional("agent_id", KEY),
        required("arrived_at", SECONDS),
        optional("queued_at", SECONDS),
        optional("answered_at", SECONDS),
        optional("connected_at", SECONDS),
        optional("ended_at", SECONDS),
        optional("wait_seconds", SECONDS),
        optional("ring_seconds", SECONDS),
        optional("talk_seconds", SECONDS),
        optional("disposition", TEXT),
        optional("cause", TEXT),
        optional("hung_up_by", TEXT),
        *constraints_of_a_call(),
    )
    index("calls", "node", "state")


def constraints_of_a_call() -> list[sa.Constraint]:
    """The key, what a call refers to, and its rules."""
    return [
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        reference("calls", "agent_id", "agents"),
        reference("calls", "queue_id", "queues"),
        reference("calls", "tenant_id", "tenants"),
        rule(
            "calls",
            "disposition",
            "disposition IN ('answered', 'abandoned', 'timed_out', 'rejected', 'failed')",
        ),
        rule(
            "calls",
            "ended_with_record",
            "(state = 'ended') = (ended_at IS NOT NULL AND disposition IS NOT NULL)",
        ),
        rule("calls", "hung_up_by", "hung_up_by IN ('caller', 'agent', 'system')"),
        rule("calls", "state", "state IN ('arrived', 'queued', 'offered', 'connected', 'ended')"),
    ]


def create_queue_entries() -> None:
    op.create_table(
        "queue_entries",
        required("id", HEX),
        required("call_id", HEX),
        required("queue_id", KEY),
        required("node", TEXT),
        required("incarnation", TEXT),
        required("state", TEXT),
        required("priority", sa.Integer(), default=sa.text("0")),
        required("first_arrived_at", SECONDS),
        required("joined_at", SECONDS),
        optional("expires_at", SECONDS),
        optional("left_at", SECONDS),
        required("rounds", sa.Integer(), default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_queue_entries"),
        reference("queue_entries", "call_id", "calls"),
        reference("queue_entries", "queue_id", "queues"),
        rule("queue_entries", "rounds", "rounds >= 0"),
        rule(
            "queue_entries",
            "state",
            "state IN ('waiting', 'offered', 'connected', 'abandoned', 'timed_out', 'rejected')",
        ),
    )
    index("queue_entries", "call_id")
    index("queue_entries", "node", "state")
    index("queue_entries", "queue_id", "state")


def create_offers() -> None:
    op.create_table(
        "offers",
        required("id", HEX),
        required("entry_id", HEX),
        required("call_id", HEX),
        required("agent_id", KEY),
        required("state", TEXT),
        required("offered_at", SECONDS),
        required("deadline_at", SECONDS),
        optional("answered_at", SECONDS),
        optional("ended_at", SECONDS),
        optional("sip_status", sa.Integer()),
        optional("ring_seconds", SECONDS),
        optional("talk_seconds", SECONDS),
        optional("wrap_up_seconds", SECONDS),
        sa.PrimaryKeyConstraint("id", name="pk_offers"),
        reference("offers", "agent_id", "agents"),
        reference("offers", "call_id", "calls"),
        reference("offers", "entry_id", "queue_entries"),
        rule(
            "offers",
            "state",
            "state IN ('ringing', 'connected', 'ended', 'rejected', 'busy',"
            " 'no_answer', 'unreachable', 'withdrawn')",
        ),
    )
    index("offers", "agent_id", "state")
    index("offers", "call_id")
    index("offers", "entry_id")


def create_legs() -> None:
    op.create_table(
        "legs",
        *place_of_a_leg(),
        *dialog_of_a_leg(),
        *media_of_a_leg(),
        *times_of_a_leg(),
        *constraints_of_a_leg(),
    )
    index("legs", "binding_id", where="binding_id IS NOT NULL")
    index("legs", "call_id")
    index("legs", "node", "state")
    index("legs", "offer_id")
    index("legs", "peer_leg_id", where="peer_leg_id IS NOT NULL")
    index("legs", "sip_call_id")


def place_of_a_leg() -> list[sa.Column[Any]]:
    """Whose leg it is."""
    return [
        required("id", HEX),
        required("call_id", HEX),
        optional("peer_leg_id", HEX),
        optional("offer_id", HEX),
        required("role", TEXT),
        required("direction", TEXT),
        required("state", TEXT),
        required("node", TEXT),
        required("incarnation", TEXT),
        optional("binding_id", KEY),
    ]


def dialog_of_a_leg() -> list[sa.Column[Any]]:
    """The SIP dialog and its INVITE."""
    return [
        required("transport", TEXT),
        required("host", TEXT),
        required("port", sa.Integer()),
        required("sip_call_id", TEXT),
        required("local_tag", TEXT),
        optional("remote_tag", TEXT),
        required("local_uri", TEXT),
        required("remote_uri", TEXT),
        required("route_set", TEXT),
        optional("remote_target", TEXT),
        optional("request_uri", TEXT),
        optional("branch", TEXT),
        optional("via_set", TEXT),
        required("invite_cseq", KEY),
        required("local_cseq", KEY),
        optional("remote_cseq", KEY),
        optional("last_status", sa.Integer()),
        optional("remote_tags", TEXT),
    ]


def media_of_a_leg() -> list[sa.Column[Any]]:
    """The agreed session."""
    return [
        optional("local_sdp", TEXT),
        optional("remote_sdp", TEXT),
        required("sdp_session_id", KEY),
        required("sdp_version", KEY),
        optional("codec", TEXT),
        optional("payload_type", sa.Integer()),
        optional("receive_payload_type", sa.Integer()),
        optional("telephone_event", sa.Integer()),
        optional("receive_telephone_event", sa.Integer()),
        optional("direction_of_media", TEXT),
        optional("media_port", sa.Integer()),
        optional("remote_media_host", TEXT),
        optional("remote_media_port", sa.Integer()),
    ]


def times_of_a_leg() -> list[sa.Column[Any]]:
    """The session timer, and when things happened."""
    return [
        optional("session_interval", sa.Integer()),
        optional("refresher", TEXT),
        optional("refreshed_at", SECONDS),
        required("created_at", SECONDS),
        optional("answered_at", SECONDS),
        optional("ended_at", SECONDS),
        optional("end_cause", TEXT),
    ]


def constraints_of_a_leg() -> list[sa.Constraint]:
    """The key, what a leg refers to, and its rules."""
    return [
        sa.PrimaryKeyConstraint("id", name="pk_legs"),
        reference("legs", "binding_id", "bindings", ondelete="SET NULL"),
        reference("legs", "call_id", "calls"),
        reference("legs", "offer_id", "offers"),
        reference("legs", "peer_leg_id", "legs", ondelete="SET NULL"),
        rule("legs", "direction", "direction IN ('incoming', 'outgoing')"),
        rule(
            "legs",
            "direction_of_media",
            "direction_of_media IN ('sendrecv', 'sendonly', 'recvonly', 'inactive')",
        ),
        rule("legs", "media_port", "media_port BETWEEN 0 AND 65535"),
        rule("legs", "port", "port BETWEEN 0 AND 65535"),
        rule("legs", "remote_media_port", "remote_media_port BETWEEN 0 AND 65535"),
        rule("legs", "role", "role IN ('caller', 'agent')"),
        rule("legs", "state", "state IN ('inviting', 'connected', 'ending', 'ended')"),
    ]


def create_event_log() -> None:
    op.create_table(
        "event_log",
        required("number", KEY, autoincrement=False),
        required("at", SECONDS),
        required("type", TEXT),
        optional("call_id", HEX),
        optional("queue", TEXT),
        optional("agent", TEXT),
        required("payload", TEXT),
        sa.PrimaryKeyConstraint("number", name="pk_event_log"),
    )
    index("event_log", "call_id")


def create_log_head() -> None:
    op.create_table(
        "log_head",
        required("id", KEY, autoincrement=False),
        required("last", KEY),
        sa.PrimaryKeyConstraint("id", name="pk_log_head"),
        rule("log_head", "last", "last >= 0"),
        rule("log_head", "single_row", "id = 1"),
    )
