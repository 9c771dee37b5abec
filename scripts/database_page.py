"""Makes docs/database.md from the models: all tables with their columns and rules, and a diagram."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from sqlalchemy import CheckConstraint, Column, Table
from sqlalchemy.schema import UniqueConstraint

from callengine.db import models, schema
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

"""


def database(notice: str) -> str:
    """The page."""
    tables = sorted(Base.metadata.tables.values(), key=lambda table: table.name)
    parts = [_HEAD.format(notice=notice, revision=schema.head()), _diagram(tables)]
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
