"""A PostgreSQL database that a test has used is as new for the next one, or not given to it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.used_databases import UsedDatabases

pytestmark = pytest.mark.about("postgresql", "databases that are used again in tests")

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


@pytest.fixture
def used(postgresql_server: PostgresqlServer) -> UsedDatabases:
    return UsedDatabases(postgresql_server)


def everything(url: str) -> dict[str, Any]:
    """All rows by table, and where the sequences stand."""
    with psycopg.connect(url) as connection:
        names = [name for (name,) in connection.execute(TABLES)]
        rows = {name: connection.execute(f"SELECT * FROM {name}".encode()).fetchall() for name in names}
        sequences = connection.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        return {**rows, "": sequences.fetchall()}


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_it_is_empty_again(used: UsedDatabases, postgresql_server: PostgresqlServer) -> None:
    new = postgresql_server.new_database()
    url = used.take()
    assert everything(url) == everything(new)
    change(
        url,
        "SET session_replication_role = replica",
        "DELETE FROM tenants",
        "UPDATE log_head SET last = 77",
        "INSERT INTO skills (tenant_id, name) VALUES (99, 'french')",
    )
    assert everything(url) != everything(new)
    used.give_back(url)
    taken = {used.take(), used.take()}
    assert url in taken
    assert all(everything(each) == everything(new) for each in taken)


def test_one_that_has_grown_is_as_small_again(used: UsedDatabases) -> None:
    url = used.take()
    change(url, "INSERT INTO skills (tenant_id, name) SELECT 1, 'skill' || n FROM generate_series(1, 3000) n")
    used.give_back(url)
    while used.take() != url:
        pass
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT pg_relation_size('skills')").fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE agents ADD COLUMN nickname TEXT",
        "ALTER TABLE agents ALTER COLUMN state DROP NOT NULL",
        "ALTER TABLE event_log RENAME TO away",
        "DROP INDEX ix_offers_entry_id",
        "CREATE TABLE extra (id INTEGER)",
        "ALTER TABLE queues DROP CONSTRAINT ck_queues_capacity",
    ],
)
def test_one_whose_tables_were_changed_is_not_given_again(used: UsedDatabases, statement: str) -> None:
    url = used.take()
    change(url, statement)
    used.give_back(url)
    assert url not in (used.take(), used.take())


def test_who_is_still_connected_is_ended(used: UsedDatabases) -> None:
    url = used.take()
    with psycopg.connect(url) as left_open:
        left_open.execute("SELECT pg_advisory_lock(1)")
        left_open.execute("LOCK TABLE agents")
        used.give_back(url)
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")
