"""docs/routing.md: every worked example on the page is what dispatch decides."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from callengine.callcenter.calls import Entry
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent, Place, Roster
from callengine.callcenter.routing.base import day_of
from callengine.callcenter.routing.strategies import BUILT_IN, Strategies
from callengine.config.routing_kinds import SkillSteps
from callengine.vocabulary import AgentState
from tests.fakes import rows
from tests.fakes.clock import FakeClock

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
STATES = {"free": AgentState.AVAILABLE, "busy": AgentState.BUSY, "paused": AgentState.PAUSED}
DRAWS = 200
"""So often an example with several right answers is tried; each must come, and none else."""

Row = Mapping[str, str]


@dataclass
class Example:
    """One table of callers, with the settings and the agents above it."""

    heading: str
    settings: Mapping[str, Any]
    agents: list[Row] = field(default_factory=list)
    kind: str = ""
    callers: list[Row] = field(default_factory=list)


_PART = re.compile(
    r"^#+ (?P<heading>.+)$|^```toml\n(?P<toml>(?:.*\n)*?)```$|(?P<table>(?:^\|.*\n)+)", re.MULTILINE
)


def examples() -> Iterator[Example]:
    heading = ""
    settings: dict[str, Any] = {}
    agents: list[Row] = []
    for part in _PART.finditer(PAGE):
        if part["heading"]:
            heading = part["heading"]
        elif part["toml"]:
            settings = tomllib.loads(part["toml"])
        else:
            kind, table = read_table(part["table"])
            if kind == "agent":
                agents = table
            else:
                yield Example(heading, settings, agents, kind, table)


def read_table(block: str) -> tuple[str, list[Row]]:
    """The first word of the header, and the rows by the words of the header."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
    header = [cell.lower() for cell in lines[0]]
    return header[0], [dict(zip(["name", *header[1:]], line, strict=True)) for line in lines[2:]]


EXAMPLES = list(examples())


class Room:
    """The queues and agents of one example, at one moment."""

    def __init__(self, example: Example, source: Random) -> None:
        self.clock = FakeClock()
        rate = float(example.settings.get("routing", {}).get("ageing_points_per_minute", 0))
        queues = Queues(
            Queue(number, name, rules(given), ageing_points_per_minute=rate)
            for number, (name, given) in enumerate(example.settings["queues"].items(), 1)
        )
        self.queues = {queue.name: queue for queue in queues}
        self.roster = Roster(self._agent(number, each) for number, each in enumerate(example.agents, 1))
        self.dispatch = Dispatch(queues, self.roster, clock=self.clock, strategies=Strategies(source))

    def _agent(self, number: int, row: Row) -> Agent:
        serves = [each.strip() for each in row.get("serves", ",".join(self.queues)).split(",")]
        state = STATES[row.get("state", "free")]
        place = Place(int(row.get("tier", 1)), int(row.get("position", 0)))
        return Agent(
            number,
            row["name"],
            1,
            tuple(self.queues[name].id for name in serves),
            state,
            int(state is AgentState.BUSY),
            self.clock.now() - seconds(row.get("free for", "10 s")),
            places={self.queues[name].id: place for name in serves},
            levels=levels(row.get("skills", "")),
            calls_handled=int(row.get("calls today", 0)),
            talk_seconds=seconds(row.get("talked today", "0 s")),
            counted_on=day_of(self.clock.now()),
        )

    def caller(self, row: Row, *, number: int = 0) -> Entry:
        """One more caller in line, the `number`th; if the row does not say when, they came one by one."""
        queue = self.queues[row.get("queue", next(iter(self.queues)))]
        joined = self.clock.now() - seconds(row.get("waited", f"{1 - number / 100} s"))
        entry = Entry(row["name"], queue.id, int(row.get("priority", 0)), joined, joined, joined + 3600)
        if row.get("spoke with"):
            entry.preferred_agent_id = self.roster.find(row["spoke with"]).id
            entry.preferred_until = joined + queue.rules.prefer_last_agent_seconds
        self.dispatch.stand_again(entry)
        return entry

    def gets(self, entry: Entry) -> str:
        self.dispatch._decide()
        return " + ".join(self.roster.by_id(each).name for each in entry.chosen) or "waits"

    def hang_up(self) -> None:
        for agent in self.roster:
            self.roster.let_go(agent)


def rules(given: Mapping[str, Any]) -> Any:
    return rows.rules(**{**given, "skills": SkillSteps().read(given.get("skills", []))})


def seconds(text: str) -> float:
    number, unit = text.split()
    assert unit == "s"
    return float(number)


def levels(text: str) -> dict[str, int]:
    pairs = (each.split() for each in text.split(",") if each.strip())
    return {skill: int(level) for skill, level in pairs}


def play(example: Example, source: Random) -> list[str]:
    """What each caller gets."""
    if example.kind == "callers":
        room = Room(example, source)
        entries = [room.caller(each, number=number) for number, each in enumerate(example.callers)]
        return [room.gets(each) for each in entries]
    found = []
    room = Room(example, source)
    for row in example.callers:
        if example.kind == "caller":
            room = Room(example, source)
        found.append(room.gets(room.caller(row)))
        room.hang_up()
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{each.heading}-{each.kind}" for each in EXAMPLES])
def test_what_the_page_says_is_what_happens(example: Example) -> None:
    source = Random(1)
    said = [set(row["gets"].split(" or ")) for row in example.callers]
    tries = DRAWS if example.settings["queues"].get("sales", {}).get("strategy") == "random" else 1
    got: list[set[str]] = [set() for _ in said]
    for _ in range(tries):
        for answers, answer in zip(got, play(example, source), strict=True):
            answers.add(answer)
    assert all(answers <= allowed for answers, allowed in zip(got, said, strict=True)), got
    assert tries == 1 or got == said


def test_every_strategy_and_every_rule_has_an_example() -> None:
    shown = {queue.get("strategy") for each in EXAMPLES for queue in each.settings["queues"].values()}
    assert set(BUILT_IN) <= shown
    assert all(f"`{name}`" in PAGE for name in BUILT_IN)
    settings = {key for each in EXAMPLES for queue in each.settings["queues"].values() for key in queue}
    wanted = {"skills", "tier_wait_seconds", "prefer_last_agent_seconds", "weight", "priority_base"}
    assert wanted <= settings
    assert any("ageing_points_per_minute" in each.settings.get("routing", {}) for each in EXAMPLES)
    assert {each.kind for each in EXAMPLES} == {"callers", "caller", "in turn"}


def test_the_own_strategy_on_the_page_is_that_of_the_example() -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    example = (ROOT / "examples" / "own_strategy" / "experienced_first.py").read_text(encoding="utf-8")
    assert code[1] in example
