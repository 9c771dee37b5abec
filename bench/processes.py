"""What a process has used, as the kernel accounts for it."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from tests.e2e.service import children

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_OCTETS = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int, *, apart_from: Collection[int] = ()) -> float:
    """CPU time (user and system) of a process and of all that it started, but for those in `apart_from`."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    ticks = sum(map(int, stat[11:15]))  # utime, stime, and the same of children that were waited for
    living = [child for child in children(pid) if child not in apart_from]
    return ticks / _TICKS_A_SECOND + sum(cpu_seconds(child, apart_from=apart_from) for child in living)


def resident_megabytes(pid: int) -> float:
    """The memory that a process holds, in MB (10^6 octets), what it shares with others included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE_OCTETS / 1e6
