"""Every setting, in one place: its name, type, default, what is allowed, its unit and its meaning.

`Settings` is what the rest of callengine sees: frozen, typed, complete. The loader fills it, `config show`,
docs/configuration.md and the test of config/settings.toml are made from the same declarations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, get_type_hints

from callengine.config.declaration import NUMBER, QUEUE_NAME, Setting
from callengine.config.kinds import Text
from callengine.config.sections.agents import Agents
from callengine.config.sections.hours import Hours
from callengine.config.sections.node import Api, General, Media, Sip
from callengine.config.sections.numbers import Callers, Destination
from callengine.config.sections.queues import Queue
from callengine.config.sections.routing import Routing
from callengine.config.sections.security import Security
from callengine.config.sections.storage import Database, Log


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, complete and checked.

    `directory` is that of settings.toml; `environment` is the one that was chosen; `sources` tells for each
    setting's full name where it was set.
    """

    general: General
    sip: Sip
    media: Media
    api: Api
    database: Database
    agents: Agents
    routing: Routing
    security: Security
    log: Log
    queues: Mapping[str, Queue]
    numbers: Mapping[str, Destination]
    hours: Mapping[str, Hours]
    callers: Mapping[str, Callers]
    directory: str = field(compare=False)
    environment: str = field(compare=False)
    sources: Mapping[str, str] = field(compare=False, repr=False)


ENVIRONMENTS = ("development", "testing", "production")

SECTIONS: Mapping[str, type] = {
    "general": General,
    "sip": Sip,
    "media": Media,
    "api": Api,
    "database": Database,
    "agents": Agents,
    "routing": Routing,
    "security": Security,
    "log": Log,
}
"""The sections with fixed keys."""

TABLES: Mapping[str, type] = {
    "queues": Queue,
    "numbers": Destination,
    "hours": Hours,
    "callers": Callers,
}
"""The sections that hold a table under each name that the operator gives."""

NAMES: Mapping[str, Text] = {
    "queues": QUEUE_NAME,
    "numbers": NUMBER,
    "hours": QUEUE_NAME,
    "callers": QUEUE_NAME,
}
"""What those names may be."""

OTHER_NAMES: Mapping[str, str] = {"general.port": "sip.port"}
"""Names that mean another setting."""


@cache
def declared(section: type) -> Mapping[str, Setting]:
    """The settings of one section's class, by key, in order."""
    hints = get_type_hints(section, include_extras=True)
    return MappingProxyType({key: _setting(hint) for key, hint in hints.items()})


def _setting(hint: Any) -> Setting:
    (setting,) = hint.__metadata__
    assert isinstance(setting, Setting)
    return setting


def setting_named(name: str) -> Setting | None:
    """The declaration of `section.key`, or of `table.NAME.key`; None if there is no such setting."""
    first, *between, key = name.split(".")
    section = (TABLES if between else SECTIONS).get(first)
    return None if section is None else declared(section).get(key)
