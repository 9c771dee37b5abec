"""What is put under the load: the real service with its agents signed on, and the floor."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import HOST, running
from bench.processes import cpu_seconds, resident_megabytes
from bench.registration import register_all
from tests.e2e.ports import free_port
from tests.e2e.service import PASSWORD, ROOT, Service

_LAST_PORT = 32_767
_MEDIA_PORT_SECONDS = 13
"""How long a call keeps a media port from the next: its talk, and the rest after use."""


@dataclass(frozen=True)
class Target:
    """Something that serves calls. `parts` are its processes by name; none starts others of these."""

    server: str
    parts: Mapping[str, int]
    service: Service | None = None
    """None for the floor."""

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time used until now, by the name of the process."""
        pids = set(self.parts.values())
        return {name: cpu_seconds(pid, apart_from=pids - {pid}) for name, pid in self.parts.items()}

    def resident_megabytes(self) -> dict[str, float]:
        """Memory held now, by the name of the process."""
        return {name: resident_megabytes(pid) for name, pid in self.parts.items()}

    def retransmissions(self) -> int:
        """What it has sent again until now; the floor never does."""
        return 0 if self.service is None else int(self.service.status()["retransmissions"])

    def active_calls(self) -> int:
        """Calls that have not ended; the floor does not know."""
        return 0 if self.service is None else int(self.service.status()["active_calls"])

    def calls_by_agent(self) -> list[int]:
        """How many calls each agent has had, the fewest first; nothing of the floor, which does not know."""
        if self.service is None:
            return []
        query = (
            "SELECT count(offers.id) AS calls FROM agents LEFT JOIN offers"
            " ON offers.agent_id = agents.id AND offers.answered_at IS NOT NULL GROUP BY agents.id"
        )
        return sorted(int(row["calls"]) for row in self.service.rows(query))

    def answered_twice(self) -> int:
        """Calls that more than one agent has had."""
        if self.service is None:
            return 0
        query = (
            "SELECT count(*) AS calls FROM (SELECT call_id FROM offers WHERE answered_at IS NOT NULL"
            " GROUP BY call_id HAVING count(*) > 1)"
        )
        return int(self.service.rows(query)[0]["calls"])

    def customer_of(self) -> dict[str, str]:
        """The Call-ID of the customer's leg by that of the agent's, as the service has stored it."""
        if self.service is None:
            return {}
        query = (
            "SELECT agent.sip_call_id AS agent, caller.sip_call_id AS caller FROM legs AS agent"
            " JOIN legs AS caller ON caller.call_id = agent.call_id AND caller.role = 'caller'"
            " WHERE agent.role = 'agent'"
        )
        return {row["agent"]: row["caller"] for row in self.service.rows(query)}


@contextmanager
def floor(directory: Path, *, agents: int, agent_port: int) -> Iterator[Target]:
    """The floor in a process of its own, which is ended afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "bench.floor", str(port), str(agent_port), str(agents)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with running(command, directory=directory, environment=environment) as pid:
        yield Target(f"{HOST}:{port}", {"floor": pid})


@contextmanager
def callengine(directory: Path, *, agents: int, agent_port: int, rate: int) -> Iterator[Target]:
    """The real service with a fresh database and its agents signed on; its processes are ended afterwards."""
    names = [f"a{number}" for number in range(agents)]
    service = Service(directory, agents=(), settings=_settings(rate))
    directory.mkdir(parents=True)
    _write_agents(directory / "agents.csv", names)
    service.command("db", "upgrade")
    service.command("agents", "import", "agents.csv")
    with ExitStack() as stack:
        stack.push(service)  # its end alone: it is begun here step by step, with the agents of the file
        service.serve()
        register_all(names, password=PASSWORD, server=(HOST, service.sip_port), phone_port=agent_port)
        (media,) = service.worker_pids
        yield Target(service.server, {"serve": service.pid, "media": media}, service)


def _settings(rate: int) -> dict[str, str]:
    """Room enough that nobody is refused; all else as everybody has it."""
    ports = min(16_000, 4 * _MEDIA_PORT_SECONDS * rate + 1000)
    return {
        "MEDIA__PORT_FIRST": str(_LAST_PORT - ports),
        "MEDIA__PORT_LAST": str(_LAST_PORT),
        "QUEUES__SUPPORT__CAPACITY": "10000",
        "ROUTING__MAX_QUEUE_DEPTH": "10000",
    }


def _write_agents(path: Path, names: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "password", "queues", "skills"])
        rows.writerows([name, PASSWORD, "support", ""] for name in names)
