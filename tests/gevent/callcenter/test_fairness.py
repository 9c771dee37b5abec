"""Round robin through the whole call center and its database: calls of two agents differ by one at most."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from tests.fakes.committed import read_rows
from tests.fakes.databases import Databases
from tests.fakes.paper_center import PaperCenter, paper_center
from tests.fakes.phone import answer
from tests.fakes.workers import Worker

NAMES = ("alice", "bob", "carol")
CALLS = 20
"""In each life of the service; no multiple of the agents, so that the pointer stands in the middle."""


def one_call(center: PaperCenter) -> None:
    """A caller comes, is served and goes, before the next one comes."""
    session = center.dial("support")
    center.settle()
    assert session.confirmed.is_set()
    center.do(session.hang_up)
    center.settle()


def test_it_is_exact_to_one_over_a_restart(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    url, workers = databases.new(), [Worker(name) for name in NAMES]
    for _ in range(2):
        with paper_center(monkeypatch, url, workers) as center:
            for name in NAMES:
                center.do(partial(center.agent_phone, name, script=answer))
            for _ in range(CALLS):
                one_call(center)
                counts = _calls_of(center)
                assert max(counts.values()) - min(counts.values()) <= 1
        workers = []
    assert sum(counts.values()) == 2 * CALLS


def _calls_of(center: PaperCenter) -> Counter[str]:
    """How many calls each agent has had, by the rows of offers."""
    rows = read_rows(center.parts.base.engine)
    names = {agent["id"]: agent["name"] for agent in rows.agents}
    counts = Counter(dict.fromkeys(names.values(), 0))
    counts.update(names[offer["agent_id"]] for offer in rows.offers if offer["state"] == "ended")
    return counts
