"""Skills: what a queue's callers need an agent to know, in steps which relax as they wait.

A step is written `{after_seconds = 30, all = ["french>=3", "billing"], any = ["gold", "silver>=2"]}`: from 30
seconds on, an agent must have all of the first list and at least one of the second. A skill without a level
means level 1 or better. Levels go from 1 to 10.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from callengine.errors import BadRequest

HIGHEST = 10
"""The best level."""

ALLOWED_NAME = "1 to 64 characters, no blanks and none of < > = : ,"
ALLOWED_STEPS = (
    'a list of steps {after_seconds = S, all = ["SKILL>=LEVEL"], any = [...]}, with levels from 1 to 10, the'
    " first step from 0 seconds and each other one later than the one before"
)

_NAME = r"[^\s\x00-\x1f\x7f<>=:,]{1,64}"
_NEED = re.compile(rf"({_NAME})(?:>=([0-9]{{1,2}}))?")
_LONGEST_SECONDS = 86400
_KEYS = {"after_seconds", "all", "any"}


class Need(NamedTuple):
    """One skill, and the least level in it."""

    skill: str
    level: int = 1

    def __str__(self) -> str:
        return f"{self.skill}>={self.level}"

    def is_met_by(self, levels: Mapping[str, int]) -> bool:
        """Whether an agent with these levels will do."""
        return levels.get(self.skill, 0) >= self.level


class Requirement(NamedTuple):
    """What an agent must know: all of one list, and one of the other if there is any."""

    all: tuple[Need, ...] = ()
    any: tuple[Need, ...] = ()


NOTHING = Requirement()


class Step(NamedTuple):
    """What is required from `after_seconds` of waiting on."""

    after_seconds: float
    requirement: Requirement


def is_skill_name(text: str) -> bool:
    """Whether a skill may be called so."""
    return re.fullmatch(_NAME, text) is not None


def check_skill(name: str, level: int, *, lowest: int = 1) -> None:
    """Raise `BadRequest` unless a skill may be called so, and be had at this level."""
    if not is_skill_name(name):
        raise BadRequest(f"the skill {name!r}; allowed: {ALLOWED_NAME}")
    if not lowest <= level <= HIGHEST:
        none = "" if lowest else ", and 0 to take the skill away"
        raise BadRequest(f"the level {level}; allowed: 1 to {HIGHEST}{none}")


def read_steps(written: object) -> tuple[Step, ...]:
    """The steps as settings and database have them; raises ValueError for anything else."""
    if not isinstance(written, list | tuple):
        raise ValueError(ALLOWED_STEPS)
    steps = tuple(map(_step, written))
    times = [step.after_seconds for step in steps]
    if times and (times[0] != 0 or any(later <= earlier for earlier, later in pairwise(times))):
        raise ValueError(ALLOWED_STEPS)
    return steps


def plain(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps as JSON has them; what `read_steps` reads."""
    return [{"after_seconds": step.after_seconds, **plain_requirement(step.requirement)} for step in steps]


def plain_requirement(requirement: Requirement) -> dict[str, list[str]]:
    """The requirement as JSON has it; what `read_requirement` reads."""
    return {name: [str(need) for need in needs] for name, needs in requirement._asdict().items()}


def read_requirement(written: Mapping[str, Any]) -> Requirement:
    """The requirement of a step, or of a stored decision; raises ValueError for anything else."""
    return Requirement(_needs(written.get("all", ())), _needs(written.get("any", ())))


def named(steps: Sequence[Step]) -> set[str]:
    """The skills that any of the steps wants."""
    return {need.skill for step in steps for needs in step.requirement for need in needs}


def step_at(steps: Sequence[Step], waited_seconds: float) -> int | None:
    """Which step holds for a caller who has waited so long; None if the queue has none."""
    if not steps:
        return None
    return max(0, bisect_right(steps, waited_seconds, key=_after) - 1)


def requirement_at(steps: Sequence[Step], waited_seconds: float) -> Requirement:
    """What an agent must know for a caller who has waited so long."""
    step = step_at(steps, waited_seconds)
    return NOTHING if step is None else steps[step].requirement


def next_step_after(steps: Sequence[Step], waited_seconds: float) -> float | None:
    """After how much waiting the next step begins; None if there is no other."""
    index = bisect_right(steps, waited_seconds, key=_after)
    return steps[index].after_seconds if index < len(steps) else None


def meets(requirement: Requirement, levels: Mapping[str, int]) -> bool:
    """Whether an agent with these levels knows enough."""
    if not all(need.is_met_by(levels) for need in requirement.all):
        return False
    return not requirement.any or any(need.is_met_by(levels) for need in requirement.any)


def lacks(requirement: Requirement, levels: Mapping[str, int]) -> str | None:
    """What an agent with these levels lacks first, such as `french>=3`; None if it knows enough.

    Who has none of several that would do lacks them all: `gold>=1 or silver>=2`.
    """
    for need in requirement.all:
        if not need.is_met_by(levels):
            return str(need)
    return None if meets(requirement, levels) else " or ".join(map(str, requirement.any))


def proficiency(requirement: Requirement, levels: Mapping[str, int]) -> int:
    """How good an agent is at what is required: its levels in `all` together, and its best one in `any`."""
    best = max((levels.get(need.skill, 0) for need in requirement.any if need.is_met_by(levels)), default=0)
    return sum(levels.get(need.skill, 0) for need in requirement.all) + best


def _after(step: Step) -> float:
    return step.after_seconds


def _step(written: object) -> Step:
    if not isinstance(written, Mapping) or not written.keys() <= _KEYS:
        raise ValueError(ALLOWED_STEPS)
    return Step(_seconds(written.get("after_seconds", 0)), read_requirement(written))


def _seconds(written: object) -> float:
    if isinstance(written, bool) or not isinstance(written, int | float) or math.isnan(written):
        raise ValueError(ALLOWED_STEPS)
    if not 0 <= written <= _LONGEST_SECONDS:
        raise ValueError(ALLOWED_STEPS)
    return float(written)


def _needs(written: object) -> tuple[Need, ...]:
    if not isinstance(written, list | tuple):
        raise ValueError(ALLOWED_STEPS)
    return tuple(map(_need, written))


def _need(written: object) -> Need:
    match = _NEED.fullmatch(written) if isinstance(written, str) else None
    level = int(match[2] or 1) if match else 0
    if match is None or not 1 <= level <= HIGHEST:
        raise ValueError(ALLOWED_STEPS)
    return Need(match[1], level)
