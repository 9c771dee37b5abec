"""What a chaos run reads of the database: calls with the dialogs of their phones, offers, entries, agents."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.service import Service

_CALLS = """
SELECT calls.*, caller.sip_call_id AS caller_dialog, agent.sip_call_id AS agent_dialog,
       queue_entries.state AS entry_state, queue_entries.joined_at AS joined_at,
       offers.state AS offer_state, offers.talk_seconds AS offer_talk_seconds
FROM calls
JOIN legs AS caller ON caller.call_id = calls.id AND caller.role = 'caller'
LEFT JOIN queue_entries ON queue_entries.call_id = calls.id
LEFT JOIN offers ON offers.call_id = calls.id AND offers.answered_at IS NOT NULL
LEFT JOIN legs AS agent ON agent.offer_id = offers.id AND agent.answered_at IS NOT NULL
"""
_OFFERS = """
SELECT offers.id, offers.entry_id, offers.call_id, offers.agent_id, offers.state, offers.offered_at,
       offers.answered_at, offers.ended_at FROM offers ORDER BY offers.offered_at
"""
_ENTRIES = (
    "SELECT id, call_id, queue_id, priority, state, first_arrived_at, joined_at, left_at FROM queue_entries"
)
_AGENTS = """
SELECT agents.name, agents.state, agents.load, agents.state_since,
       (SELECT count(*) FROM bindings WHERE bindings.agent_id = agents.id) AS bindings FROM agents
"""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stored:
    """All of it, not older than `taken_at`."""

    taken_at: float
    calls: list[Row]
    offers: list[Row]
    entries: list[Row]
    agents: list[Row]

    @classmethod
    def by(cls, service: Service) -> Stored:
        """Read it now."""
        at = time.time()
        calls, offers, entries, agents = (
            list[Row](service.rows(query)) for query in (_CALLS, _OFFERS, _ENTRIES, _AGENTS)
        )
        return cls(at, calls, offers, entries, agents)

    @staticmethod
    def agents_of(service: Service) -> list[Row]:
        """The agents alone."""
        return list(service.rows(_AGENTS))

    def by_dialog(self) -> dict[str, Row]:
        """The call of each phone's SIP Call-ID."""
        found = {row["caller_dialog"]: row for row in self.calls}
        return found | {row["agent_dialog"]: row for row in self.calls if row["agent_dialog"]}


def all_about(service: Service, call_id: str) -> str:
    """Whatever is known of one call: rows, events, lines of the log."""
    told = [f"call {call_id}"]
    for table, column in (
        ("calls", "id"),
        ("queue_entries", "call_id"),
        ("offers", "call_id"),
        ("legs", "call_id"),
    ):
        for row in service.rows(f"SELECT * FROM {table} WHERE {column} = '{call_id}'"):
            told.append(f"  {table}: { {key: value for key, value in row.items() if 'sdp' not in key} }")
    for row in service.rows(f"SELECT * FROM event_log WHERE call_id = '{call_id}' ORDER BY number"):
        told.append(f"  {row['at']:.3f} {row['type']} {row['agent'] or ''} {row['payload']}")
    if service.log.exists():
        lines = service.log.read_text(encoding="utf-8", errors="replace").splitlines()
        told += [f"  {line}" for line in lines if call_id in line][-60:]
    return "\n".join(told)
