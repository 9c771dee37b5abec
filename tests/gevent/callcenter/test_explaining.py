"""For each reason the situation is made and read: while a call waits, when it ended, after a restart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete

from callengine import store
from callengine.callcenter.explaining import explain_all, moments_of
from callengine.cli import group
from callengine.cli._office import office
from callengine.db.base import table_of
from callengine.db.engine import make_engine, reading
from callengine.db.models import LoggedEvent
from callengine.db.repositories import event_log
from callengine.db.repositories.agents import add_agent
from callengine.errors import CallNotFound
from callengine.sip.auth import ha1
from callengine.sip.outgoing_session import OutgoingSession
from tests.fakes.phone import just_ring, reject_with
from tests.gevent.callcenter.conftest import REALM, Desk, wait_until

MakeDesk = Callable[..., Desk]
log = table_of(LoggedEvent)


def why(desk: Desk, call_id: str) -> dict[str, Any]:
    with office(desk.settings) as administration:
        return administration.calls.why(call_id)


def reasons(moment: dict[str, Any], agent: str = "bob") -> list[str]:
    (found,) = [each["reasons"] for each in moment["agents"] if each["agent"] == agent]
    return list(found)


def newest_call(desk: Desk) -> str:
    return str(desk.rows("select id from calls order by arrived_at desc")[0]["id"])


def be_offline(_desk: Desk) -> None:
    """Bob has no phone."""


def have_been_here(desk: Desk) -> None:
    """Bob's phone was registered, and is not any more."""
    bob = desk.agent("bob")
    bob.unregister()
    desk.until("select state from agents where name = 'bob'", "offline")


def pause_for_lunch(desk: Desk) -> None:
    desk.agent("bob")
    with office(desk.settings) as administration:
        administration.agents.pause("bob", reason="lunch", by="x")


def talk(desk: Desk) -> None:
    bob = desk.agent("bob")
    desk.phone().call("support")
    assert bob.wait_for_call().confirmed.wait(5)
    desk.until("select state from agents where name = 'bob'", "busy")


def talk_twice(desk: Desk) -> None:
    bob = desk.agent("bob")
    for count in (1, 2):
        desk.phone().call("support")
        assert bob.wait_for_call(count).confirmed.wait(5)
    desk.until("select count(*) from offers where state = 'connected'", 2)


def ring_for_another(desk: Desk) -> None:
    bob = desk.agent("bob", script=just_ring)
    desk.phone().call("support")
    bob.wait_for_call()
    desk.until("select state from agents where name = 'bob'", "reserved")


def wrap_up(desk: Desk) -> None:
    bob = desk.agent("bob")
    caller = desk.phone().call("support")
    assert bob.wait_for_call().confirmed.wait(5)
    desk.until("select state from agents where name = 'bob'", "busy")
    caller.hang_up()
    desk.until("select state from agents where name = 'bob'", "wrap_up")


def sign_off(desk: Desk) -> None:
    desk.agent("bob")
    with office(desk.settings) as administration:
        administration.agents.sign_off("bob", by="x")


def refuse(desk: Desk) -> None:
    """Bob has refused another call, and is left alone for a while."""
    bob = desk.agent("bob", script=reject_with(603))
    caller = desk.phone().call("support")
    bob.wait_for_call()
    desk.until("select delayed_after from agents where name = 'bob'", "rejected")
    caller.hang_up()
    desk.until("select state from calls", "ended")


def be_there(desk: Desk) -> None:
    desk.agent("bob")


def serve_in_tier_two(desk: Desk) -> None:
    desk.agent("bob")
    with office(desk.settings) as administration:
        administration.agents.assign("bob", "support", tier=2, by="x")


SITUATIONS: dict[str, tuple[Callable[[Desk], None], dict[str, str]]] = {
    "not_registered": (be_offline, {}),
    "not_registered, any more": (have_been_here, {}),
    "paused:lunch": (pause_for_lunch, {}),
    "busy": (talk, {}),
    "at_capacity": (talk_twice, {}),
    "reserved": (ring_for_another, {"QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "30"}),
    "wrap_up": (wrap_up, {"QUEUES__SUPPORT__WRAP_UP_SECONDS": "300"}),
    "signed_off": (sign_off, {}),
    "delayed_after:rejected": (refuse, {"AGENTS__DELAY_AFTER_REJECTED_SECONDS": "300"}),
    "lacks_skill:french>=3": (be_there, {"QUEUES__SUPPORT__SKILLS": '[{all = ["french>=3"]}]'}),
    "tier_not_open": (serve_in_tier_two, {"QUEUES__SUPPORT__TIER_WAIT_SECONDS": "300"}),
}


@pytest.fixture
def situation(request: pytest.FixtureRequest, make_desk: MakeDesk) -> tuple[str, Desk]:
    """The word, and a desk with ann, who is not there, and bob, for whom it holds."""
    prepare, settings = SITUATIONS[request.param]
    desk = make_desk(open_now=False, **settings)
    skills: dict[str, dict[str, int]] = {"ann": {"french": 5}, "bob": {"french": 2}}
    for name, most in (("ann", 1), ("bob", 2 if request.param == "at_capacity" else 1)):
        secrets = {each: ha1(name, REALM, "secret", each) for each in ("MD5", "SHA-256")}
        add = partial(add_agent, name=name, ha1=secrets, realm=REALM, queues=["support"])
        with store.offline(desk.settings) as committer:
            committer.commit(partial(add, max_concurrent_calls=most, skills=skills[name]))
    desk.open()
    prepare(desk)
    return request.param.partition(",")[0], desk


@pytest.mark.parametrize("situation", SITUATIONS, indirect=True)
def test_of_a_call_that_waits_and_ends_in_vain(situation: tuple[str, Desk]) -> None:
    word, desk = situation
    caller = desk.phone().call("support")
    call_id = newest_call(desk)
    waiting = why(desk, call_id)
    assert (waiting["state"], waiting["place"] or 0) == ("queued", waiting["place"])
    assert [moment["what"] for moment in waiting["moments"]] == ["now"]
    assert reasons(waiting["moments"][0]) == [word]
    assert reasons(waiting["moments"][0], "ann") == ["not_registered"]
    caller.hang_up()
    desk.until(f"select state from calls where id = '{call_id}'", "ended")
    ended = why(desk, call_id)
    assert [(moment["what"], reasons(moment)) for moment in ended["moments"]] == [("ended", [word])]
    assert ended["moments"][0]["pruned"] == []
    assert desk.center is not None
    desk.center.stop()
    assert why(desk, call_id) == ended
    desk.open()
    assert why(desk, call_id) == ended


@pytest.mark.parametrize("situation", SITUATIONS, indirect=True)
def test_of_a_call_that_another_agent_answers(situation: tuple[str, Desk]) -> None:
    word, desk = situation
    ann = desk.agent("ann")
    if word == "reserved":
        wait_until(lambda: why(desk, newest_call(desk))["moments"] != [])
    caller = desk.phone().call("support")
    assert ann.wait_for_call().confirmed.wait(5)
    call_id = newest_call(desk)
    desk.until(f"select state from calls where id = '{call_id}'", "connected")
    (moment,) = why(desk, call_id)["moments"]
    assert (moment["what"], reasons(moment, "ann"), reasons(moment)) == ("offered", ["chosen"], [word])
    assert moment["agents"][0] == {"agent": "ann", "reasons": ["chosen"], "result": "connected"}
    caller.hang_up()
    desk.until(f"select state from calls where id = '{call_id}'", "ended")
    ended = why(desk, call_id)
    assert ended["moments"] == [moment]
    assert desk.center is not None
    desk.center.stop()
    desk.open()
    assert why(desk, call_id) == ended


def test_of_two_who_are_free_one_is_first(make_desk: MakeDesk) -> None:
    desk = make_desk("ann", "bob")
    for name in ("ann", "bob"):
        desk.agent(name)
    caller = desk.phone().call("support")
    desk.until("select state from calls", "connected")
    (moment,) = why(desk, newest_call(desk))["moments"]
    assert sorted(map(tuple, (each["reasons"] for each in moment["agents"]))) == [
        ("chosen",),
        ("ranked_after",),
    ]
    caller.hang_up()


def test_who_has_missed_a_call_is_passed_over(make_desk: MakeDesk) -> None:
    desk = make_desk("ann", "bob")
    bob = desk.agent("bob", script=reject_with(603))
    caller = desk.phone().call("support")
    bob.wait_for_call()
    desk.until("select count(*) from event_log where type = 'call_offer_failed'", 1)
    ann = desk.agent("ann")
    assert ann.wait_for_call().confirmed.wait(5)
    call_id = newest_call(desk)
    desk.until("select state from calls", "connected")
    first, *others, last = why(desk, call_id)["moments"]
    assert first["agents"][0] == {"agent": "bob", "reasons": ["chosen"], "result": "rejected"}
    assert reasons(last, "ann") == ["chosen"]
    assert "missed_this_call" in reasons(last)
    caller.hang_up()
    desk.until("select state from calls", "ended")
    assert why(desk, call_id)["moments"] == [first, *others, last]


def test_who_is_not_the_one_that_is_waited_for(make_desk: MakeDesk) -> None:
    settings = {"PREFER_LAST_AGENT_SECONDS": "300", "WRAP_UP_SECONDS": "300"}
    desk = make_desk("ann", "bob", **{f"QUEUES__SUPPORT__{name}": value for name, value in settings.items()})
    ann = desk.agent("ann")
    first = desk.phone("eve").call("support")
    assert ann.wait_for_call().confirmed.wait(5)
    desk.until("select state from calls", "connected")
    first.hang_up()
    desk.until("select state from agents where name = 'ann'", "wrap_up")
    desk.agent("bob")
    desk.phone("eve").call("support")
    call_id = newest_call(desk)
    (waiting,) = why(desk, call_id)["moments"]
    assert (reasons(waiting, "ann"), reasons(waiting)) == (["wrap_up"], ["not_preferred"])
    with office(desk.settings) as administration:
        administration.agents.end_wrap_up("ann", by="x")
    assert ann.wait_for_call(2).confirmed.wait(5)
    desk.until(f"select state from calls where id = '{call_id}'", "connected")
    (offered,) = why(desk, call_id)["moments"]
    assert (reasons(offered, "ann"), reasons(offered)) == (["chosen"], ["not_preferred"])
    assert desk.center is not None
    desk.center.stop()
    desk.open()
    assert why(desk, call_id)["moments"] == [offered]


def test_while_a_phone_rings_the_decision_stands(make_desk: MakeDesk) -> None:
    desk = make_desk("ann")
    ann = desk.agent("ann", script=just_ring)
    caller = desk.phone().call("support")
    ann.wait_for_call()
    desk.until("select state from calls", "offered")
    (moment,) = why(desk, newest_call(desk))["moments"]
    assert moment["agents"] == [{"agent": "ann", "reasons": ["chosen"], "result": "ringing"}]
    caller.hang_up()
    desk.until("select state from calls", "ended")
    offered, ended = why(desk, newest_call(desk))["moments"]
    assert offered["agents"] == [{"agent": "ann", "reasons": ["chosen"], "result": "withdrawn"}]
    assert (ended["what"], reasons(ended, "ann")) == ("ended", ["reserved"])


def test_an_agent_of_another_queue_is_not_considered(make_desk: MakeDesk) -> None:
    desk = make_desk("ann", open_now=False, QUEUES__SALES__CAPACITY="5")
    desk.add_agents("bob", queue="sales")
    desk.open()
    caller = desk.phone().call("support")
    (moment,) = why(desk, newest_call(desk))["moments"]
    assert [each["agent"] for each in moment["agents"]] == ["ann"]
    caller.hang_up()


def test_who_came_to_the_queue_later_was_not_considered_then(make_desk: MakeDesk) -> None:
    desk = make_desk("ann")
    caller: OutgoingSession = desk.phone().call("support")
    call_id = newest_call(desk)
    caller.hang_up()
    desk.until("select state from calls", "ended")
    with office(desk.settings) as administration:
        administration.agents.remove("ann", by="x")
    assert desk.center is not None
    desk.center.stop()
    desk.add_agents("bob")
    (moment,) = why(desk, call_id)["moments"]
    assert [each["agent"] for each in moment["agents"]] == ["ann"]


def test_what_the_log_tells_no_more_is_said(make_desk: MakeDesk) -> None:
    desk = make_desk("ann")
    ann = desk.agent("ann")
    caller = desk.phone().call("support")
    assert ann.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents", "available")
    call_id = newest_call(desk)
    engine = make_engine(desk.settings.database.url, enable_wal_mode=None)
    with reading(engine) as connection:
        events = event_log.of_call(connection, call_id)
    with engine.begin() as connection:
        gone = log.c.type.in_(["agent_added", "agent_state_changed", "agent_registered"])
        connection.execute(delete(LoggedEvent).where(gone))
    (moment,) = explain_all(engine, moments_of(events))
    assert moment["pruned"] == ["ann"]
    engine.dispose()


def test_on_the_command_line(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk("ann", "bob")
    for name, value in desk.environ.items():
        monkeypatch.setenv(name, value)
    desk.agent("bob", script=just_ring)
    first = desk.phone().call("support")
    desk.until("select state from calls", "offered")
    second = desk.phone().call("support")
    call_id = newest_call(desk)
    said = CliRunner().invoke(group, ["calls", "why", call_id[:10]]).output
    assert f"Call {call_id}: queued, place 2 in the queue support" in said
    assert "Waits now" in said
    rows = [line.split() for line in said.splitlines()]
    assert ["ann", "not_registered", "-"] in rows
    assert ["bob", "reserved", "-"] in rows
    for session in (first, second):
        session.hang_up()
    desk.until("select count(*) from calls where state = 'ended'", 2)
    said = CliRunner().invoke(group, ["calls", "why", call_id]).output
    assert "abandoned" in said
    assert "Ended without an agent" in said


def test_a_call_that_is_not_there(make_desk: MakeDesk) -> None:
    desk = make_desk("ann", open_now=False)
    with (
        office(desk.settings) as administration,
        pytest.raises(CallNotFound, match="no call whose id begins"),
    ):
        administration.calls.why("abc")
