"""The administration of the running service, asked over its control socket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from callengine.api.control import ask

if TYPE_CHECKING:  # the database below them would be half of the time that a command takes
    from callengine.callcenter.administration import Document
    from callengine.callcenter.staff import NewAgent

_PRUNE_SECONDS = 3600.0


class RemoteAdministration:
    """What `Administration` is in the service's own process. Who does it is seen by the service itself.

    Every method raises `NotRunning`, or `CallCenterError` with what the service has against it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def agents(self) -> list[Document]:
        """See `Administration.agents`."""
        return list(self._ask("agents"))

    def add_agents(self, newcomers: Sequence[NewAgent], *, by: str) -> None:  # noqa: ARG002
        """See `Administration.add_agents`."""
        self._ask("agents", "POST", [_document(newcomer) for newcomer in newcomers])

    def remove_agent(self, name: str, *, by: str) -> None:  # noqa: ARG002
        """See `Administration.remove_agent`."""
        self._ask(f"agents/{_part(name)}", "DELETE")

    def pause_agent(self, name: str, *, reason: str, by: str) -> None:  # noqa: ARG002
        """See `Administration.pause_agent`."""
        self._ask(f"agents/{_part(name)}/pause", "POST", {"reason": reason})

    def resume_agent(self, name: str, *, by: str) -> None:  # noqa: ARG002
        """See `Administration.resume_agent`."""
        self._ask(f"agents/{_part(name)}/resume", "POST")

    def queues(self) -> list[Document]:
        """See `Administration.queues`."""
        return list(self._ask("queues"))

    def queue(self, name: str) -> Document:
        """See `Administration.queue`."""
        return dict(self._ask(f"queues/{_part(name)}"))

    def calls(self, *, latest: int | None = None) -> list[Document]:
        """See `Administration.calls`."""
        return list(self._ask("calls" if latest is None else f"calls?latest={latest}"))

    def call(self, prefix: str) -> Document:
        """See `Administration.call`."""
        return dict(self._ask(f"calls/{_part(prefix)}"))

    def hang_up_call(self, prefix: str, *, by: str) -> str:  # noqa: ARG002
        """See `Administration.hang_up_call`."""
        return str(self._ask(f"calls/{_part(prefix)}/hangup", "POST")["id"])

    def prune(self, *, before: float, by: str) -> Document:  # noqa: ARG002
        """See `Administration.prune`."""
        body = {"before": before}
        return dict(
            ask(self._path, "/api/v1/database/prune", method="POST", body=body, timeout=_PRUNE_SECONDS)
        )

    def count_old_calls(self, *, before: float) -> int:
        """See `Administration.count_old_calls`."""
        return int(self._ask(f"database/old_calls?before={before!r}")["calls"])

    def _ask(self, resource: str, method: str = "GET", body: object = None) -> Any:
        return ask(self._path, f"/api/v1/{resource}", method=method, body=body)


def _part(text: str) -> str:
    """A part of a path; one that is empty would name another resource."""
    return quote(text, safe="") or "%20"


def _document(newcomer: NewAgent) -> Document:
    return {
        "name": newcomer.name,
        "ha1": dict(newcomer.ha1),
        "realm": newcomer.realm,
        "queues": list(newcomer.queues),
        "skills": dict(newcomer.skills),
    }
