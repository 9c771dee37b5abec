"""Statements are compiled once for all engines of a kind, and no rule of HTTP learns to build URLs.

A service has one engine and one set of rules; to tests, which make hundreds, they were a fifth of the time.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Dialect, Engine, create_engine
from werkzeug.routing import Rule

from callengine.db.prepared import Parameters, Prepared, Statement


def install(patch: pytest.MonkeyPatch) -> None:
    """Until `patch` is undone."""
    first: dict[str, Engine] = {}
    prepared: dict[tuple[Statement, tuple[str, ...], Dialect], Prepared] = {}

    def created(*arguments: Any, **options: Any) -> Engine:
        engine = create_engine(*arguments, **options)
        known = first.get(engine.dialect.name)
        if known is None or getattr(known.dialect, "server_version_info", None) is None:
            # One that never connected has not asked what its database can do.
            first[engine.dialect.name] = engine
        else:
            engine.dialect, engine._compiled_cache = known.dialect, known._compiled_cache
        return engine

    def prepare(statement: Statement, parameters: Parameters, dialect: Dialect) -> Prepared:
        key = statement, tuple(parameters), dialect
        if key not in prepared:
            prepared[key] = Prepared(statement, parameters, dialect)
        return prepared[key]

    patch.setattr("callengine.db.engine.create_engine", created)
    patch.setattr("callengine.db.prepared.Prepared", prepare)
    patch.setattr(Rule, "_compile_builder", lambda *_arguments, **_options: _build)


def _build(*_arguments: Any) -> None:
    raise AssertionError("nothing here builds URLs")
