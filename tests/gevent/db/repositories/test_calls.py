"""Who spoke with a number last is found among its latest calls, by an index."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from callengine.db.committer import Committer
from callengine.db.models import Agent, Call, Queue
from callengine.db.repositories import calls
from tests.fakes import rows

NUMBER = "+4930123456"


def call(minute: int, agent_id: int | None, **values: Any) -> dict[str, Any]:
    given = {
        "id": f"{minute:032}",
        "caller_number": NUMBER,
        "agent_id": agent_id,
        "arrived_at": rows.NOW + 60 * minute,
    }
    return rows.call(**{**given, **values})


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([], None),
        ([call(1, 1), call(2, 2)], 2),
        ([call(1, 1), call(2, 2, caller_number="+49301"), call(3, None)], 1),
        ([call(1, 1), call(2, 2, kind="agent")], 1),
        ([call(1, None)], None),
        ([call(1, 1), *(call(minute, None) for minute in range(2, 21))], 1),
        ([call(1, 1), *(call(minute, None) for minute in range(2, 22))], None),
    ],
)
def test_the_last_agent_of_a_number(
    committer: Committer, engine: Engine, stored: list[dict[str, Any]], expected: int | None
) -> None:
    with engine.begin() as connection:
        rows.store(connection, Agent, rows.agent(), rows.agent(id=2, name="bob"))
        rows.store(connection, Queue, rows.queue())
        for each in stored:
            rows.store(connection, Call, each)
    assert committer.commit(lambda tx: calls.last_agent_of(tx, NUMBER)) == expected
