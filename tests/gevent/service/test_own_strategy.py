"""The example package of an own strategy, installed: it decides; and one that fails stops nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from callengine.cli._office import office
from callengine.config import load
from tests.fakes.packages import install, install_example
from tests.gevent.callcenter.conftest import Desk
from tests.gevent.effects.outside import finish, run_command
from tests.gevent.service.test_ending import center_of

MakeDesk = Callable[..., Desk]
OWN = {"QUEUES__SUPPORT__STRATEGY": "experienced_first"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which packages are installed, for this process and those that it starts."""
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(directory)
    monkeypatch.setenv("PYTHONPATH", str(directory))
    return directory


def served_by(desk: Desk) -> str:
    """Who is offered the next call."""
    caller = desk.phone().call("support")
    desk.until("select count(*) from offers where state = 'connected'", 1)
    name = desk.one(
        "select name from offers join agents on agents.id = agent_id where offers.state = 'connected'"
    )
    finish(desk, caller)
    desk.until("select count(*) from agents where state = 'available'", 2)
    return str(name["name"])


def test_the_example_decides(make_desk: MakeDesk, site: Path) -> None:
    install_example(site)
    desk = make_desk("alice", "bob", open_now=False, **OWN)
    with office(desk.settings) as administration:
        administration.agents.set_skill("alice", "experience", 5, by="root")
        administration.agents.set_skill("bob", "experience", 2, by="root")
    assert run_command(desk, "config", "check").returncode == 0
    desk.open()
    desk.agent("alice"), desk.agent("bob")
    assert [served_by(desk) for _ in range(3)] == ["bob"] * 3


def test_it_is_learned_when_the_settings_are_read_again(make_desk: MakeDesk, site: Path) -> None:
    desk = make_desk("alice", "bob")
    desk.agent("alice"), desk.agent("bob")
    assert served_by(desk) == "alice"
    install_example(site)
    with office(desk.settings) as administration:
        administration.agents.set_skill("bob", "experience", 2, by="root")
    center_of(desk).reload(
        load({**desk.environ, "CALLENGINE_QUEUES__SUPPORT__STRATEGY": "experienced_first"})
    )
    assert [served_by(desk) for _ in range(2)] == ["alice"] * 2


def test_without_the_package_it_is_refused_with_the_list_of_those_that_are_there(make_desk: MakeDesk) -> None:
    desk = make_desk(open_now=False)
    desk.environ["CALLENGINE_QUEUES__SUPPORT__STRATEGY"] = "experienced_first"
    done = run_command(desk, "config", "check")
    assert done.returncode == 1
    assert (
        'queues.support.strategy = "experienced_first": must be one of round_robin, longest_idle'
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_one_that_fails_stops_nobody(make_desk: MakeDesk, site: Path) -> None:
    install(
        site, "bad", {"bad": "bad_orders:order"}, bad_orders="def order(entry, candidates, now):\n    1 / 0\n"
    )
    desk = make_desk("alice", "bob", QUEUES__SUPPORT__STRATEGY="bad")
    desk.agent("alice"), desk.agent("bob")
    assert [served_by(desk) for _ in range(3)] == ["alice", "bob", "alice"]
