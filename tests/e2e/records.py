"""The call records that a service has written, read from its database."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e.service import Service

_QUERY = """
SELECT calls.id, calls.caller_number, calls.dialled, calls.disposition, calls.hung_up_by, calls.arrived_at,
       calls.connected_at, calls.ended_at, calls.wait_seconds, calls.ring_seconds, calls.talk_seconds,
       agents.name AS agent
FROM calls LEFT JOIN agents ON agents.id = calls.agent_id
ORDER BY calls.arrived_at, calls.id
"""


@dataclass(frozen=True)
class CallRecord:
    """One customer's call; moments are seconds since the epoch, durations seconds."""

    id: str
    caller_number: str | None
    dialled: str
    disposition: str | None
    hung_up_by: str | None
    arrived_at: float
    connected_at: float | None
    ended_at: float | None
    wait_seconds: float | None
    ring_seconds: float | None
    talk_seconds: float | None
    agent: str | None


def read_records(service: Service) -> list[CallRecord]:
    """All calls, in the order of their arrival."""
    return [CallRecord(**row) for row in service.rows(_QUERY)]


def offers_of(service: Service, call_id: str) -> list[tuple[str, str]]:
    """To which agents a call was offered and what came of it, in order: `(agent, state)`."""
    query = (
        "SELECT agents.name AS agent, offers.state, offers.call_id FROM offers "
        "JOIN agents ON agents.id = offers.agent_id ORDER BY offers.offered_at, offers.id"
    )
    return [(row["agent"], row["state"]) for row in service.rows(query) if row["call_id"] == call_id]
