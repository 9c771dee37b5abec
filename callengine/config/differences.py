"""What differs between two readings of the settings, and which of it a running service can take over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from callengine.config.describe import Shown, described
from callengine.config.schema import TABLES, Settings

_LIVE = (
    "log.level",
    "routing.default_strategy",
    "routing.enable_skills_routing",
    "routing.ageing_points_per_minute",
)
"""What a running service takes over besides the tables by name."""


@dataclass(frozen=True)
class Difference:
    """One setting that has another value, or a table that is new or gone."""

    name: str
    text: str
    """For people: the name, and what it was and is; passwords are masked."""
    is_live: bool
    """Whether a running service takes it over; else it waits for the next start."""


def differences(old: Settings, new: Settings) -> list[Difference]:
    """All that differs, in the order of the schema; first the tables that are new or gone, as a whole."""
    before, after = _by_name(old), _by_name(new)
    whole = dict(_whole_tables(old, new))
    found = [Difference(name, f"{name} is {what}", is_live=True) for name, what in whole.items()]
    for name in (name for name in before if name in after):
        if before[name].in_force != after[name].in_force:
            found.append(Difference(name, _text(before[name], after[name]), is_live=_is_live(name)))
    return found


def with_live_parts(old: Settings, new: Settings) -> Settings:
    """The settings as they are in force after a running service has taken over what it can of `new`."""
    return replace(
        old,
        queues=new.queues,
        numbers=new.numbers,
        hours=new.hours,
        callers=new.callers,
        routing=replace(
            old.routing,
            default_strategy=new.routing.default_strategy,
            enable_skills_routing=new.routing.enable_skills_routing,
            ageing_points_per_minute=new.routing.ageing_points_per_minute,
        ),
        log=replace(old.log, level=new.log.level),
        sources={name: (new if _is_live(name) else old).sources[name] for name in new.sources},
    )


def _is_live(name: str) -> bool:
    return name.partition(".")[0] in TABLES or name in _LIVE


def _by_name(settings: Settings) -> dict[str, Shown]:
    return {shown.name: shown for shown in described(settings)}


def _text(before: Shown, after: Shown) -> str:
    if before.value == after.value:
        return f"{before.name} has changed where it is not shown"
    return f"{before.name}: {json.dumps(before.value)} becomes {json.dumps(after.value)}"


def _whole_tables(old: Settings, new: Settings) -> Iterator[tuple[str, str]]:
    for section in TABLES:
        before, after = getattr(old, section), getattr(new, section)
        yield from ((f"{section}.{name}", "new") for name in after if name not in before)
        yield from ((f"{section}.{name}", "gone") for name in before if name not in after)
