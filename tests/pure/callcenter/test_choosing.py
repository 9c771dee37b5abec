"""Choosing: who is offered a call at one moment, and when it is worth while to look again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from callengine.callcenter.calls import Entry
from callengine.callcenter.choosing import Choice, Look
from callengine.callcenter.queues import Queue
from callengine.callcenter.roster import Agent, Place, Roster
from callengine.callcenter.routing.base import Caller, Candidate, Strategy
from callengine.callcenter.routing.strategies import Strategies
from callengine.vocabulary import AgentState
from tests.fakes import rows

NOW, MONOTONIC = 1000.0, 50.0
FRENCH = ({"after_seconds": 0.0, "all": ["french>=3"]}, {"after_seconds": 30.0, "all": ["french>=1"]})


def agent(number: int, *, tier: int = 1, **values: Any) -> Agent:
    places = {1: Place(tier)}
    given: dict[str, Any] = {
        "state": AgentState.AVAILABLE,
        "load": 0,
        "available_since": 0.0,
        "places": places,
    } | values
    return Agent(number, f"agent{number}", 1, (1,), **given)


def queue(**rules: Any) -> Queue:
    return Queue(1, "sales", rows.rules(**rules))


def entry(*, waited: float = 0.0, **values: Any) -> Entry:
    joined = NOW - waited
    made = Entry("call", 1, 0, joined, joined, joined + 300)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Moment:
    """A look at `agents`; `complaints` are what it was told of strategies."""

    def __init__(self, *agents: Agent, strategies: Strategies | None = None) -> None:
        self.roster = Roster(agents)
        self.complaints: list[str] = []
        self.look = Look(
            self.roster,
            strategies or Strategies(),
            now=NOW,
            monotonic=MONOTONIC,
            on_failure=lambda _entry, why: self.complaints.append(why),
        )

    def chosen(self, queue: Queue, entry: Entry) -> tuple[int, ...]:
        choice = self.look.choose(queue, entry)
        return () if choice is None else choice.agent_ids


def test_one_agent_by_the_queues_strategy() -> None:
    moment = Moment(agent(1, available_since=20.0), agent(2, available_since=10.0))
    assert moment.chosen(queue(strategy="longest_idle"), entry()) == (2,)


def test_ring_all_takes_every_free_one_of_the_open_tiers() -> None:
    moment = Moment(agent(1), agent(2, tier=2), agent(3, tier=3), agent(4, state=AgentState.PAUSED))
    rules = {"strategy": "ring_all", "tier_wait_seconds": 10.0}
    assert moment.chosen(queue(**rules), entry(waited=12.0)) == (1, 2)


@pytest.mark.parametrize(("waited", "chosen"), [(0.0, ()), (9.9, ()), (10.0, (2,)), (25.0, (2,))])
def test_a_tier_opens_with_waiting(waited: float, chosen: tuple[int, ...]) -> None:
    moment = Moment(agent(1, tier=3), agent(2, tier=2))
    assert moment.chosen(queue(tier_wait_seconds=10.0), entry(waited=waited)) == chosen


def test_lower_tiers_come_first_when_all_are_open() -> None:
    moment = Moment(agent(1, tier=2, available_since=0.0), agent(2, tier=1, available_since=9.0))
    assert moment.chosen(queue(strategy="longest_idle"), entry()) == (2,)


@pytest.mark.parametrize(("waited", "chosen"), [(0.0, ()), (29.9, ()), (30.0, (1,))])
def test_less_is_required_with_waiting(waited: float, chosen: tuple[int, ...]) -> None:
    moment = Moment(agent(1, levels={"french": 2}), agent(2, levels={"german": 9}))
    assert moment.chosen(queue(skills=FRENCH), entry(waited=waited)) == chosen


def test_skills_takes_the_best() -> None:
    moment = Moment(*(agent(n, levels={"french": level}) for n, level in ((1, 3), (2, 9), (3, 5))))
    assert moment.chosen(queue(skills=FRENCH, strategy="skills"), entry()) == (2,)


def test_who_missed_the_call_comes_after_the_others() -> None:
    assert Moment(agent(1), agent(2)).chosen(queue(), entry(missed={1}, retry_at=MONOTONIC + 1)) == (2,)


def test_the_only_agent_is_tried_again_when_it_is_time() -> None:
    again = entry(missed={1}, retry_at=MONOTONIC + 0.5)
    moment = Moment(agent(1))
    assert moment.chosen(queue(), again) == ()
    assert moment.look.again_at(queue(), again) == MONOTONIC + 0.5
    again.retry_at = MONOTONIC
    choice = moment.look.choose(queue(), again)
    assert choice is not None
    assert (choice.agent_ids, choice.decision["missed"]) == ((1,), ["agent1"])
    assert again.missed == set()


def test_ring_all_leaves_out_who_missed_the_call_while_there_are_others() -> None:
    missed = entry(missed={1, 2}, retry_at=MONOTONIC)
    assert Moment(agent(1), agent(2), agent(3)).chosen(queue(strategy="ring_all"), missed) == (3,)
    assert Moment(agent(1), agent(2)).chosen(queue(strategy="ring_all"), missed) == (1, 2)


def test_nobody_is_offered_a_call_of_its_own() -> None:
    own = entry(made_by=1)
    assert Moment(agent(1), agent(2)).chosen(queue(), own) == (2,)
    assert Moment(agent(1)).chosen(queue(), own) == ()
    assert Moment(agent(1), agent(2)).chosen(queue(strategy="ring_all"), own) == (2,)
    own.preferred_agent_id, own.preferred_until = 1, NOW + 60
    assert Moment(agent(1), agent(2)).chosen(queue(), own) == (2,)


class TestPreferred:
    """Waiting for one agent in particular."""

    preferring = {"preferred_agent_id": 2, "preferred_until": NOW + 5}

    def test_it_is_chosen_whatever_the_strategy_and_the_tier(self) -> None:
        moment = Moment(agent(1), agent(2, tier=2))
        assert moment.chosen(queue(tier_wait_seconds=60.0), entry(**self.preferring)) == (2,)

    def test_it_is_waited_for_while_it_is_busy(self) -> None:
        moment = Moment(agent(1), agent(2, state=AgentState.BUSY, load=1))
        waiting = entry(**self.preferring)
        assert moment.chosen(queue(), waiting) == ()
        assert moment.look.again_at(queue(), waiting) == MONOTONIC + 5

    @pytest.mark.parametrize("state", [AgentState.OFFLINE, AgentState.PAUSED])
    def test_it_is_not_waited_for_while_it_is_away(self, state: AgentState) -> None:
        assert Moment(agent(1), agent(2, state=state)).chosen(queue(), entry(**self.preferring)) == (1,)

    @pytest.mark.parametrize(
        "change",
        [{"preferred_until": NOW}, {"missed": {2}}, {"preferred_agent_id": 9}, {"preferred_agent_id": None}],
    )
    def test_then_anybody_will_do(self, change: dict[str, Any]) -> None:
        moment = Moment(agent(1), agent(2, state=AgentState.BUSY, load=1))
        assert moment.chosen(queue(), entry(**self.preferring | change)) == (1,)

    def test_it_must_serve_the_queue_and_know_enough(self) -> None:
        elsewhere = agent(2)
        elsewhere.queue_ids = (7,)
        assert Moment(agent(1), elsewhere).chosen(queue(), entry(**self.preferring)) == (1,)
        skilled = Moment(agent(1, levels={"french": 3}), agent(2, levels={"french": 2}))
        assert skilled.chosen(queue(skills=FRENCH), entry(**self.preferring)) == (1,)


@pytest.mark.parametrize(
    ("rules", "waited", "after"),
    [
        ({}, 0.0, None),
        ({"tier_wait_seconds": 10.0}, 4.0, 16.0),
        ({"skills": FRENCH}, 4.0, 26.0),
        ({"skills": FRENCH}, 31.0, None),
        ({"skills": FRENCH, "tier_wait_seconds": 10.0}, 4.0, 16.0),
    ],
)
def test_when_to_look_again(rules: dict[str, Any], waited: float, after: float | None) -> None:
    """The free agent is of tier 3: the opening of tier 2 would change nothing."""
    at = Moment(agent(1, tier=3)).look.again_at(queue(**rules), entry(waited=waited))
    assert at == (None if after is None else pytest.approx(MONOTONIC + after))


def test_what_the_log_is_told() -> None:
    moment = Moment(agent(1, levels={"french": 2}), agent(2, tier=2, levels={"french": 2}), agent(3))
    rules = {"strategy": "skills", "skills": FRENCH, "tier_wait_seconds": 10.0}
    choice = moment.look.choose(queue(**rules), entry(waited=40.0, missed={1}))
    assert choice == Choice(
        (2,),
        {
            "strategy": "skills",
            "waited_seconds": 40.0,
            "tier": 5,
            "skill_step": 1,
            "required": {"all": ["french>=1"], "any": []},
            "preferred": None,
            "free": 3,
            "missed": ["agent1"],
        },
    )


def test_the_log_is_told_of_a_preferred_agent() -> None:
    choice = Moment(agent(1), agent(2)).look.choose(queue(), entry(**TestPreferred.preferring))
    assert choice is not None
    told = {key: choice.decision[key] for key in ("preferred", "tier", "skill_step", "required")}
    assert told == {"preferred": "agent2", "tier": 0, "skill_step": None, "required": None}


def test_who_is_alike_need_not_be_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred callers for whom nobody is there cost one search."""
    moment = Moment(*(agent(number) for number in range(1, 101)))
    searches: list[int] = []
    search = moment.roster.free.of

    def counted(queue_id: int, tier: int, *required: Any) -> Sequence[Candidate]:
        searches.append(queue_id)
        return search(queue_id, tier, *required)

    monkeypatch.setattr(moment.roster.free, "of", counted)
    french = queue(skills=FRENCH)
    assert [moment.chosen(french, entry()) for _ in range(500)] == [()] * 500
    assert len(searches) == 1


def test_a_strategy_that_is_gone_is_told_of_and_round_robin_decides() -> None:
    moment = Moment(agent(1), agent(2))
    gone = queue(strategy="gone")
    gone.last_agent_id = 1
    assert moment.chosen(gone, entry()) == (2,)
    assert moment.complaints == ["there is no such strategy"]


def test_an_own_strategy_that_fails_is_told_of_and_round_robin_decides() -> None:
    def fails(_entry: Caller, _candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
        raise ZeroDivisionError

    class WithOwn(Strategies):
        def find(self, name: str) -> Strategy | None:
            return Strategy(fails, is_own=True) if name == "own" else super().find(name)

    moment = Moment(agent(1), agent(2), strategies=WithOwn())
    assert moment.chosen(queue(strategy="own"), entry()) == (1,)
    assert moment.complaints == ["ZeroDivisionError: "]
