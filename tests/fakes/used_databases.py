"""Databases of PostgreSQL that were used, emptied for the next test: a new one takes 30 times as long."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from psycopg import sql

from tests.fakes.postgresql import PostgresqlServer

_SECONDS_TO_LET_GO = 5
_SHAPE = """
SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
    SELECT format('%s %s %s %s %s', relname, attname, atttypid, attnotnull, pg_get_expr(adbin, adrelid))
    AS line FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = pg_class.oid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_indexdef(indexrelid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT format('%s %s', tgrelid::regclass, tgname) FROM pg_trigger WHERE NOT tgisinternal
) AS lines
"""
"""A digest of all tables, constraints, indexes and triggers."""

_END_OTHERS = """
SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_GROWN = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) >= 10 * 8192
"""
"""Tables of ten pages and more: deleted rows stay in the files, and from there on plans depend on it."""

_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_SEQUENCES = "SELECT sequencename, start_value, last_value FROM pg_sequences"


class UsedDatabases:
    """All as the one that `server` copies."""

    def __init__(self, server: PostgresqlServer) -> None:
        self._server = server
        self._free: list[str] = []
        self._shape: str | None = None
        self._emptying = sql.Composed([])

    def take(self) -> str:
        """The URL of a database with all tables, as if it were new."""
        return self._free.pop() if self._free else self._server.new_database()

    def give_back(self, url: str) -> None:
        """Empty it for the next one; remove it if its tables were changed."""
        if self._shape is None:
            self._look_at_template()
        if self._is_emptied(url):
            self._free.append(url)
        else:
            self._server.drop(url)

    def _is_emptied(self, url: str) -> bool:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(_END_OTHERS, (_SECONDS_TO_LET_GO * 1000,))
                if _one(connection, _SHAPE) != self._shape:
                    return False
                for (name,) in connection.execute(_GROWN).fetchall():
                    connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(name)))
                connection.execute(self._emptying)
        except psycopg.Error:
            return False
        return True

    def _look_at_template(self) -> None:
        """What a database is like that nobody has used."""
        url = self._server.new_database()
        with psycopg.connect(url, autocommit=True) as connection:
            self._shape = _one(connection, _SHAPE)
            tables = [name for (name,) in connection.execute(_TABLES)]
            self._emptying = sql.SQL(";").join(
                [
                    sql.SQL("SET session_replication_role = replica"),  # foreign keys do not matter meanwhile
                    *(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in tables),
                    *(_refilled(connection, name) for name in tables),
                    *(_restarted(*row) for row in connection.execute(_SEQUENCES)),
                ]
            )
        self._free.append(url)


def _refilled(connection: psycopg.Connection[Any], table: str) -> sql.Composable:
    """A statement that inserts the rows which this table has from the first on."""
    rows = _one(connection, sql.SQL("SELECT json_agg(t) FROM {} AS t").format(sql.Identifier(table)))
    return sql.SQL("INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, {rows})").format(
        table=sql.Identifier(table), rows=sql.Literal(json.dumps(rows or []))
    )


def _restarted(sequence: str, start: int, last: int | None) -> sql.Composable:
    return sql.SQL("SELECT setval({}, {}, {})").format(
        sql.Literal(sequence), sql.Literal(last or start), sql.Literal(last is not None)
    )


def _one(connection: psycopg.Connection[Any], statement: Any) -> Any:
    row = connection.execute(statement).fetchone()
    return None if row is None else row[0]
