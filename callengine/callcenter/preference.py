"""Preference: a caller may wait a while for the agent who spoke with its number last."""

from __future__ import annotations

from callengine.callcenter.calls import Entry
from callengine.db.repositories import calls
from callengine.db.repositories.queues import QueueRules
from callengine.db.transaction import Transaction


def prefer_last_agent(tx: Transaction, entry: Entry, caller_number: str | None, rules: QueueRules) -> None:
    """Let a caller who joins a queue wait for that agent, if the queue's rules say so.

    Whether the agent serves the queue and is there is for dispatch to see.
    """
    if caller_number is None or not rules.prefer_last_agent_seconds:
        return
    agent_id = calls.last_agent_of(tx, caller_number)
    if agent_id is not None:
        entry.preferred_agent_id = agent_id
        entry.preferred_until = entry.joined_at + rules.prefer_last_agent_seconds
