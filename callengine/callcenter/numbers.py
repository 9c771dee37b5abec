"""What a dialled number leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from callengine.errors import NumberNotFound


class Feature(StrEnum):
    """What an agent can have done by dialling a number."""

    SIGN_ON = "sign_on"
    SIGN_OFF = "sign_off"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True)
class ToQueue:
    """The caller waits in the queue of this name."""

    queue: str


@dataclass(frozen=True)
class ToAgent:
    """The agent of this name is rung, and nobody else."""

    agent: str


@dataclass(frozen=True)
class ToFeature:
    """The agent who calls has something done; `reason` is what a pause is for."""

    feature: Feature
    reason: str = "feature"


@dataclass(frozen=True)
class HangUpWith:
    """The call is refused with this SIP status (400 to 699)."""

    status: int


Destination = ToQueue | ToAgent | ToFeature | HangUpWith

ALLOWED = (
    "queue:NAME, agent:NAME, feature:sign_on, feature:sign_off, feature:pause, feature:pause:REASON, "
    "feature:resume, or hangup:CODE with a SIP status from 400 to 699"
)


def parse_destination(text: str) -> Destination:
    """Read a destination; raises `ValueError` that says what is allowed."""
    kind, _, value = text.partition(":")
    if kind == "queue" and value:
        return ToQueue(value)
    if kind == "agent" and value:
        return ToAgent(value)
    if kind == "feature":
        return _parse_feature(value)
    if kind == "hangup" and value.isascii() and value.isdigit() and 400 <= int(value[:4]) <= 699:
        return HangUpWith(int(value))
    raise ValueError(f"allowed: {ALLOWED}")


def _parse_feature(text: str) -> ToFeature:
    name, has_reason, reason = text.partition(":")
    if not has_reason and name in list(Feature):
        return ToFeature(Feature(name))
    if name == Feature.PAUSE and reason.strip():
        return ToFeature(Feature.PAUSE, reason)
    raise ValueError(f"allowed: {ALLOWED}")


class Numbers:
    """The numbers served here."""

    def __init__(self, destinations: Mapping[str, Destination]) -> None:
        self._destinations = dict(destinations)

    def replace(self, destinations: Mapping[str, Destination]) -> None:
        """Serve these numbers from now on; calls that are here go on."""
        self._destinations = dict(destinations)

    def find(self, dialled: str) -> Destination:
        """Where `dialled`, the user part of the Request-URI, leads; raises `NumberNotFound`."""
        try:
            return self._destinations[dialled]
        except KeyError:
            raise NumberNotFound(f"no number {dialled!r} is served here") from None
