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
                "queue:NAME or hangup:CODE with a code from 400 to 699",
                r"queue:[A-Za-z0-9+*#_.\-]{1,64}|hangup:[456][0-9]{2}",
            ),
            "Where a call to this number goes.",
        ),
    ]
