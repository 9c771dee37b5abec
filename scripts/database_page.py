"""Makes docs/database.md from the models: all tables with their columns and rules, and a diagram."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from sqlalchemy import CheckConstraint, Column, Table
from sqlalchemy.schema import UniqueConstraint

from callengine.db import models, revisions
from callengine.db.base import Base

_TYPES = {
    "BIGINT": "number",
    "INTEGER": "number",
    "DOUBLE": "seconds or share",
    "TEXT": "text",
    "VARCHAR(32)": "id",
}

_HEAD = """\
# Database
{notice}

SQLite or PostgreSQL, by the same models (`callengine/db/models`). The schema is at revision {revision};
`callengine db upgrade` brings a database there. Times are seconds since the epoch (UTC), durations seconds,
both as floating-point numbers; an id is 32 hexadecimal digits. Lists and documents are JSON in text.

Who writes: the running service alone, by its committer; the command line asks it, and writes itself only
while no service runs. Anybody may read. Event numbers rise in the order of the commits; they have no gap but
where `callengine db prune` has removed old ones.

## What a power cut may cost

Whatever moment the power goes, the database opens and is sound. What a killed process has committed is
never lost, since the operating system has it; how much of the last a power cut takes,
`database.synchronous` says, for SQLite. Measured are the wait and the CPU of one commit at a time:

| Value | A commit waits for | A power cut costs | Wait | CPU |
|---|---|---|---|---|
| `normal` | nothing | at most the last second | 0.11 ms | 0.12 ms |
| `full` | the disk | nothing that was acknowledged | 0.6 ms | 0.43 ms |

- **Acknowledged** is an event from which anything followed: an answer to a phone, an INVITE to an agent, a
  line of a command, a figure. What is missing after a cut are the last commits, never one in the middle.
- **normal.** A thread brings the write-ahead log to the disk every half second, beside everything else. The
  most that is lost is that half second and twice what the disk takes for a sync: a second, if that is at
  most 250 ms.
- **full.** The COMMIT is made in a native thread and waits for the disk, and the event loop runs on. What
  comes meanwhile is one commit together: with 20 writers at work each waited 0.9 ms, and 0.5 ms at
  `normal`. This was on a virtual disk that syncs in 0.4 ms; any disk needs its own time for each commit,
  and a call has five.
- Between the death of a service and its next start nobody syncs; Linux does by itself, after about 30 s. A
  handover (SIGTERM under systemd) and an orderly end bring everything to the disk.
- Without a write-ahead log (`database.enable_wal_mode` off) each commit waits for the disk at either value,
  in the event loop at `normal`. There the last one may come undone nevertheless, since the removal of the
  journal is not waited for; `full` waits for that too.
- The disk must keep what it says is synced. PostgreSQL has a setting of its own, `synchronous_commit`,
  which is left as the server has it: on, nothing is lost.

`tests/gevent/service/test_power_cut.py` cuts the power of a service with calls at random moments, in
checkpoints and where the log begins anew after one, and opens what a disk may hold then.

## The tables

"""


def database(notice: str) -> str:
    """The page."""
    tables = sorted(Base.metadata.tables.values(), key=lambda table: table.name)
    parts = [_HEAD.format(notice=notice, revision=revisions.head()), _diagram(tables)]
    return "\n".join([*parts, *map(_table, tables)])


def _diagram(tables: list[Table]) -> str:
    lines = ["```mermaid", "erDiagram"]
    for table in tables:
        for column in table.columns:
            for key in column.foreign_keys:
                least = "o|" if column.nullable else "||"
                lines.append(f"    {key.column.table.name} {least}--o{{ {table.name} : {column.name}")
    return "\n".join([*lines, "```", ""])


def _table(table: Table) -> str:
    rows = [_column(column) for column in table.columns]
    head = "| Column | Type | Null | Default | Refers to |\n|---|---|---|---|---|"
    rules = [f"- {rule}" for rule in _rules(table)]
    return "\n".join([f"## `{table.name}`\n", _meaning(table), "", head, *rows, "", *rules, ""])


def _column(column: Column[object]) -> str:
    kind = _TYPES.get(str(column.type.compile()), str(column.type).lower())
    kind = "JSON" if type(column.type).__name__ == "JsonText" else kind
    default = f"`{column.server_default.arg}`" if column.server_default is not None else ""  # type: ignore[attr-defined]
    target = next((f"`{key.target_fullname}`" for key in column.foreign_keys), "")
    null = "yes" if column.nullable else ""
    return f"| `{column.name}` | {kind} | {null} | {default} | {target} |"


def _rules(table: Table) -> Iterator[str]:
    yield f"Key: {', '.join(f'`{column.name}`' for column in table.primary_key.columns)}."
    for rule in sorted(table.constraints, key=lambda rule: str(rule.name)):
        if isinstance(rule, CheckConstraint):
            yield f"CHECK `{rule.sqltext}`"
        elif isinstance(rule, UniqueConstraint):
            yield f"Unique: {', '.join(f'`{column.name}`' for column in rule.columns)}."
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        yield f"Index: {', '.join(f'`{column.name}`' for column in index.columns)}."


def _meaning(table: Table) -> str:
    """The docstring of the table's model."""
    for name in dir(models):
        model = getattr(models, name)
        if getattr(model, "__tablename__", None) == table.name:
            return inspect.getdoc(model) or ""
    return ""
