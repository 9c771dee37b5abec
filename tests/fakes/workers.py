"""Agents that are to be there when a call center opens, with all that they can be chosen for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from callengine.db.repositories.agents import add_agent
from callengine.db.repositories.memberships import assign
from callengine.db.transaction import Transaction
from callengine.sip.auth import ha1


@dataclass(frozen=True)
class Worker:
    """An agent that is to be there."""

    name: str
    queues: tuple[str, ...] = ("support",)
    capacity: int = 1
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Tier and position by queue, where these are not the usual ones."""
    levels: Mapping[str, int] = field(default_factory=dict)
    """Its level in each skill that it has."""


def add_workers(tx: Transaction, workers: Sequence[Worker], realm: str) -> None:
    """Add them; whoever is in a higher tier goes there when all are there, so that none below is empty."""
    for worker in workers:
        add_agent(
            tx,
            worker.name,
            ha1=_secrets(worker.name, realm),
            realm=realm,
            queues=worker.queues,
            skills=worker.levels,
            max_concurrent_calls=worker.capacity,
        )
    places = [(tier, w.name, queue, at) for w in workers for queue, (tier, at) in w.places.items()]
    for tier, name, queue, position in sorted(places):
        assign(tx, name, queue, tier=tier, position=position)


@lru_cache
def _secrets(name: str, realm: str) -> dict[str, str]:
    return {algorithm: ha1(name, realm, "secret", algorithm) for algorithm in ("MD5", "SHA-256")}
