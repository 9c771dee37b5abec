"""Who stands in the lines of a call center at rest: in which order, beside whom, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from callengine.callcenter.agent_states import CLAIMABLE
from callengine.vocabulary import EntryState
from tests.fakes.committed import Row, Rows
from tests.fakes.paper_center import PaperCenter
from tests.fakes.prospects import MARGIN, Prospects


def out_of_order(center: PaperCenter, prospects: Prospects) -> Iterator[str]:
    """Who waits by the rows stands in line, by effective priority and first arrival."""
    now = center.time.now()
    for queue in center.parts.people.queues:
        in_line = [entry.id for entry in queue.line]
        by_rows = {
            key
            for key, entry in prospects.entries.items()
            if entry["queue_id"] == queue.id and entry["state"] == EntryState.WAITING
        }
        if set(in_line) != by_rows or len(in_line) != len(by_rows):
            yield f"the line of {queue.name} is {in_line}, and by the rows {sorted(by_rows)}"
            continue
        ranks = [(prospects.rank(prospects.entries[key], now), key) for key in in_line]
        for (before, key), (after, other) in pairwise(ranks):
            if prospects.is_before(after, before):
                yield f"in the line of {queue.name} {key} {before} stands before {other} {after}"


def idle_beside_waiting(center: PaperCenter, prospects: Prospects) -> Iterator[str]:
    """No free agent that may serve a caller stands beside it, unless it has just missed that call."""
    free, now = free_agents(center, prospects.rows), center.time.now()
    for queue in center.parts.people.queues:
        for entry in queue.line:
            row = prospects.entries[entry.id]
            is_early = center.time.monotonic() < entry.retry_at + MARGIN
            for agent_id in free:
                is_skipped = agent_id in entry.missed and is_early
                if not is_skipped and prospects.surely(row, agent_id, now, entry.missed):
                    name = prospects.agents[agent_id]["name"]
                    yield f"{name} is free and {entry.id} waits in {queue.name}"


def overdue(center: PaperCenter, rows: Rows) -> Iterator[str]:
    """Nobody stands in line for longer than its queue allows, or than it may wait over all."""
    rules = {queue["id"]: queue for queue in rows.queues}
    arrived_at = {call["id"]: call["arrived_at"] for call in rows.calls}
    for entry in rows.entries:
        queue = rules[entry["queue_id"]]
        until = min(
            entry["joined_at"] + queue["max_wait_time_seconds"],
            arrived_at[entry["call_id"]] + queue["expires_after_seconds"],
        )
        if entry["state"] == EntryState.WAITING and center.time.now() > until + MARGIN:
            yield f"{entry['id']} waits in {queue['name']}, and was to leave it at {until}"


def free_agents(center: PaperCenter, rows: Rows) -> set[int]:
    """Those that can be rung for a call more, as their rows and phones say."""
    return {agent["id"] for agent in rows.agents if _is_free(agent, center)}


def _is_free(agent: Row, center: PaperCenter) -> bool:
    is_delayed = (agent["delayed_until"] or 0.0) > center.time.now() - MARGIN
    is_leaving = agent["pause_next_reason"] is not None or not _stays(agent)
    has_room = agent["state"] in CLAIMABLE and agent["load"] < agent["max_concurrent_calls"]
    has_phone = bool(center.parts.people.presence.bindings_of(agent["name"]))
    return has_room and has_phone and not is_delayed and not is_leaving


def _stays(agent: Row) -> bool:
    """Whether it is neither to be signed off after its call nor still has its wrap-up before it."""
    return agent["load"] == 0 or (bool(agent["signed_on"]) and agent["wrap_up_until"] is None)
