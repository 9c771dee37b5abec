"""Queues in the database: those that the settings define, all as they stand, and who serves them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.orm import Session

from callengine.db.base import table_of
from callengine.db.models import Agent, Membership, Queue
from callengine.db.models.queue import DATABASE, SETTINGS
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound, QueueNotFound, SettingsError
from callengine.events.types import EventType

_queues = table_of(Queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """What a queue is set to; each field is the setting and the column of that name. Times in seconds."""

    strategy: str
    capacity: int
    max_wait_time_seconds: float
    ring_timeout_seconds: float
    wrap_up_seconds: float
    wrap_up_codes: tuple[str, ...]
    wrap_up_code_required: bool
    answer: str


RULES = tuple(each.name for each in fields(QueueRules))

ALL_QUEUES = (
    select(
        _queues.c.id,
        _queues.c.name,
        _queues.c.source,
        _queues.c.depth,
        _queues.c.last_agent_id,
        *(_queues.c[name] for name in RULES),
    )
    .where(_queues.c.tenant_id == DEFAULT_TENANT_ID)
    .order_by(_queues.c.name)
)


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """A queue as its row stands. `depth` counts waiting and offered entries."""

    id: int
    name: str
    source: str
    depth: int
    last_agent_id: int | None
    rules: QueueRules


def read_queues(connection: Connection) -> list[QueueRecord]:
    """All queues in the order of their names."""
    return [_record(row) for row in connection.execute(ALL_QUEUES)]


def sync_from_settings(tx: Transaction, definitions: Mapping[str, QueueRules]) -> None:
    """Make the queues of source `settings`, by name, as the settings say now; new ones are created.

    A queue that the settings do not define any more keeps its row, since calls refer to it. Raises
    SettingsError, naming every queue that the settings and the database both define.
    """
    with tx.orm() as session:
        known = {queue.name: queue for queue in session.scalars(_of_tenant())}
        _refuse_defined_twice(definitions, known)
        for name, rules in definitions.items():
            queue = known.get(name)
            if queue is None:
                _create(tx, session, name, rules)
            else:
                _change(tx, queue, rules)


def add_member(tx: Transaction, queue: str, agent: str, *, position: int = 0) -> None:
    """Let `agent` serve `queue`, at `position`; one who serves it already is moved there.

    Raises QueueNotFound or AgentNotFound.
    """
    with tx.orm() as session:
        queue_id, agent_id = _find(session, queue, agent)
        member = session.scalar(select(Membership).filter_by(queue_id=queue_id, agent_id=agent_id))
        if member is None:
            member = Membership(queue_id=queue_id, agent_id=agent_id)
            session.add(member)
        member.position = position
    tx.add_event(EventType.AGENT_CHANGED, agent=agent, queue=queue, member=True, position=position)


def remove_member(tx: Transaction, queue: str, agent: str) -> None:
    """Let `agent` serve `queue` no longer; harmless if it does not. Raises QueueNotFound or AgentNotFound."""
    with tx.orm() as session:
        queue_id, agent_id = _find(session, queue, agent)
        gone = delete(Membership).where(Membership.queue_id == queue_id, Membership.agent_id == agent_id)
        session.execute(gone)
    tx.add_event(EventType.AGENT_CHANGED, agent=agent, queue=queue, member=False)


def _of_tenant() -> Any:
    return select(Queue).where(Queue.tenant_id == DEFAULT_TENANT_ID)


def _refuse_defined_twice(wanted: Iterable[str], known: Mapping[str, Queue]) -> None:
    twice = [name for name in wanted if name in known and known[name].source == DATABASE]
    if twice:
        raise SettingsError(
            [f"queues.{name}: a queue of that name is defined in the database too" for name in twice]
        )


def _create(tx: Transaction, session: Session, name: str, rules: QueueRules) -> None:
    values = asdict(rules)
    session.add(Queue(tenant_id=DEFAULT_TENANT_ID, name=name, source=SETTINGS, created_at=tx.now, **values))
    tx.add_event(EventType.QUEUE_CREATED, queue=name, source=SETTINGS, **values)


def _change(tx: Transaction, queue: Queue, rules: QueueRules) -> None:
    values = asdict(rules).items()
    changed = {name: value for name, value in values if _plain(getattr(queue, name)) != value}
    if changed:
        for name, value in changed.items():
            setattr(queue, name, value)
        tx.add_event(EventType.QUEUE_CHANGED, queue=queue.name, **changed)


def _find(session: Session, queue: str, agent: str) -> tuple[int, int]:
    queue_id = session.scalar(_of_tenant().filter_by(name=queue).with_only_columns(Queue.id))
    if queue_id is None:
        raise QueueNotFound(f"there is no queue {queue!r}")
    by_name = select(Agent.id).where(Agent.tenant_id == DEFAULT_TENANT_ID, Agent.name == agent)
    agent_id = session.scalar(by_name)
    if agent_id is None:
        raise AgentNotFound(f"there is no agent {agent!r}")
    return queue_id, agent_id


def _record(row: Row[*tuple[Any, ...]]) -> QueueRecord:
    rules = QueueRules(**{name: _plain(getattr(row, name)) for name in RULES})
    return QueueRecord(row.id, row.name, row.source, row.depth, row.last_agent_id, rules)


def _plain(stored: Any) -> Any:
    """A list of the database is a tuple in the rules, which never change."""
    return tuple(stored) if isinstance(stored, list) else stored
