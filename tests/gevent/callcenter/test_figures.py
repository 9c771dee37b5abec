"""The figures, asked of the service, over the API, on the command line and of the database alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from callengine.api import control
from callengine.cli import group
from callengine.cli._office import office
from callengine.errors import CallCenterError
from tests.fakes.phone import reject_with
from tests.gevent.callcenter.conftest import Desk

MakeDesk = Callable[..., Desk]


@pytest.fixture
def desk(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Alice has rejected a call and answered it, and a second caller has given up."""
    made = make_desk("alice", "bob")
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    alice = made.agent("alice", script=reject_with(603))
    caller = made.phone().call("support")
    made.until("select count(*) from event_log where type = 'call_offer_failed'", 1)
    alice.unregister()
    made.until("select state from agents where name = 'alice'", "offline")
    bob = made.agent("bob")
    assert bob.wait_for_call().confirmed.wait(5)
    made.until("select count(*) from calls where state = 'connected'", 1)
    second = made.phone().call("support")
    made.until("select count(*) from calls where state = 'queued'", 1)
    second.hang_up()
    caller.hang_up()
    made.until("select state from agents where name = 'bob'", "available")
    return made


def test_today_is_the_same_live_and_of_the_database(desk: Desk) -> None:
    with office(desk.settings) as administration:
        live = administration.figures.show()
        again = administration.figures.show(since=live["since"], until=live["until"])
    assert desk.center is not None
    assert desk.center.figures(since=live["since"], until=live["until"]) == live
    desk.center.stop()
    with office(desk.settings) as administration:
        stored = administration.figures.show(since=live["since"], until=live["until"])
    assert live == again == stored
    total = live["total"]
    assert (total["offered"], total["handled"], total["abandoned"], total["settled"]) == (2, 1, 1, 2)
    assert (total["service_level"], total["abandonment_rate"]) == (0.5, 0.5)
    assert live["service_level_formula"] == "answered_within / settled"
    assert live["queues"]["support"]["offered"] == 2
    assert live["agents"]["alice"]["offers_missed"]["rejected"] == live["agents"]["alice"]["offers"] >= 1
    assert live["agents"]["bob"]["state_seconds"]["busy"] > 0
    assert 0 < live["agents"]["bob"]["occupancy"] <= 1


def test_after_a_restart_today_goes_on(desk: Desk) -> None:
    assert desk.center is not None
    desk.center.stop()
    desk.open()
    with office(desk.settings) as administration:
        assert administration.figures.show()["total"]["handled"] == 1
    caller = desk.phone().call("support")
    bob = next(phone for phone in desk.phones if phone.calls and phone.calls[0].confirmed.is_set())
    assert bob.wait_for_call(2).confirmed.wait(5)
    caller.hang_up()
    desk.until("select state from agents where name = 'bob'", "available")
    with office(desk.settings) as administration:
        live = administration.figures.show()
        assert live["total"]["handled"] == 2
        assert administration.figures.show(since=live["since"], until=live["until"]) == live


def test_of_one_queue_or_agent(desk: Desk) -> None:
    with office(desk.settings) as administration:
        of_queue = administration.figures.show(queue="support")
        of_agent = administration.figures.show(agent="bob")
    assert list(of_queue["queues"]) == ["support"]
    assert "total" not in of_queue
    assert "agents" not in of_queue
    assert of_agent["agents"]["bob"]["handled"] == 1
    assert "queues" not in of_agent


def test_the_service_level_within_other_seconds(desk: Desk) -> None:
    with office(desk.settings) as administration:
        assert administration.figures.show(within=0.0)["total"]["answered_within"] == 0
        assert administration.figures.show(within=60.0)["total"]["answered_within"] == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("queue=none", "no queue 'none'"),
        ("agent=none", "no agent 'none'"),
        ("since=2&until=1", "ends before it begins"),
        ("since=1e11", "lies in the future"),
        ("since=-1", "since must be a number of seconds"),
        ("until=nan", "until must be a number of seconds"),
        ("within=soon", "within must be a number of seconds"),
        ("from=1", "unknown: from; allowed: since, until"),
    ],
)
def test_what_cannot_be_told_is_refused(desk: Desk, query: str, said: str) -> None:
    with pytest.raises(CallCenterError, match=said):
        control.ask(Path(desk.settings.general.control_socket), f"/api/v1/figures?{query}")


@pytest.mark.usefixtures("desk")
def test_on_the_command_line() -> None:
    said = CliRunner().invoke(group, ["figures"])
    assert said.exit_code == 0, said.output
    rows = [line.split() for line in said.output.splitlines()]
    assert ["support", "2", "1", "1"] in [row[:4] for row in rows]
    assert any(row[:3] == ["in", "all", "2"] for row in rows)
    assert any(row[:1] == ["bob"] for row in rows)
    document = json.loads(CliRunner().invoke(group, ["figures", "--json", "--since", "2020-01-01"]).output)
    assert (document["total"]["handled"], document["events_missing"]) == (1, 0)
    since = time.strftime("%H:%M:%S", time.localtime(time.time() + 1))
    assert CliRunner().invoke(group, ["figures", "--since", "2100-01-01"]).exit_code == 1
    assert CliRunner().invoke(group, ["figures", "--until", since, "--queue", "support"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "allowed: 2026-01-31, 2026-01-31T08:00, 08:00 (today)"),
        (["--queue", "support", "--agent", "bob"], "cannot go together"),
        (["--within", "-1"], "x>=0"),
    ],
)
def test_wrong_use(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(group, ["figures", *arguments])
    assert (result.exit_code, said in result.output) == (2, True), result.output
