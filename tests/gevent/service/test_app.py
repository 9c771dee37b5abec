"""The whole service from outside: its doors, its figures, and what is in the way of a start."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callengine import greenlets
from callengine.api import control
from callengine.app import CallCenter
from callengine.config import load
from callengine.errors import BadRequest, CallCenterError, DatabaseError, SettingsError
from callengine.events.types import Event, EventType
from tests.gevent.callcenter.conftest import Desk, local_engine

MakeDesk = Callable[..., Desk]


def fetch(desk: Desk, path: str) -> tuple[int, str]:
    """Status and body of a GET on the HTTP listener."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{desk.settings.api.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask(desk: Desk, path: str) -> Any:
    """A JSON document from the control socket."""
    return control.ask(Path(desk.settings.general.control_socket), path)


def test_health_and_readiness(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert fetch(desk, "/health") == (200, '{"status":"alive"}\n')
    assert fetch(desk, "/ready") == (200, '{"ready":true,"reasons":[]}\n')


def test_an_unknown_page_is_told_in_json(make_desk: MakeDesk) -> None:
    status, body = fetch(make_desk(), "/nothing")
    assert status == 404
    assert json.loads(body)["error"] == "Not Found"


def test_the_control_socket_is_for_owner_and_group(make_desk: MakeDesk) -> None:
    desk = make_desk()
    mode = os.stat(desk.settings.general.control_socket).st_mode
    assert stat.S_IMODE(mode) == 0o660


def test_the_status_is_that_of_this_moment(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", "bob")
    alice = desk.agent("alice")
    before = ask(desk, "/api/v1/status")
    caller = desk.phone().call("support")
    waiting = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until("select count(*) from calls where state = 'connected'", 1)
    during = ask(desk, "/api/v1/status")
    assert (before["total_calls"], before["active_calls"], before["available_agents"]) == (0, 0, 1)
    assert (during["total_calls"], during["active_calls"], during["total_queued"]) == (2, 2, 1)
    assert (during["legs"], during["ports_in_use"], during["dialogs"]) == (3, 3, 3)
    assert during["agents"]["busy"] == 1
    assert during["queues"]["support"]["waiting"] == 1
    assert during["greenlets"]["serve"]["call"] == 2
    for session in (caller, waiting):
        session.hang_up()
    desk.until("select count(*) from legs where state <> 'ended'", 0)
    after = ask(desk, "/api/v1/status")
    assert (after["active_calls"], after["legs"], after["ports_in_use"], after["dialogs"]) == (0, 0, 0, 0)
    assert after["average_wait_time"] == pytest.approx(desk.one(ANSWERED)["wait_seconds"], abs=0.001)


ANSWERED = "select wait_seconds from calls where disposition = 'answered'"


def test_the_mean_wait_outlives_a_restart(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents", "available")
    assert desk.center is not None
    summary = desk.center.statistics()
    desk.center.stop()
    desk.open()
    assert desk.center.statistics()["total_calls"] == 1
    assert desk.center.statistics()["average_wait_time"] == summary["average_wait_time"]


def test_the_metrics_count_calls_offers_requests_and_packets(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents", "available")
    lines = dict(line.rsplit(" ", 1) for line in fetch(desk, "/metrics")[1].splitlines() if line[0] != "#")
    for name, value in {
        'callengine_calls_total{disposition="answered"}': 1,
        'callengine_calls_total{disposition="abandoned"}': 0,
        'callengine_offers_total{result="connected"}': 1,
        'callengine_agents{state="available"}': 1,
        'callengine_queue_waiting{queue="support"}': 0,
        "callengine_calls_active": 0,
        "callengine_wait_seconds_count": 1,
        'callengine_sip_requests_total{code="200",method="INVITE"}': 1,
        'callengine_sip_requests_total{code="200",method="BYE"}': 1,
        'callengine_sip_requests_total{code="401",method="REGISTER"}': 1,
    }.items():
        assert float(lines[name]) == value, name
    assert 'callengine_rtp_packets_total{direction="sent"}' in lines
    assert 'callengine_hub_blocked_seconds{process="serve"}' in lines


def test_subscribers_see_committed_events(make_desk: MakeDesk) -> None:
    seen: list[Event] = []
    desk = make_desk("alice")
    assert desk.center is not None
    desk.center.subscribe(seen.append, [EventType.AGENT_REGISTERED])
    desk.agent("alice")
    assert [(event.type, event.agent) for event in seen] == [(EventType.AGENT_REGISTERED, "alice")]


def test_a_reader_goes_on_over_restarts(make_desk: MakeDesk) -> None:
    seen: list[int] = []
    desk = make_desk("alice", "bob", open_now=False)
    desk.center = CallCenter(desk.settings, make_media=local_engine)
    leave = desk.center.subscribe(lambda event: seen.append(event.number), after=0)
    desk.center.start()
    alice = desk.agent("alice")
    desk.phone().call("support").hang_up()
    alice.close()
    desk.center.stop()
    desk.center.start()
    desk.agent("bob")
    desk.center.stop()
    leave()
    assert len(seen) > 6
    assert seen == [row["number"] for row in desk.rows("select number from event_log order by number")]
    desk.center.start()
    assert seen[-1] == len(seen)


def test_a_reader_of_another_log_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk(open_now=False)
    desk.center = CallCenter(desk.settings, make_media=local_engine)
    leave = desk.center.subscribe(print, after=1000)
    with pytest.raises(BadRequest, match="after event 1000; allowed: 0 to "):
        desk.center.start()
    leave()
    desk.center.start()
    with pytest.raises(BadRequest, match="after event 1000"):
        desk.center.subscribe(print, after=1000)


@pytest.mark.parametrize(
    ("setting", "kind", "named"),
    [("sip", socket.SOCK_DGRAM, "sip.port"), ("api", socket.SOCK_STREAM, "api.port")],
)
def test_a_taken_port_is_named_and_nothing_is_half_started(
    make_desk: MakeDesk, setting: str, kind: socket.SocketKind, named: str
) -> None:
    desk = make_desk(open_now=False)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", getattr(desk.settings, setting).port))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        with pytest.raises(CallCenterError, match=rf"{named}.* by the process {os.getpid()} \("):
            desk.open()
    desk.center = None
    assert "committer" not in greenlets.running()
    desk.open()
    assert fetch(desk, "/ready")[0] == 200


def test_a_second_service_on_the_control_socket_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk()
    with pytest.raises(CallCenterError, match=f"another service, process {os.getpid()}, answers"):
        control.listen(Path(desk.settings.general.control_socket))


def test_a_database_without_tables_says_what_to_do(database_url: str, tmp_path: Path) -> None:
    settings = load({"CALLENGINE_DATABASE__URL": database_url})
    with pytest.raises(DatabaseError, match="callengine db upgrade"):
        CallCenter(settings).start()
    assert not list(tmp_path.glob("*.db"))


def test_another_realm_than_that_of_the_passwords_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", open_now=False)
    settings = load({**desk.environ, "CALLENGINE_GENERAL__REGISTRAR_DOMAIN": "elsewhere.example"})
    with pytest.raises(SettingsError, match=r"elsewhere\.example"):
        CallCenter(settings).start()


def test_unpatched_it_says_which_line_to_write_first() -> None:
    program = (
        "from callengine.app import CallCenter\n"
        "from callengine.errors import CallCenterError\n"
        "try:\n    CallCenter.from_settings()\nexcept CallCenterError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "from gevent import monkey; monkey.patch_all()" in said


def test_a_second_service_touches_nothing_of_the_first(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until("select state from calls", "connected")
    with pytest.raises(CallCenterError, match=f"another service, process {os.getpid()}, answers"):
        CallCenter(desk.settings).start()
    assert not caller.ended.is_set()
    caller.hang_up()
    desk.until("select hung_up_by from calls", "caller")


def test_a_second_service_on_one_database_is_told_who_has_it(make_desk: MakeDesk, tmp_path: Path) -> None:
    desk = make_desk("alice")
    elsewhere = {**desk.environ, "CALLENGINE_GENERAL__CONTROL_SOCKET": str(tmp_path / "other.sock")}
    with pytest.raises(DatabaseError, match=rf"in use by \D*{os.getpid()}"):
        CallCenter(load(elsewhere)).start()
    assert not (tmp_path / "other.sock").exists()
    assert fetch(desk, "/ready")[0] == 200


def test_the_schema_is_not_changed_behind_a_running_service(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    environ = {**os.environ, **desk.environ}
    command = [sys.executable, "-m", "callengine", "db", "downgrade", "base"]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "the service is running" in said.stderr
    assert desk.one("select count(*) as n from agents")["n"] == 1


@pytest.mark.about("sqlite", "whose a file is")
def test_the_database_is_not_for_everybody(make_desk: MakeDesk, tmp_path: Path) -> None:
    make_desk()
    assert stat.S_IMODE(os.stat(tmp_path / "call_center.db").st_mode) == 0o640
