"""What is long over is removed, with all that belongs to it; what is alive or young stays."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from callengine.callcenter import pruning
from callengine.cli._office import office
from callengine.db.committer import Committer
from callengine.db.engine import make_engine
from tests.gevent.callcenter.conftest import Desk

MakeDesk = Callable[..., Desk]
TABLES = ("calls", "legs", "offers", "queue_entries")


def counts(desk: Desk) -> dict[str, int]:
    return {table: desk.one(f"select count(*) as n from {table}")["n"] for table in TABLES}


def talk(desk: Desk, count: int) -> None:
    """So many calls, each answered and ended."""
    alice = desk.agent("alice")
    for number in range(1, count + 1):
        caller = desk.phone().call("support")
        alice.wait_for_call(number).confirmed.wait(5)
        caller.hang_up()
        desk.until("select state from agents", "available")


@pytest.mark.parametrize("is_live", [True, False])
def test_old_calls_go_with_all_that_belongs_to_them(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, is_live: bool
) -> None:
    monkeypatch.setattr(pruning, "CALLS_AT_ONCE", 2)
    monkeypatch.setattr(pruning, "EVENTS_AT_ONCE", 7)
    desk = make_desk("alice")
    talk(desk, 5)
    now = time.time()
    waiting = desk.phone().call("support")
    last = desk.one("select last from log_head")["last"]
    if not is_live:
        assert desk.center is not None
        waiting.hang_up()
        desk.until("select count(*) from calls where state = 'ended'", 6)
        desk.center.stop()
    with office(desk.settings) as administration:
        assert administration.database.count_old_calls(before=now) == 5
        removed = administration.database.prune(before=now, by="x")
        assert removed["calls"] == 5
        assert administration.database.prune(before=now, by="x")["calls"] == 0
    left = counts(desk)
    assert (left["calls"], left["queue_entries"]) == (1, 1)
    assert not desk.rows("select 1 from event_log where call_id not in (select id from calls)")
    numbers = [row["number"] for row in desk.rows("select number from event_log order by number")]
    assert numbers[-1] > last
    (told, _again) = desk.rows("select payload from event_log where type = 'log_pruned' order by number")
    assert json.loads(told["payload"])["calls"] == 5
    waiting.hang_up()


def test_nothing_young_is_touched(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    talk(desk, 1)
    before = counts(desk), desk.one("select count(*) as n from event_log")["n"]
    with office(desk.settings) as administration:
        assert administration.database.prune(before=time.time() - 3600, by="x") == {"calls": 0, "events": 0}
    assert counts(desk) == before[0]
    assert desk.one("select count(*) as n from event_log")["n"] == before[1] + 1


def test_a_call_that_began_long_ago_and_goes_on_stays(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    caller = desk.phone().call("support")
    with office(desk.settings) as administration:
        assert administration.database.prune(before=time.time() + 10, by="x")["calls"] == 0
    assert counts(desk)["calls"] == 1
    assert desk.one("select count(*) as n from event_log where type = 'call_queued'")["n"] == 1
    caller.hang_up()


def test_a_call_whose_phone_is_still_being_hung_up_stays(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    talk(desk, 1)
    assert desk.center is not None
    desk.center.stop()
    _change(desk, "update legs set state = 'ending', ended_at = null where role = 'agent'")
    with office(desk.settings) as administration:
        assert administration.database.count_old_calls(before=time.time()) == 0
        assert administration.database.prune(before=time.time(), by="x")["calls"] == 0
        assert counts(desk)["legs"] == 2
        _change(desk, "update legs set state = 'ended', ended_at = 1.0 where role = 'agent'")
        assert administration.database.prune(before=time.time(), by="x")["calls"] == 1


def _change(desk: Desk, statement: str) -> None:
    engine = make_engine(desk.settings.database.url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_on_an_empty_database(make_desk: MakeDesk) -> None:
    desk = make_desk(open_now=False)
    committer = Committer(make_engine(desk.settings.database.url))
    committer.start()
    assert pruning.prune(committer, before=time.time(), by="x").calls == 0
    committer.stop()
