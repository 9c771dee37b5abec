"""What can be dialled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from callengine.config.declaration import Setting
from callengine.config.kinds import Text


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
