"""How a setting is declared, and the kinds of value that several settings share."""

from __future__ import annotations

from dataclasses import dataclass

from callengine.config.kinds import Kind, Number, Size, Text, Whole, Words
from callengine.config.routing_kinds import SkillSteps, StrategyName


@dataclass(frozen=True)
class Setting:
    """The declaration of one setting.

    `default` is written as a settings file would have it. Instead of one, `same_as` names the setting whose
    value it takes, or `worked_out` says in words how the loader finds it.
    """

    kind: Kind
    meaning: str
    default: object = None
    unit: str = ""
    same_as: str = ""
    worked_out: str = ""


DOMAIN = Text("a domain name or IP address", r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*", 255)
USER = Text("a user name of letters, digits and + * # _ . -", r"[A-Za-z0-9+*#_.\-]+", 64)
PATH = Text("a path")
SOCKET = Text("a path", r"[^\x00-\x1f\x7f]+")
PORT = Whole(1, 65535)
SECONDS = Number(0.001, 86400)
SIZE = Size()
"""How sizes are written, such as 100 MB."""
WORDS = Words("texts of 1 to 64 printable characters", longest=64)
"""What agents and operators choose from; an empty list leaves it to them."""
STRATEGY = StrategyName()
SKILL_STEPS = SkillSteps()

QUEUE_NAME = USER
"""What a queue may be called."""

NAME_OR_NONE = Text("a name of letters, digits and + * # _ . -, or empty", r"[A-Za-z0-9+*#_.\-]*", 64)
"""The name of another table, or none."""

PRIORITY = Whole(-1000000, 1000000)
"""How urgent a caller is; a higher number is more."""

NUMBER = USER
"""What may be dialled: the user part of a SIP URI."""
