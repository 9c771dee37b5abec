"""The administration of the running service, asked over its control socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    def set_max_calls(self, name: str, calls: int, *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.set_max_calls`."""
        self._ask(f"agents/{_part(name)}", "PATCH", {"max_calls": calls})

    def assign(
        self,
        name: str,
        queue: str,
        *,
        tier: int | None = None,
        position: int | None = None,
        by: str,  # noqa: ARG002
    ) -> None:
        """See `AgentDesk.assign`."""
        place = {"tier": tier, "position": position}
        self._ask(f"agents/{_part(name)}/queues/{_part(queue)}", "PUT", place)

    def unassign(self, name: str, queue: str, *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.unassign`."""
        self._ask(f"agents/{_part(name)}/queues/{_part(queue)}", "DELETE")

    def set_skill(self, name: str, skill: str, level: int, *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.set_skill`."""
        self._ask(f"agents/{_part(name)}/skills/{_part(skill)}", "PUT", {"level": level})

    def sign_on(self, name: str, *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.sign_on`."""
        self._ask(f"agents/{_part(name)}/sign_on", "POST")

    def sign_off(self, name: str, *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.sign_off`."""
        self._ask(f"agents/{_part(name)}/sign_off", "POST")

    def pause(self, name: str, *, reason: str, by: str, after_call: bool = False) -> None:  # noqa: ARG002
        """See `AgentDesk.pause`."""
        self._ask(f"agents/{_part(name)}/pause", "POST", {"reason": reason, "after_call": after_call})

    def resume(self, name: str, *, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.resume`."""
        self._ask(f"agents/{_part(name)}/resume", "POST")

    def end_wrap_up(self, name: str, *, code: str | None = None, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.end_wrap_up`."""
        self._ask(f"agents/{_part(name)}/wrap_up/end", "POST", {"code": code})

    def extend_wrap_up(self, name: str, *, seconds: float, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.extend_wrap_up`."""
        self._ask(f"agents/{_part(name)}/wrap_up/extend", "POST", {"seconds": seconds})

    def set_wrap_up_code(self, name: str, *, code: str, by: str) -> None:  # noqa: ARG002
        """See `AgentDesk.set_wrap_up_code`."""
        self._ask(f"agents/{_part(name)}/wrap_up/code", "POST", {"code": code})


class RemoteQueueDesk(_Remote):
    """What `QueueDesk` is in the service's own process."""

    def list_all(self) -> list[Document]:
        """See `QueueDesk.list_all`."""
        return list(self._ask("queues"))

    def show(self, name: str) -> Document:
        """See `QueueDesk.show`."""
        return dict(self._ask(f"queues/{_part(name)}"))

    def add(self, name: str, given: Mapping[str, str]) -> None:
        """See `QueueDesk.add`."""
        self._ask(f"queues/{_part(name)}", "POST", dict(given))

    def change(self, name: str, given: Mapping[str, str]) -> None:
        """See `QueueDesk.change`."""
        self._ask(f"queues/{_part(name)}", "PATCH", dict(given))

    def remove(self, name: str) -> None:
        """See `QueueDesk.remove`."""
        self._ask(f"queues/{_part(name)}", "DELETE")


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


class RemoteLineDesk(_Remote):
    """What `LineDesk` is in the service's own process."""

    def move(self, prefix: str, queue: str, *, by: str) -> str:  # noqa: ARG002
        """See `LineDesk.move`."""
        return str(self._ask(f"calls/{_part(prefix)}/move", "POST", {"queue": queue})["id"])

    def prioritize(self, prefix: str, priority: int, *, by: str) -> str:  # noqa: ARG002
        """See `LineDesk.prioritize`."""
        return str(self._ask(f"calls/{_part(prefix)}/prioritize", "POST", {"priority": priority})["id"])

    def withdraw(self, prefix: str, *, by: str) -> str:  # noqa: ARG002
        """See `LineDesk.withdraw`."""
        return str(self._ask(f"calls/{_part(prefix)}/withdraw", "POST")["id"])


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
        self.lines = RemoteLineDesk(path)
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
        "max_calls": newcomer.max_calls,
    }
