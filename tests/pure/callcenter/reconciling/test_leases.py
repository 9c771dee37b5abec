"""The leases: every state has one or is final, and somebody watches over each."""

from __future__ import annotations

from enum import StrEnum

import pytest

from callengine.callcenter.reconciling.leases import FINAL, LEASES
from callengine.callcenter.repair_reasons import MEANINGS, Reason
from callengine.vocabulary import (
    LIVE_CALLS,
    LIVE_ENTRIES,
    LIVE_LEGS,
    LIVE_OFFERS,
    AgentState,
    CallState,
    EntryState,
    LegState,
    OfferState,
)

STATES: dict[str, type[StrEnum]] = {
    "call": CallState,
    "entry": EntryState,
    "offer": OfferState,
    "leg": LegState,
    "agent": AgentState,
}


@pytest.mark.parametrize("noun", STATES)
def test_every_state_has_a_lease_or_is_final(noun: str) -> None:
    assert set(LEASES[noun]) | FINAL[noun] == set(STATES[noun])
    assert not set(LEASES[noun]) & FINAL[noun]


@pytest.mark.parametrize("noun", STATES)
def test_every_lease_expects_an_event_and_is_watched(noun: str) -> None:
    for lease in LEASES[noun].values():
        assert lease.until
        assert lease.next
        assert lease.watched_by


def test_every_reason_says_what_it_means_and_what_is_done() -> None:
    assert set(MEANINGS) == set(Reason)
    assert all(text.endswith(".") for pair in MEANINGS.values() for text in pair)


@pytest.mark.parametrize(
    ("noun", "live"),
    [("call", LIVE_CALLS), ("entry", LIVE_ENTRIES), ("offer", LIVE_OFFERS), ("leg", LIVE_LEGS)],
)
def test_what_has_a_lease_is_what_the_statements_call_alive(noun: str, live: tuple[StrEnum, ...]) -> None:
    assert set(LEASES[noun]) == set(live)
