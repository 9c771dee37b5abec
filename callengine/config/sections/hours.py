"""When queues are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from callengine.config.declaration import Setting
from callengine.config.opening import Dates, Ranges, TimeZone

_RANGES = Ranges()


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Opening hours, in the table `hours` under their name."""

    time_zone: Annotated[
        str, Setting(TimeZone(), "The time zone of all its times, by its name in the IANA database.", "UTC")
    ]
    monday: Annotated[tuple[str, ...], Setting(_RANGES, "When it is open on Mondays; empty: it is not.", [])]
    tuesday: Annotated[tuple[str, ...], Setting(_RANGES, "The same on Tuesdays.", [])]
    wednesday: Annotated[tuple[str, ...], Setting(_RANGES, "The same on Wednesdays.", [])]
    thursday: Annotated[tuple[str, ...], Setting(_RANGES, "The same on Thursdays.", [])]
    friday: Annotated[tuple[str, ...], Setting(_RANGES, "The same on Fridays.", [])]
    saturday: Annotated[tuple[str, ...], Setting(_RANGES, "The same on Saturdays.", [])]
    sunday: Annotated[tuple[str, ...], Setting(_RANGES, "The same on Sundays.", [])]
    holidays: Annotated[
        tuple[str, ...],
        Setting(Dates(), 'The days on which nothing opens, "2026-12-25" or each year "12-25".', []),
    ]
