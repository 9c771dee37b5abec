"""What a service holds, seen from outside: by its status, its processes' files, and its sockets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.e2e.service import Service, open_files, udp_sockets


@dataclass(frozen=True)
class Held:
    """All that a call takes and has to give back."""

    greenlets: dict[str, dict[str, int]]
    legs: int
    ports_in_use: int
    transactions: int
    dialogs: int
    active_calls: int
    files: tuple[int, ...]
    """File descriptors of each process."""
    sockets: int
    """UDP sockets of all its processes, as `ss` counts them."""

    @classmethod
    def by(cls, service: Service) -> Held:
        """What the service holds now."""
        status: dict[str, Any] = service.status()
        return cls(
            greenlets=status["greenlets"],
            legs=status["legs"],
            ports_in_use=status["ports_in_use"],
            transactions=status["transactions"],
            dialogs=status["dialogs"],
            active_calls=status["active_calls"],
            sockets=udp_sockets(service.pids),
            files=_files_at_rest(service.pids),
        )

    def with_transactions(self, count: int) -> Held:
        """The same but for the transactions: those of a registration linger 32 s (RFC 3261 Timer J)."""
        return replace(self, transactions=count)


def _files_at_rest(pids: Sequence[int]) -> tuple[int, ...]:
    """The fewest that each had open in a second: the command that asked may still be connected at first."""
    looks: list[list[int]] = []
    for _ in range(20):
        looks.append([open_files(pid) for pid in pids])
        time.sleep(0.05)
    return tuple(map(min, zip(*looks, strict=True)))
