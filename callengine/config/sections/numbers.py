"""What can be dialled, and by whom it is urgent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from callengine.config.declaration import PRIORITY, Setting
from callengine.config.kinds import Text, Words


@dataclass(frozen=True, kw_only=True)
class Destination:
    """One number that can be dialled, in the table `numbers` under its name."""

    destination: Annotated[
        str,
        Setting(
            Text(
                "queue:NAME, agent:NAME, feature:sign_on, feature:sign_off, feature:pause, "
                "feature:pause:REASON, feature:resume, or hangup:CODE with a code from 400 to 699",
                r"queue:[A-Za-z0-9+*#_.\-]{1,64}|agent:[A-Za-z0-9+_.\-]{1,64}"
                r"|feature:(?:sign_on|sign_off|pause|resume|pause:[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,63})"
                r"|hangup:[456][0-9]{2}",
            ),
            "Where a call to this number goes.",
        ),
    ]
    priority: Annotated[
        int, Setting(PRIORITY, "How urgent the calls to this number are; a higher number is more.", 0)
    ]


@dataclass(frozen=True, kw_only=True)
class Callers:
    """Some callers, in the table `callers` under a name of their own."""

    numbers: Annotated[
        tuple[str, ...],
        Setting(
            Words("numbers, each whole or its beginning followed by *", longest=64),
            'Who they are: numbers, or beginnings of numbers with a * at the end, such as "+4930*".',
            [],
        ),
    ]
    priority: Annotated[
        int,
        Setting(PRIORITY, "How urgent their calls are; of several tables the highest counts.", 0),
    ]
