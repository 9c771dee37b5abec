"""Shows by EXPLAIN that a statement finds its rows by an index."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from callengine.db.prepared import Prepared, Statement

SCAN = re.compile(r"^SCAN (?!CONSTANT ROW|\(subquery)")


def assert_uses_index(
    connection: Connection, statement: Statement, params: Mapping[str, Any] | None = None
) -> None:
    """Fail if the database would go through a whole table or index to execute `statement` with `params`."""
    plan = query_plan(connection, statement, params or {})
    if connection.dialect.name == "sqlite":
        scans = sum(SCAN.match(line) is not None for line in plan)
    else:
        by_index = sum("Index Scan" in line or "Index Only Scan" in line for line in plan)
        scans = (
            sum("Seq Scan" in line for line in plan) + by_index - sum("Index Cond" in line for line in plan)
        )
    assert scans <= 0, "\n".join([str(statement), *plan])


def query_plan(connection: Connection, statement: Statement, params: Mapping[str, Any]) -> list[str]:
    """The lines of the plan; PostgreSQL is told to scan and sort only where there is no other way."""
    prepared = Prepared(statement, params, connection.dialect)
    bound = prepared.bind(params)
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {prepared.sql}", bound)
        return [row[3] for row in rows]
    for other_way in ("seqscan", "hashjoin", "mergejoin"):
        connection.exec_driver_sql(f"SET LOCAL enable_{other_way} = off")
    return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {prepared.sql}", bound)]
