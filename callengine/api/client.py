"""The administration of the running service, asked over its control socket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from callengine.api.control import ask

if TYPE_CHECKING:  # the database below them would be half of the time that a command takes
    from callengine.callcenter.administration.document import Document
    from callengine.callcenter.staff import NewAgent

_PRUNE_SECONDS = 3600.0
_READING_SECONDS = 600.0


class _Remote:
    """Asks the service; who does it is seen by the service itself.

    Every method raises `NotRunning`, or `CallCenterError` with what the service has against it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def _ask(self, resource: str, method: str = "GET", body: object = None, **options: float) -> Any:
        return ask(self._path, f"/api/v1/{resource}", method=method, body=body, **options)


class RemoteAgentDesk(_Remote):
    """What `AgentDesk` is in the service's own process."""

    def list_all(self) -> list[Document]:
        """See `AgentDesk.list_all`."""
        return list(self._ask("agents"))

    def add(self, newcomers: Sequence[NewAgent], *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.add`."""
        self._ask("agents", "POST", [_document(newcomer) for newcomer in newcomers])

    def remove(self, name: str, *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.remove`."""
        self._ask(f"agents/{_part(name)}", "DELETE")

    def pause(self, name: str, *, reason: str, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.pause`."""
        self._ask(f"agents/{_part(name)}/pause", "POST", {"reason": reason})

    def resume(self, name: str, *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.resume`."""
        self._ask(f"agents/{_part(name)}/resume", "POST")


class RemoteQueueDesk(_Remote):
    """What `QueueDesk` is in the service's own process."""

    def list_all(self) -> list[Document]:
        """See `QueueDesk.list_all`."""
        return list(self._ask("queues"))

    def show(self, name: str) -> Document:
        """See `QueueDesk.show`."""
        return dict(self._ask(f"queues/{_part(name)}"))


class RemoteCallDesk(_Remote):
    """What `CallDesk` is in the service's own process."""

    def list_some(self, *, latest: int | None = None) -> list[Document]:
        """See `CallDesk.list_some`."""
        return list(self._ask("calls" if latest is None else f"calls?latest={latest}"))

    def show(self, prefix: str) -> Document:
        """See `CallDesk.show`."""
        return dict(self._ask(f"calls/{_part(prefix)}"))

    def why(self, prefix: str) -> Document:
        """See `CallDesk.why`."""
        return dict(self._ask(f"calls/{_part(prefix)}/why", timeout=_READING_SECONDS))

    def hang_up(self, prefix: str, *, by: str) -> str:  # noqa: ARG002
        """See `CallDesk.hang_up`."""
        return str(self._ask(f"calls/{_part(prefix)}/hangup", "POST")["id"])


class RemoteFigureDesk(_Remote):
    """What `FigureDesk` is in the service's own process."""

    def show(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        queue: str | None = None,
        agent: str | None = None,
        within: float | None = None,
    ) -> Document:
        """See `FigureDesk.show`."""
        wanted = {"since": since, "until": until, "queue": queue, "agent": agent, "within": within}
        given = urlencode({name: value for name, value in wanted.items() if value is not None})
        return dict(self._ask(f"figures?{given}", timeout=_READING_SECONDS))


class RemoteDatabaseDesk(_Remote):
    """What `DatabaseDesk` is in the service's own process."""

    def prune(self, *, before: float, by: str) -> Document:  # noqa: ARG002
        """See `DatabaseDesk.prune`."""
        body = {"before": before}
        return dict(self._ask("database/prune", "POST", body, timeout=_PRUNE_SECONDS))

    def count_old_calls(self, *, before: float) -> int:
        """See `DatabaseDesk.count_old_calls`."""
        return int(self._ask(f"database/old_calls?before={before!r}")["calls"])


class RemoteAdministration:
    """What `Administration` is in the service's own process."""

    def __init__(self, path: Path) -> None:
        self.agents = RemoteAgentDesk(path)
        self.queues = RemoteQueueDesk(path)
        self.calls = RemoteCallDesk(path)
        self.figures = RemoteFigureDesk(path)
        self.database = RemoteDatabaseDesk(path)


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
