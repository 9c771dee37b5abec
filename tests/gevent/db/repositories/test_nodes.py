"""Who was the last process of a node to hand its calls over."""

import pytest
from sqlalchemy import Engine

from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import nodes
from callengine.db.transaction import Transaction
from callengine.events.types import EventType


def hand_over(incarnation: str, tx: Transaction) -> None:
    tx.add_event(EventType.SERVICE_HANDED_OVER, calls=0, incarnation=incarnation)


def some_events(count: int, tx: Transaction) -> None:
    for _ in range(count):
        tx.add_event(EventType.AGENT_CHANGED)


@pytest.mark.parametrize(("later", "found"), [(0, "two"), (900, "two"), (1000, None)])
def test_the_last_hand_over_is_found_near_the_end_of_the_log(
    engine: Engine, committer: Committer, later: int, found: str | None
) -> None:
    with reading(engine) as connection:
        assert nodes.last_handed_over(connection) is None
    committer.commit(lambda tx: hand_over("one", tx))
    committer.commit(lambda tx: hand_over("two", tx))
    if later:
        committer.commit(lambda tx: some_events(later, tx))
    with reading(engine) as connection:
        assert nodes.last_handed_over(connection) == found
