"""The service dies right after each commit of a call that goes from queue to queue, and starts again."""

from __future__ import annotations

from functools import partial

import gevent
import pytest

from tests.fakes.phone import Phone
from tests.gevent.callcenter.conftest import Desk
from tests.gevent.service.test_crash_points import Mortal, dial, hang_up, talks
from tests.gevent.service.test_recovery import LeaveDesk, Serving, _end_media

CHAIN = {
    "QUEUES__SUPPORT__OVERFLOW_QUEUE": "premium",
    "QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS": "0.3",
    "QUEUES__PREMIUM__CAPACITY": "5",
}


def _live(desk: Desk, bob: Phone) -> None:
    caller = dial(desk)
    talks(bob)
    gevent.sleep(0.1)
    hang_up(caller)


@pytest.mark.parametrize(
    "count", [pytest.param(1, marks=pytest.mark.long), 2, pytest.param(3, marks=pytest.mark.long)]
)
def test_a_call_with_two_entries_is_taken_up_in_its_last(
    request: pytest.FixtureRequest, make_desk: LeaveDesk, count: int
) -> None:
    """Arrival, overflow, claim: the agent serves the second queue alone."""
    desk = make_desk(open_now=False, **CHAIN)
    desk.add_agents("bob", queue="premium")
    service = Mortal(desk, count)
    request.addfinalizer(partial(_end_media, desk))
    request.addfinalizer(service.close)
    bob = desk.agent("bob")
    living = gevent.spawn(_live, desk, bob)
    assert service.process.wait(20) == 9
    Serving(desk, into=service)
    living.get(timeout=40)
    desk.until("select count(*) from calls where state <> 'ended'", 0)
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    record = desk.one("select c.disposition, q.name from calls c join queues q on q.id = c.queue_id")
    assert tuple(record.values()) == ("answered", "premium")
    states = desk.rows("select state, first_arrived_at from queue_entries order by joined_at")
    assert [row["state"] for row in states] == ["overflowed", "connected"]
    assert states[0]["first_arrived_at"] == states[1]["first_arrived_at"]
    assert [row["depth"] for row in desk.rows("select depth from queues")] == [0, 0]
    assert len(desk.rows("select 1 from event_log where type = 'queue_overflowed'")) == 1
