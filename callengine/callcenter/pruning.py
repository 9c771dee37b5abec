"""Pruning: calls that are long over, and their events, are removed, a few at a time while calls go on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gevent
from loguru import logger

from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import pruning
from callengine.events.types import EventType

CALLS_AT_ONCE = 10
"""Calls of one commit: some hundred rows, a few milliseconds."""
EVENTS_AT_ONCE = 200
_PAUSE_SECONDS = 0.01
"""Between two commits, for everybody else."""


@dataclass
class Pruned:
    """What was removed."""

    calls: int = 0
    events: int = 0
    """Events that belonged to no call that is still there; those of the removed calls are not counted."""


def count_old_calls(committer: Committer, *, before: float) -> int:
    """How many calls `prune` would remove."""
    with reading(committer.engine) as connection:
        return int(connection.execute(pruning.COUNT_OLD, {"before": before}).scalar_one())


def prune(committer: Committer, *, before: float, by: str) -> Pruned:
    """Remove the calls that ended before that time (seconds since the epoch), and older events.

    Event numbers are never given again. A reader whose next event does not follow on its last number knows by
    that gap that it has missed pruned ones, since there are no others; `log_pruned` tells of it.
    """
    removed, after = Pruned(), 0.0
    while True:
        unit = partial(pruning.prune_calls, after=after, before=before, most=CALLS_AT_ONCE)
        count, after = committer.commit(unit)
        removed.calls += count
        if count < CALLS_AT_ONCE:
            break
        gevent.sleep(_PAUSE_SECONDS)
    _prune_events(committer, removed, before)
    committer.commit(
        lambda tx: tx.add_event(
            EventType.LOG_PRUNED, before=before, calls=removed.calls, events=removed.events, by=by
        )
    )
    logger.info("{} has pruned {} calls and {} events", by, removed.calls, removed.events)
    return removed


def _prune_events(committer: Committer, removed: Pruned, before: float) -> None:
    number = 0
    while True:
        unit = partial(pruning.prune_events, after=number, before=before, most=EVENTS_AT_ONCE)
        count, through = committer.commit(unit)
        removed.events += count
        if through == number:
            return
        number = through
        gevent.sleep(_PAUSE_SECONDS)
