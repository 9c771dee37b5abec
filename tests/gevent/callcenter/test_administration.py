"""What an operator does, the same in the running service and on the database alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import gevent
import pytest

from callengine.api.client import RemoteAdministration
from callengine.api.control import NotRunning, _Connection, ask
from callengine.api.peers import Peer
from callengine.callcenter.staff import NewAgent
from callengine.cli._office import Office, office
from callengine.errors import CallCenterError, SessionError
from callengine.sip.auth import ha1
from tests.fakes.phone import just_ring
from tests.gevent.callcenter.conftest import REALM, Desk

MakeDesk = Callable[..., Desk]


def newcomer(name: str, *queues: str, realm: str = REALM) -> NewAgent:
    """An agent with the password "secret"."""
    secrets = {each: ha1(name, realm, "secret", each) for each in ("MD5", "SHA-256")}
    return NewAgent(name, secrets, realm, queues, {"french": 3})


@pytest.fixture(params=["live", "offline"])
def asked(request: pytest.FixtureRequest, make_desk: MakeDesk) -> Iterator[tuple[Desk, Office]]:
    """A desk with alice, and its administration: of the running service, or of nobody's database."""
    desk = make_desk("alice", open_now=request.param == "live")
    with ExitStack() as opened:
        yield desk, opened.enter_context(office(desk.settings))


@pytest.fixture
def live(make_desk: MakeDesk) -> tuple[Desk, RemoteAdministration]:
    """A desk with alice that is open, and its administration."""
    desk = make_desk("alice")
    return desk, RemoteAdministration(Path(desk.settings.general.control_socket))


def names(administration: Office) -> list[str]:
    return [agent["name"] for agent in administration.agents.list_all()]


def test_agents_are_added_listed_and_removed(asked: tuple[Desk, Office]) -> None:
    desk, administration = asked
    administration.agents.add([newcomer("bob", "support"), newcomer("carol")], by="root")
    assert names(administration) == ["alice", "bob", "carol"]
    bob = administration.agents.list_all()[1]
    assert (bob["state"], bob["queues"], bob["skills"], bob["phones"]) == (
        "offline",
        ["support"],
        {"french": 3},
        [],
    )
    administration.agents.remove("bob", by="root")
    assert names(administration) == ["alice", "carol"]
    told = desk.rows(
        "select type, agent, payload from event_log where type in ('agent_added', 'agent_removed')"
    )
    assert [(row["type"], row["agent"]) for row in told][1:] == [
        ("agent_added", "bob"),
        ("agent_added", "carol"),
        ("agent_removed", "bob"),
    ]
    assert {json.loads(row["payload"])["by"] for row in told[1:]} == {"root"}
    assert "secret" not in str(told)


def test_who_was_removed_can_be_added_again_as_the_same_agent(asked: tuple[Desk, Office]) -> None:
    desk, administration = asked
    before = desk.one("select id from agents")
    administration.agents.remove("alice", by="root")
    assert desk.one("select ha1_md5 from agents")["ha1_md5"] == ""
    administration.agents.add([newcomer("alice", "support")], by="root")
    assert desk.one("select id from agents") == before
    assert administration.agents.list_all()[0]["queues"] == ["support"]


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (
            lambda admin: admin.agents.add([newcomer("bob"), newcomer("alice")], by="x"),
            "agent 'alice' already",
        ),
        (lambda admin: admin.agents.add([newcomer("bob", "none")], by="x"), "no queue 'none'"),
        (lambda admin: admin.agents.add([newcomer("b b")], by="x"), "letters, digits"),
        (lambda admin: admin.agents.add([newcomer("bob", realm="else")], by="x"), "the realm else"),
        (lambda admin: admin.agents.remove("nobody", by="x"), "no agent 'nobody'"),
        (lambda admin: admin.agents.pause("nobody", reason="lunch", by="x"), "no agent 'nobody'"),
        (lambda admin: admin.agents.pause("alice", reason="lunch", by="x"), "alice is offline"),
        (lambda admin: admin.agents.pause("alice", reason="a\nb", by="x"), "printable"),
        (lambda admin: admin.agents.resume("alice", by="x"), "allowed: available, paused"),
        (lambda admin: admin.agents.resume("nobody", by="x"), "no agent 'nobody'"),
        (lambda admin: admin.agents.sign_on("nobody", by="x"), "no agent 'nobody'"),
        (lambda admin: admin.agents.sign_on("alice", by="x"), "alice has no phone"),
        (lambda admin: admin.agents.sign_off("nobody", by="x"), "no agent 'nobody'"),
        (lambda admin: admin.agents.end_wrap_up("nobody", by="x"), "no agent 'nobody'"),
        (lambda admin: admin.agents.end_wrap_up("alice", by="x"), "alice is offline and has no wrap-up"),
        (lambda admin: admin.agents.end_wrap_up("alice", code="sale", by="x"), "has no wrap-up"),
        (lambda admin: admin.agents.extend_wrap_up("alice", seconds=5.0, by="x"), "has no wrap-up"),
        (lambda admin: admin.agents.extend_wrap_up("alice", seconds=-5.0, by="x"), "0"),
        (lambda admin: admin.agents.set_wrap_up_code("alice", code="sale", by="x"), "no conversation"),
        (lambda admin: admin.agents.set_max_calls("nobody", 2, by="x"), "no agent 'nobody'"),
        (lambda admin: admin.agents.set_max_calls("alice", 0, by="x"), "1 to 100"),
        (lambda admin: admin.queues.show("none"), "no queue 'none'"),
        (lambda admin: admin.calls.show("abc"), "no call whose id begins with abc"),
        (lambda admin: admin.calls.show("xyz"), "hexadecimal"),
        (lambda admin: admin.calls.hang_up("abc", by="x"), "no call"),
    ],
)
def test_what_is_impossible_is_refused_and_changes_nothing(
    asked: tuple[Desk, Office], do: Callable[[Office], object], said: str
) -> None:
    desk, administration = asked
    before = desk.rows("select * from agents"), desk.rows("select * from event_log")
    with pytest.raises(CallCenterError, match=said):
        do(administration)
    assert (desk.rows("select * from agents"), desk.rows("select * from event_log")) == before


def test_queues_are_shown(asked: tuple[Desk, Office]) -> None:
    _desk, administration = asked
    (queue,) = administration.queues.list_all()
    assert (queue["name"], queue["waiting"], queue["agents"], queue["signed_on"]) == ("support", 0, 1, 0)
    assert administration.queues.show("support")["line"] == []
    assert administration.calls.list_some() == administration.calls.list_some(latest=5) == []


def test_an_agent_that_is_added_live_takes_calls_and_one_that_is_removed_does_not(
    live: tuple[Desk, RemoteAdministration],
) -> None:
    desk, administration = live
    caller = desk.phone().call("support")
    administration.agents.add([newcomer("bob", "support")], by="x")
    bob = desk.agent("bob")
    assert bob.wait_for_call().confirmed.wait(5)
    with pytest.raises(CallCenterError, match="has an offer or a call"):
        administration.agents.remove("bob", by="x")
    caller.hang_up()
    desk.until("select state from agents where name = 'bob'", "available")
    administration.agents.remove("bob", by="x")
    desk.until("select count(*) from bindings", 0)
    waiting = desk.phone().call("support")
    with pytest.raises(SessionError):
        bob.refresh()
    gevent.sleep(0.1)
    assert len(bob.calls) == 1
    waiting.hang_up()


def test_a_pause_keeps_calls_away_until_it_ends_and_outlives_a_restart(
    live: tuple[Desk, RemoteAdministration],
) -> None:
    desk, administration = live
    alice = desk.agent("alice")
    administration.agents.pause("alice", reason="lunch", by="x")
    assert administration.agents.list_all()[0]["pause_reason"] == "lunch"
    caller = desk.phone().call("support")
    administration.agents.pause("alice", reason="meeting", by="x")
    assert alice.refresh()
    assert administration.agents.list_all()[0]["pause_reason"] == "meeting"
    assert desk.center is not None
    desk.center.stop()
    desk.open()
    assert administration.agents.list_all()[0]["state"] == "paused"
    caller = desk.phone().call("support")
    gevent.sleep(0.1)
    assert alice.calls == []
    administration.agents.resume("alice", by="x")
    assert alice.wait_for_call().confirmed.wait(5)
    with pytest.raises(CallCenterError, match="alice is busy and cannot be paused"):
        administration.agents.pause("alice", reason="lunch", by="x")
    caller.hang_up()
    reasons = desk.rows("select payload from event_log where type = 'agent_state_changed' order by number")
    assert [json.loads(row["payload"])["pause_reason"] for row in reasons][1:3] == ["lunch", "meeting"]


def test_calls_are_shown_and_hung_up(live: tuple[Desk, RemoteAdministration]) -> None:
    desk, administration = live
    alice = desk.agent("alice")
    talking = desk.phone().call("support")
    agent = alice.wait_for_call()
    agent.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    waiting = desk.phone().call("support")
    desk.until("select count(*) from queue_entries where state = 'waiting'", 1)
    first, second = administration.calls.list_some()
    assert [(call["state"], call["agent"]) for call in (first, second)] == [
        ("connected", "alice"),
        ("queued", None),
    ]
    (place,) = administration.queues.show("support")["line"]
    assert (place["call_id"], place["caller_number"]) == (second["id"], "5551")
    shown = administration.calls.show(first["id"][:12])
    assert [leg["role"] for leg in shown["legs"]] == ["caller", "agent"]
    assert [event["type"] for event in shown["events"]][:2] == ["call_arrived", "call_queued"]
    for call in (second, first):
        assert administration.calls.hang_up(call["id"], by="x") == call["id"]
    for session in (talking, waiting, agent):
        assert session.ended.wait(5)
        assert session.ended_by == "remote"
    desk.until("select count(*) from calls where cause = 'operator' and hung_up_by = 'system'", 2)
    with pytest.raises(CallCenterError, match="has ended already"):
        administration.calls.hang_up(first["id"], by="x")
    assert [call["id"] for call in administration.calls.list_some(latest=1)] == [second["id"]]


def test_a_call_whose_phone_rings_is_hung_up(live: tuple[Desk, RemoteAdministration]) -> None:
    desk, administration = live
    alice = desk.agent("alice", script=just_ring)
    caller = desk.phone().call("support")
    ringing = alice.wait_for_call()
    desk.until("select state from calls", "offered")
    administration.calls.hang_up(administration.calls.list_some()[0]["id"], by="x")
    assert caller.ended.wait(5)
    assert ringing.ended.wait(5)
    desk.until("select state from agents", "available")


def test_draining_over_the_socket_is_told_and_logged(live: tuple[Desk, RemoteAdministration]) -> None:
    desk, _administration = live
    caller = desk.phone().call("support")
    path = Path(desk.settings.general.control_socket)
    with pytest.raises(CallCenterError, match="seconds must be a number"):
        ask(path, "/api/v1/drain", method="POST", body={"seconds": -1})
    said = ask(path, "/api/v1/drain", method="POST", body={"seconds": 20})
    assert said == {"calls": 1, "seconds": 20.0}
    assert ask(path, "/api/v1/status")["draining"]
    assert desk.one("select count(*) as n from event_log where type = 'service_draining'")["n"] == 1
    caller.hang_up()


@pytest.mark.parametrize(
    ("method", "resource"),
    [
        ("GET", "agents"),
        ("POST", "agents"),
        ("DELETE", "agents/alice"),
        ("POST", "agents/alice/pause"),
        ("PATCH", "agents/alice"),
        ("POST", "agents/alice/sign_on"),
        ("POST", "agents/alice/sign_off"),
        ("POST", "agents/alice/wrap_up/end"),
        ("POST", "agents/alice/wrap_up/extend"),
        ("POST", "agents/alice/wrap_up/code"),
        ("GET", "queues"),
        ("GET", "calls"),
        ("POST", "drain"),
    ],
)
def test_over_tcp_nothing_of_that_is_answered(
    live: tuple[Desk, RemoteAdministration], method: str, resource: str
) -> None:
    desk, administration = live
    url = f"http://127.0.0.1:{desk.settings.api.port}/api/v1/{resource}"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(url, method=method, data=b"[]"), timeout=5)
    assert caught.value.code == 403
    assert "control socket alone" in caught.value.read().decode()
    assert names(administration) == ["alice"]


@pytest.mark.parametrize("body", [None, 5, "x", [5], [{}], [{"name": "bob"}]])
def test_a_body_that_is_not_as_it_must_be(live: tuple[Desk, RemoteAdministration], body: object) -> None:
    desk, administration = live
    with pytest.raises(CallCenterError, match=r"must be JSON|an agent has"):
        ask(Path(desk.settings.general.control_socket), "/api/v1/agents", method="POST", body=body)
    assert names(administration) == ["alice"]


@pytest.mark.parametrize(
    ("method", "resource", "body", "said"),
    [
        ("PATCH", "alice", {}, "max_calls must be a whole number"),
        ("PATCH", "alice", {"max_calls": True}, "max_calls must be a whole number"),
        ("PATCH", "alice", {"max_calls": 10**30}, "max_calls must be a whole number from 1 to 100"),
        ("POST", "alice/pause", {"reason": "lunch", "after_call": "yes"}, "after_call must be true or false"),
        ("POST", "alice/wrap_up/end", {"code": 5}, "code must be a text"),
        ("POST", "alice/wrap_up/extend", {}, "seconds must be given"),
        ("POST", "alice/wrap_up/extend", {"seconds": 1e9}, "seconds must be a number from 0 to 86400"),
        ("POST", "alice/wrap_up/code", {}, "code must be a text"),
    ],
)
def test_what_is_wanted_of_an_agent_must_be_said_right(
    live: tuple[Desk, RemoteAdministration], method: str, resource: str, body: object, said: str
) -> None:
    desk, _ = live
    before = desk.rows("select * from agents"), desk.rows("select * from event_log")
    with pytest.raises(CallCenterError, match=said):
        ask(
            Path(desk.settings.general.control_socket),
            f"/api/v1/agents/{resource}",
            method=method,
            body=body,
        )
    assert (desk.rows("select * from agents"), desk.rows("select * from event_log")) == before


def test_a_pause_after_the_call_is_seen_and_taken_back(live: tuple[Desk, RemoteAdministration]) -> None:
    desk, administration = live
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    assert alice.wait_for_call().confirmed.wait(5)
    desk.until("select state from agents", "busy")
    administration.agents.pause("alice", reason="lunch", after_call=True, by="x")
    shown = administration.agents.list_all()[0]
    assert (shown["state"], shown["pause_reason"], shown["pause_next_reason"]) == ("busy", None, "lunch")
    administration.agents.resume("alice", by="x")
    assert administration.agents.list_all()[0]["pause_next_reason"] is None
    administration.agents.pause("alice", reason="training", after_call=True, by="x")
    caller.hang_up()
    desk.until("select state from agents", "paused")
    assert administration.agents.list_all()[0]["pause_reason"] == "training"


@pytest.mark.parametrize(
    "wrong",
    [
        {"skills": {"x": 1e999}},
        {"skills": {"x": 10**30}},
        {"skills": {"x": 0}},
        {"skills": {"\ud800": 1}},
        {"queues": ["\ud800"]},
        {"max_calls": "2"},
        {"queues": [5]},
        {"ha1": {"MD5": "no digest", "SHA-256": "1" * 64}},
        {"ha1": {"MD5": "1" * 32, "SHA-256": "\ud800" * 64}},
    ],
)
def test_an_agent_that_is_not_as_it_must_be(
    live: tuple[Desk, RemoteAdministration], wrong: dict[str, object]
) -> None:
    desk, administration = live
    digests = {"MD5": "1" * 32, "SHA-256": "2" * 64}
    agent = {"name": "bob", "ha1": digests, "realm": "127.0.0.1", "queues": [], "skills": {}, **wrong}
    with pytest.raises(CallCenterError, match="an agent has"):
        ask(Path(desk.settings.general.control_socket), "/api/v1/agents", method="POST", body=[agent])
    assert names(administration) == ["alice"]


def test_a_body_nested_too_deep_is_refused(live: tuple[Desk, RemoteAdministration]) -> None:
    desk, _ = live
    connection = _Connection(Path(desk.settings.general.control_socket), 10)
    connection.request("POST", "/api/v1/agents", "[" * 100_000, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize("latest", ["0", "10001", "0000010000000", "1" + "0" * 5000, "-1", "x"])
def test_how_many_calls_are_listed_at_once(live: tuple[Desk, RemoteAdministration], latest: str) -> None:
    desk, _ = live
    with pytest.raises(CallCenterError, match="latest must be a number"):
        ask(Path(desk.settings.general.control_socket), f"/api/v1/calls?latest={latest}")


def test_who_may_change_something() -> None:
    assert Peer(1, 0, 0).may_change(owner_uid=500, group_gid=500)
    assert Peer(1, 500, 1).may_change(owner_uid=500, group_gid=500)
    assert Peer(1, 77_777, 500).may_change(owner_uid=500, group_gid=500)
    assert not Peer(1, 77_777, 77_777).may_change(owner_uid=500, group_gid=500)
    assert Peer(1, 77_777, 1).name == "uid 77777"


def test_without_a_service_the_remote_one_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no service answers"):
        RemoteAdministration(tmp_path / "none.sock").agents.list_all()
