"""Makes docs/leases.md from the tables of leases and of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from callengine.callcenter.reconciling import leases
from callengine.callcenter.reconciling.leases import FINAL, LEASES, Lease
from callengine.callcenter.repair_reasons import MEANINGS

_HEAD = """\
# Leases and repairs
{notice}

{theory}

A service compares the rows of the database, its calls in memory, its SIP dialogs and the media legs twice in
`general.lease_seconds`. What has disagreed in every look for that long is set right, in one transaction with
the event `state_repaired`, whose `reason` is one of the words below and whose `key` is the id of what it is
about; the log has a warning. In a healthy service there is none: one that repeats is a defect, report it.
"""


def lease_tables(notice: str) -> str:
    """The page."""
    theory = (leases.__doc__ or "").partition("\n\n")[2].strip()
    parts = [_HEAD.format(notice=notice, theory=theory)]
    parts.extend(_noun(noun, table) for noun, table in LEASES.items())
    parts.append("## Repairs\n\n| Reason | What disagrees | What is done |\n|---|---|---|")
    parts.extend(f"| `{reason}` | {meaning} | {remedy} |" for reason, (meaning, remedy) in MEANINGS.items())
    return "\n".join(parts) + "\n"


def _noun(noun: str, table: Mapping[StrEnum, Lease]) -> str:
    head = f"## {noun.capitalize()}\n\n| State | Until | What ends it | Watched by |\n|---|---|---|---|"
    rows = [
        f"| {state} | {lease.until} | {_words(lease.next)} | {_words(lease.watched_by)} |"
        for state, lease in table.items()
    ]
    final = ", ".join(sorted(FINAL[noun]))
    last = f"\nFinal: {final}.\n" if final else ""
    return "\n".join([head, *rows, last])


def _words(words: tuple[StrEnum, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)
