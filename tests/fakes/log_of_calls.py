"""Events as the service logs them, for tests of what is made of the log."""

from __future__ import annotations

from itertools import count
from typing import Any

from callengine.events.types import Event, EventType


class Log:
    """Makes events one after the other; `at` is the time of the next."""

    def __init__(self, at: float = 0.0) -> None:
        self.at = at
        self.events: list[Event] = []
        self._numbers = count(1)

    def add(
        self,
        kind: EventType,
        *,
        call: str | None = None,
        queue: str | None = None,
        agent: str | None = None,
        **payload: Any,
    ) -> Event:
        event = Event(next(self._numbers), self.at, kind, call, queue, agent, payload)
        self.events.append(event)
        return event

    def agent(self, name: str, *queues: str, **more: Any) -> None:
        self.add(EventType.AGENT_ADDED, agent=name, **{"queues": list(queues), "skills": {}, **more})

    def state(self, name: str, old: str, new: str, **more: Any) -> Event:
        said: dict[str, Any] = {"cause": "test", "load": 0, "pause_reason": None, "by": None}
        return self.add(EventType.AGENT_STATE_CHANGED, agent=name, **(said | {"old": old, "new": new} | more))

    def queued(self, call: str, queue: str = "support") -> None:
        self.add(EventType.CALL_QUEUED, call=call, queue=queue, depth=1, priority=0)

    def connected(self, call: str, agent: str, *, waited: float, queue: str = "support", **more: Any) -> None:
        said = {"wait_seconds": waited, "ring_seconds": 0.0, "depth": 0, **more}
        self.add(EventType.CALL_CONNECTED, call=call, queue=queue, agent=agent, **said)

    def ended(
        self,
        call: str,
        disposition: str,
        *,
        waited: float,
        talked: float | None = None,
        queue: str = "support",
        agent: str | None = None,
    ) -> None:
        self.add(
            EventType.CALL_ENDED,
            call=call,
            queue=queue,
            agent=agent,
            disposition=disposition,
            wait_seconds=waited,
            talk_seconds=talked,
        )
