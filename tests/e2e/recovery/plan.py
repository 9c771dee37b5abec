"""What is to go wrong in a chaos run, drawn from a seed: the same seed gives the same faults."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Target(StrEnum):
    """Whose process it is."""

    SIGNALLING = "signalling process"
    MEDIA = "media process"
    AGENT = "an agent's phone"
    CALLER = "a caller's phone"


class Deed(StrEnum):
    """What is done to it."""

    KILLED = "killed"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. Times in seconds."""

    number: int
    target: Target
    deed: Deed
    index: int
    """Which phone of its kind; if that one is out of order already, the next one that is not."""
    pause: float
    """The quiet time before it."""
    lasts: float
    """How long it is frozen, or dead before it is started again; a media process is for
    the service to end and to replace."""

    @property
    def kind(self) -> tuple[Target, Deed]:
        """Its row in the table."""
        return self.target, self.deed


_LASTS: dict[tuple[Target, Deed], tuple[float, float]] = {
    (Target.SIGNALLING, Deed.KILLED): (0.0, 1.5),
    (Target.SIGNALLING, Deed.FROZEN): (0.5, 4.0),
    (Target.MEDIA, Deed.KILLED): (0.0, 0.0),
    (Target.MEDIA, Deed.FROZEN): (0.0, 0.0),
    (Target.AGENT, Deed.KILLED): (2.0, 8.0),
    (Target.AGENT, Deed.FROZEN): (2.0, 8.0),
    (Target.CALLER, Deed.KILLED): (2.0, 8.0),
    (Target.CALLER, Deed.FROZEN): (2.0, 8.0),
}


def make_plan(seed: int, *, each: int, agents: int, callers: int, pace: float = 1.0) -> list[Fault]:
    """Every kind of fault `each` times, shuffled; all times are multiplied by `pace`."""
    chance = random.Random(seed)
    kinds = [kind for kind in _LASTS for _ in range(each)]
    chance.shuffle(kinds)
    return [_draw(chance, number, kind, (agents, callers), pace) for number, kind in enumerate(kinds, 1)]


def _draw(
    chance: random.Random, number: int, kind: tuple[Target, Deed], phones: tuple[int, int], pace: float
) -> Fault:
    index = {Target.AGENT: chance.randrange(phones[0]), Target.CALLER: chance.randrange(phones[1])}
    return Fault(
        number=number,
        target=kind[0],
        deed=kind[1],
        index=index.get(kind[0], 0),
        pause=round(pace * chance.uniform(0.2, 1.0), 2),
        lasts=round(pace * chance.uniform(*_LASTS[kind]), 2),
    )
