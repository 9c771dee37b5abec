"""Queues in the database: those that the settings define, and all as they stand."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.orm import Session

from callengine.db.base import table_of
from callengine.db.models import Queue
from callengine.db.models.queue import DATABASE, SETTINGS
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.transaction import Transaction
from callengine.errors import SettingsError
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


def _record(row: Row[*tuple[Any, ...]]) -> QueueRecord:
    rules = QueueRules(**{name: _plain(getattr(row, name)) for name in RULES})
    return QueueRecord(row.id, row.name, row.source, row.depth, row.last_agent_id, rules)


def _plain(stored: Any) -> Any:
    """A list of the database is a tuple in the rules, which never change."""
    return tuple(stored) if isinstance(stored, list) else stored
