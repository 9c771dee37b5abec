"""Processes that move audio go before others of this machine, as those of a service do by its unit."""

from __future__ import annotations

import os
from contextlib import suppress

NICE = -11
"""As in systemd/callengine-media@.service."""


def goes_first(pid: int) -> None:
    """Let a process go first, where that is allowed."""
    with suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
