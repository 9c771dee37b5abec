"""What an agent can be chosen for, as the log tells it: queues with tier and position, skills, capacity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from callengine.db.repositories.agents import AgentRecord
from callengine.events.types import Event, EventType

TOLD_BY = (EventType.AGENT_ADDED, EventType.AGENT_CHANGED, EventType.AGENT_REMOVED)
"""The events that tell it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A membership in a queue."""

    tier: int = 1
    position: int = 0


@dataclass
class Profile:
    """Of one agent at one moment."""

    queues: dict[str, Place] = field(default_factory=dict)
    skills: dict[str, int] = field(default_factory=dict)
    max_concurrent_calls: int = 1

    def change(self, event: Event) -> None:
        """Take over what an `agent_changed` says."""
        said = event.payload
        if event.queue is not None and said.get("member") is True:
            before = self.queues.get(event.queue, Place())
            self.queues[event.queue] = Place(
                said.get("tier", before.tier), said.get("position", before.position)
            )
        elif event.queue is not None and said.get("member") is False:
            self.queues.pop(event.queue, None)
        if "skill" in said:
            self.skills.pop(said["skill"], None)
            if said["level"]:
                self.skills[said["skill"]] = said["level"]
        self.max_concurrent_calls = said.get("max_concurrent_calls", self.max_concurrent_calls)


def profile_of(said: Iterable[Event]) -> Profile | None:
    """The profile after these events of one agent; None if it is not there, or they do not tell."""
    profile: Profile | None = None
    for event in said:
        if event.type is EventType.AGENT_REMOVED:
            profile = None
        elif event.type is EventType.AGENT_ADDED:
            profile = Profile(
                {queue: Place() for queue in event.payload["queues"]},
                dict(event.payload["skills"]),
                event.payload["max_concurrent_calls"],
            )
        elif event.type is EventType.AGENT_CHANGED and profile is not None:
            profile.change(event)
    return profile


def present_profile(record: AgentRecord) -> Profile:
    """The profile that the agent's rows have now."""
    return Profile(
        {place.queue: Place(position=place.position) for place in record.queues},
        dict(record.skills),
        record.max_concurrent_calls,
    )
