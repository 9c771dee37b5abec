"""Shows the settings with their values and sources, as text or as JSON; passwords are masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from callengine.config.schema import SECTIONS, TABLES, Settings, declared


class Shown(NamedTuple):
    """One setting as it is shown: the value as a settings file would have it."""

    name: str
    value: object
    source: str
    in_force: object
    """The value itself, which may hold a password: for comparing, never for showing."""


def described(settings: Settings) -> Iterator[Shown]:
    """Every setting, section by section."""
    for section, kind in SECTIONS.items():
        yield from _entries(settings, section, getattr(settings, section), kind)
    for section, kind in TABLES.items():
        for name, table in getattr(settings, section).items():
            yield from _entries(settings, f"{section}.{name}", table, kind)


def _entries(settings: Settings, prefix: str, table: object, kind: type) -> Iterator[Shown]:
    for key, setting in declared(kind).items():
        name = f"{prefix}.{key}"
        value = getattr(table, key)
        yield Shown(name, setting.kind.show(value), settings.sources[name], value)


def as_text(settings: Settings) -> str:
    """A line for each setting: name, value and where it was set."""
    lines = [
        (f"{shown.name} = {json.dumps(shown.value, ensure_ascii=False)}", shown.source)
        for shown in described(settings)
    ]
    width = min(max(len(line) for line, _ in lines), 64)
    return "\n".join(
        [
            f"# environment: {settings.environment}",
            *(f"{line:<{width}}  # {source}" for line, source in lines),
        ]
    )


def as_json(settings: Settings) -> str:
    """One document: the environment, and for each setting its value and where it was set."""
    return json.dumps(
        {
            "environment": settings.environment,
            "settings": {
                shown.name: {"value": shown.value, "set_in": shown.source} for shown in described(settings)
            },
        },
        indent=2,
        ensure_ascii=False,
    )
