"""Places in queues: what is stored when a caller takes one, goes on to another, or is moved in the order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from callengine.callcenter.admission import Step
from callengine.callcenter.answering import store_told
from callengine.callcenter.calls import Call, Entry, new_id
from callengine.callcenter.leg_rows import Owner
from callengine.callcenter.preference import prefer_last_agent
from callengine.callcenter.queues import Queue, Queues
from callengine.db.repositories import calls, entries
from callengine.db.transaction import Transaction
from callengine.events.types import EventType
from callengine.vocabulary import EntryState


def new_entry(queue: Queue, *, priority: int, first_arrived_at: float, began_at: float, now: float) -> Entry:
    """A place in this queue from `now` on, of a call that began at `began_at`."""
    ends_at = min(now + queue.rules.max_wait_time_seconds, began_at + queue.rules.expires_after_seconds)
    return Entry(new_id(), queue.id, priority, first_arrived_at, now, ends_at)


def following_entry(call: Call, queue: Queue, now: float) -> Entry:
    """The place of a call that goes on to this queue: as urgent, and there as long as before."""
    old = call.entry
    entry = new_entry(
        queue,
        priority=old.priority,
        first_arrived_at=old.first_arrived_at,
        began_at=call.arrived_at,
        now=now,
    )
    entry.made_by, entry.missed = old.made_by, set(old.missed)
    return entry


def is_expired(call: Call, queue: Queue, now: float) -> bool:
    """Whether the call has waited as long as it may over all queues."""
    return now >= call.arrived_at + queue.rules.expires_after_seconds


def store_join(tx: Transaction, call: Call, entry: Entry, queue: Queue, owner: Owner) -> int:
    """The caller joins; answers the depth with it. Raises `QueueFull`."""
    depth = entries.join(tx, _row(call, entry, owner), queue_name=queue.name)
    tx.add_event(
        EventType.CALL_QUEUED,
        call_id=call.id,
        queue=queue.name,
        depth=depth,
        priority=entry.priority,
        first_arrived_at=entry.first_arrived_at,
    )
    return depth


def store_steps(
    tx: Transaction, call: Call, steps: Iterable[Step], queues: Queues, *, waited_seconds: float = 0.0
) -> None:
    """How the caller came from queue to queue; `waited_seconds` in the first of them."""
    for step in steps:
        queue = queues.named(step.queue)
        tx.add_event(
            EventType.QUEUE_OVERFLOWED,
            call_id=call.id,
            queue=step.queue,
            to=step.to,
            reason=step.why,
            depth=None if queue is None else entries.depth_of(tx, queue.id),
            waited_seconds=waited_seconds,
        )
        waited_seconds = 0.0


def store_change(
    tx: Transaction,
    call: Call,
    entry: Entry,
    queue: Queue,
    owner: Owner,
    *,
    told: int | None,
    steps: Sequence[Step],
    queues: Queues,
    moved_by: str | None = None,
) -> None:
    """A caller who waits goes on to `queue`, by `steps`, or moved there by an operator.

    `told` is what its phone is to be told in addition. Raises `QueueFull`, and `GuardFailed` if it does not
    wait any more.
    """
    old, name = call.entry, queues.by_id(call.entry.queue_id).name
    depth = entries.leave(
        tx, old.id, queue_id=old.queue_id, present=EntryState.WAITING, state=EntryState.OVERFLOWED
    )
    if moved_by is not None:
        tx.add_event(
            EventType.CALL_MOVED, call_id=call.id, queue=name, to=queue.name, depth=depth, by=moved_by
        )
    store_steps(tx, call, steps, queues, waited_seconds=max(0.0, tx.now - old.joined_at))
    calls.change_queue(tx, call.id, queue.id)
    if told is not None:
        store_told(tx, call, told)
    if entry.made_by is None:
        prefer_last_agent(tx, entry, call.caller_number, queue.rules)
    store_join(tx, call, entry, queue, owner)


def store_priority(tx: Transaction, call: Call, priority: int, queue: Queue, by: str) -> None:
    """A caller who waits is as urgent as this from now on. Raises `GuardFailed` if it waits no more."""
    entries.prioritize(tx, call.entry.id, priority)
    tx.add_event(
        EventType.CALL_PRIORITIZED,
        call_id=call.id,
        queue=queue.name,
        old=call.entry.priority,
        new=priority,
        by=by,
    )


def _row(call: Call, entry: Entry, owner: Owner) -> dict[str, object]:
    return {
        "id": entry.id,
        "call_id": call.id,
        "queue_id": entry.queue_id,
        **owner,
        "state": EntryState.WAITING,
        "priority": entry.priority,
        "first_arrived_at": entry.first_arrived_at,
        "joined_at": entry.joined_at,
        "expires_at": entry.gives_up_at,
        "preferred_agent_id": entry.preferred_agent_id,
        "preferred_until": entry.preferred_until or None,
    }
