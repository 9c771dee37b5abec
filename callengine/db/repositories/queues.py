"""Queues in the database: those that the settings define, and all as they stand."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.orm import Session

from callengine.db.base import table_of
from callengine.db.models import Queue
from callengine.db.models.queue import DATABASE, SETTINGS
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.transaction import Transaction
from callengine.errors import NotAllowed, QueueNotFound
from callengine.events.types import EventType

_queues = table_of(Queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """What a queue is set to; each field is the setting and the column of that name. Times in seconds."""

    strategy: str
    weight: int
    priority_base: int
    tier_wait_seconds: float
    skills: tuple[Mapping[str, Any], ...] = field(hash=False)
    """Steps as `callcenter.routing.skills` has them."""
    prefer_last_agent_seconds: float
    capacity: int
    max_wait_time_seconds: float
    ring_timeout_seconds: float
    wrap_up_seconds: float
    wrap_up_codes: tuple[str, ...]
    wrap_up_code_required: bool
    answer: str
    expires_after_seconds: float
    overflow_queue: str
    final_destination: str
    full_code: int
    join_when_empty: bool
    leave_when_empty: bool
    empty_when: str
    hours: str
    music: str
    service_level_seconds: float
    short_abandon_seconds: float
    keep_place_seconds: float


RULES = tuple(each.name for each in fields(QueueRules))

ALL_QUEUES = (
    select(
        _queues.c.id,
        _queues.c.name,
        _queues.c.source,
        _queues.c.depth,
        _queues.c.last_agent_id,
        _queues.c.removed_at,
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
    is_removed: bool = False
    """Nobody defines it any more; calls refer to it, and who waits in it is served."""


def read_queues(connection: Connection) -> list[QueueRecord]:
    """All queues in the order of their names."""
    return [_record(row) for row in connection.execute(ALL_QUEUES)]


def sync_from_settings(tx: Transaction, definitions: Mapping[str, QueueRules]) -> None:
    """Make the queues of source `settings`, by name, as the settings say now; new ones are created.

    A queue that the settings do not define any more is removed: it keeps its row, since calls refer to it,
    and who waits in it is served. A queue that the database defines under such a name is left alone.
    """
    with tx.orm() as session:
        known = {queue.name: queue for queue in session.scalars(_of_tenant())}
        for queue in known.values():
            if queue.source == SETTINGS and queue.name not in definitions:
                _remove(tx, queue)
        for name, rules in definitions.items():
            queue = known.get(name)
            if queue is None:
                _create(tx, session, name, rules)
            elif queue.source == SETTINGS or queue.removed_at is not None:
                _revive(tx, queue, SETTINGS)
                _change(tx, queue, rules)


def add_queue(tx: Transaction, name: str, rules: QueueRules) -> None:
    """A queue of the database. Raises NotAllowed if there is one of that name."""
    with tx.orm() as session:
        queue = session.scalar(_of_tenant().filter_by(name=name))
        if queue is None:
            _create(tx, session, name, rules, DATABASE)
        elif queue.removed_at is None:
            raise NotAllowed(f"there is a queue {name!r} already, defined by the {queue.source}")
        else:
            _revive(tx, queue, DATABASE)
            _change(tx, queue, rules)


def change_queue(tx: Transaction, name: str, rules: QueueRules) -> None:
    """Set a queue of the database. Raises QueueNotFound, and NotAllowed for one of the settings."""
    with tx.orm() as session:
        _change(tx, _of_database(session, name), rules)


def remove_queue(tx: Transaction, name: str) -> None:
    """Raises QueueNotFound, and NotAllowed for a queue of the settings, or in which callers wait."""
    with tx.orm() as session:
        queue = _of_database(session, name)
        if queue.depth:
            raise NotAllowed(f"{queue.depth} callers wait in the queue {name!r}: move them first")
        _remove(tx, queue)


def _of_database(session: Session, name: str) -> Queue:
    queue: Queue | None = session.scalar(_of_tenant().filter_by(name=name, removed_at=None))
    if queue is None:
        raise QueueNotFound(f"there is no queue {name!r}")
    if queue.source != DATABASE:
        raise NotAllowed(f"the queue {name!r} is defined by the settings, and read-only here")
    return queue


def _of_tenant() -> Any:
    return select(Queue).where(Queue.tenant_id == DEFAULT_TENANT_ID)


def _create(tx: Transaction, session: Session, name: str, rules: QueueRules, source: str = SETTINGS) -> None:
    values = asdict(rules)
    session.add(Queue(tenant_id=DEFAULT_TENANT_ID, name=name, source=source, created_at=tx.now, **values))
    tx.add_event(EventType.QUEUE_CREATED, queue=name, source=source, **values)


def _remove(tx: Transaction, queue: Queue) -> None:
    if queue.removed_at is None:
        queue.removed_at = tx.now
        tx.add_event(EventType.QUEUE_REMOVED, queue=queue.name, source=queue.source, depth=queue.depth)


def _revive(tx: Transaction, queue: Queue, source: str) -> None:
    """A queue of this name is defined again."""
    if queue.removed_at is not None:
        queue.removed_at, queue.source = None, source
        tx.add_event(EventType.QUEUE_CREATED, queue=queue.name, source=source)


def _change(tx: Transaction, queue: Queue, rules: QueueRules) -> None:
    values = asdict(rules).items()
    changed = {name: value for name, value in values if _plain(getattr(queue, name)) != value}
    if changed:
        for name, value in changed.items():
            setattr(queue, name, value)
        tx.add_event(EventType.QUEUE_CHANGED, queue=queue.name, **changed)


def _record(row: Row[*tuple[Any, ...]]) -> QueueRecord:
    rules = QueueRules(**{name: _plain(getattr(row, name)) for name in RULES})
    return QueueRecord(
        row.id, row.name, row.source, row.depth, row.last_agent_id, rules, row.removed_at is not None
    )


def _plain(stored: Any) -> Any:
    """A list of the database is a tuple in the rules, which never change."""
    return tuple(stored) if isinstance(stored, list) else stored
