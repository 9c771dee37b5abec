"""Who may come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from callengine.config.declaration import Setting
from callengine.config.kinds import Choices, Switch


@dataclass(frozen=True, kw_only=True)
class Security:
    """Who may come in."""

    open_inbound: Annotated[
        bool,
        Setting(
            Switch(),
            "Whether anyone may call without credentials; refused unless SIP listens on loopback alone.",
            False,
        ),
    ]
    digest_algorithms: Annotated[
        tuple[str, ...],
        Setting(
            Choices(("MD5", "SHA-256")),
            "The digest algorithms that phones are offered, one challenge each, in this order.",
            ["MD5"],
        ),
    ]
