"""The kinds of value that routing knows: a strategy's name, and the steps in which skills are required."""

from __future__ import annotations

from typing import Any

from callengine.callcenter.routing import skills, strategies
from callengine.config.kinds import Plain


class StrategyName(Plain):
    """The name of one of our strategies, or of one that an installed package brings."""

    verbatim = True

    @property
    def allowed(self) -> str:
        """All that are there."""
        return f"one of {', '.join(strategies.names())}"

    def read(self, value: object) -> str:
        """The name, if there is such a strategy."""
        if isinstance(value, str) and (value in strategies.BUILT_IN or value in strategies.names()):
            return value
        raise ValueError


class SkillSteps(Plain):
    """What callers need agents to know, in steps."""

    allowed = skills.ALLOWED_STEPS

    def read(self, value: object) -> tuple[dict[str, Any], ...]:
        """The steps as the database has them: every key is there, every skill with its level."""
        return tuple(skills.plain(skills.read_steps(value)))

    def show(self, value: Any) -> object:
        """A list of tables."""
        return list(value) if isinstance(value, tuple) else value
