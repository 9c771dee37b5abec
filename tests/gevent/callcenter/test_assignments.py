"""Assignments by an operator: stored with who did it, and in force at once where a service runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from callengine import store
from callengine.api.client import RemoteAdministration
from callengine.cli._office import Office, office
from callengine.db.repositories.agents import remove_agent
from callengine.errors import CallCenterError
from tests.gevent.callcenter.conftest import Desk

MakeDesk = Callable[..., Desk]
SALES = {"QUEUES__SALES__CAPACITY": "10", "NUMBERS__SALES__DESTINATION": "queue:sales"}


@pytest.fixture(params=["live", "offline"])
def asked(request: pytest.FixtureRequest, make_desk: MakeDesk) -> Iterator[tuple[Desk, Office]]:
    """A desk with alice and bob, and its administration: of the running service, or of nobody's database."""
    desk = make_desk("alice", "bob", open_now=request.param == "live", **SALES)
    with ExitStack() as opened:
        yield desk, opened.enter_context(office(desk.settings))


def alice(administration: Office) -> dict[str, Any]:
    return next(each for each in administration.agents.list_all() if each["name"] == "alice")


def test_what_is_assigned_is_shown_and_told(asked: tuple[Desk, Office]) -> None:
    desk, administration = asked
    administration.agents.assign("bob", "sales", by="root")
    administration.agents.assign("alice", "sales", tier=2, position=3, by="root")
    administration.agents.set_skill("alice", "french", 7, by="root")
    shown = alice(administration)
    assert shown["queues"] == ["sales", "support"]
    assert shown["places"][0] == {"queue": "sales", "tier": 2, "position": 3}
    assert shown["skills"] == {"french": 7}
    administration.agents.assign("alice", "sales", position=4, by="root")
    assert alice(administration)["places"][0] == {"queue": "sales", "tier": 2, "position": 4}
    administration.agents.unassign("alice", "sales", by="root")
    administration.agents.set_skill("alice", "french", 0, by="root")
    shown = alice(administration)
    assert (shown["queues"], shown["skills"]) == (["support"], {})
    told = desk.rows("select agent, queue, payload from event_log where type = 'agent_changed'")
    assert [(each["agent"], each["queue"]) for each in told] == [
        ("bob", "sales"),
        ("alice", "sales"),
        ("alice", None),
        ("alice", "sales"),
        ("alice", "sales"),
        ("alice", None),
    ]
    assert {json.loads(each["payload"])["by"] for each in told} == {"root"}


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (lambda desk: desk.assign("alice", "nights", by="x"), "no queue 'nights'"),
        (lambda desk: desk.assign("carol", "sales", by="x"), "no agent 'carol'"),
        (lambda desk: desk.assign("alice", "sales", tier=2, by="x"), "nobody in tier 1"),
        (lambda desk: desk.assign("alice", "sales", tier=0, by="x"), "tier"),
        (lambda desk: desk.assign("alice", "sales", position=-1, by="x"), "position"),
        (lambda desk: desk.unassign("alice", "sales", by="x"), "does not serve the queue sales"),
        (lambda desk: desk.set_skill("alice", "a b", 3, by="x"), "the skill 'a b'"),
        (lambda desk: desk.set_skill("alice", "french", 11, by="x"), "level"),
        (lambda desk: desk.set_skill("alice", "french", 0, by="x"), "does not have the skill french"),
    ],
)
def test_what_is_impossible_is_refused_and_changes_nothing(
    asked: tuple[Desk, Office], do: Callable[[Any], None], said: str
) -> None:
    desk, administration = asked
    before = desk.rows("select * from event_log"), desk.rows("select * from memberships")
    with pytest.raises(CallCenterError, match=said):
        do(administration.agents)
    assert (desk.rows("select * from event_log"), desk.rows("select * from memberships")) == before


def test_who_is_assigned_serves_those_who_wait_already(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", **SALES)
    administration = RemoteAdministration(Path(desk.settings.general.control_socket))
    phone = desk.agent("alice")
    caller = desk.phone().call("sales")
    assert not caller.ended.wait(0.3)
    assert phone.calls == []
    administration.agents.assign("alice", "sales", by="root")
    phone.wait_for_call().confirmed.wait(5)
    administration.agents.unassign("alice", "sales", by="root")
    assert not caller.ended.is_set()
    caller.hang_up()
    desk.until("select state from agents", "available")
    later = desk.phone().call("sales")
    assert not later.ended.wait(0.3)
    assert len(phone.calls) == 1
    later.hang_up()


def test_what_callers_would_wait_for_in_vain_is_said_at_the_start(make_desk: MakeDesk) -> None:
    steps = '[{all = ["french>=3"], any = ["gold", "silver"]}]'
    desk = make_desk("alice", "bob", open_now=False, QUEUES__SUPPORT__SKILLS=steps, **SALES)
    with office(desk.settings) as administration:
        administration.agents.assign("alice", "sales", by="root")
        administration.agents.assign("bob", "sales", tier=2, by="root")
        administration.agents.set_skill("bob", "gold", 1, by="root")
    with store.offline(desk.settings) as committer:
        committer.commit(partial(remove_agent, name="alice"))
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line).strip()), level="WARNING", format="{message}")
    try:
        desk.open()
    finally:
        logger.remove(sink)
    assert "queue sales has nobody in tier 1, below tiers with agents" in lines
    assert "queue support wants french, silver, which no agent has" in lines
