"""Databases for tests: new ones, quickly, each a copy of one with all tables, of the kind that is wanted."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import Protocol

from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.used_databases import UsedDatabases

KINDS = ("sqlite", "postgresql")


class Databases(Protocol):
    """Makes databases of one kind, and removes them in the end."""

    def new(self, *, empty: bool = False) -> str:
        """The URL of a new database, with all tables unless it is to be `empty`."""

    def close(self) -> None:
        """Remove all of them."""


class SqliteFiles:
    """SQLite files in one directory, the first of them called `call_center.db`."""

    def __init__(self, directory: Path, template: Path) -> None:
        self._directory = directory
        self._template = template
        self._numbers = count(1)

    def new(self, *, empty: bool = False) -> str:
        number = next(self._numbers)
        file = self._directory / f"call_center{'' if number == 1 else number}.db"
        if not empty:
            shutil.copy(self._template, file)
        return f"sqlite:///{file}"

    def close(self) -> None:
        """They go with their directory."""


class ServerDatabases:
    """Databases of a PostgreSQL server: those that are wanted without tables new, the others from `used`."""

    def __init__(self, server: PostgresqlServer, used: UsedDatabases) -> None:
        self._server = server
        self._used = used
        self._taken: list[str] = []
        self._made: list[str] = []

    def new(self, *, empty: bool = False) -> str:
        if empty:
            self._made.append(self._server.new_database(empty=True))
            return self._made[-1]
        self._taken.append(self._used.take())
        return self._taken[-1]

    def close(self) -> None:
        for url in self._taken:
            self._used.give_back(url)
        for url in self._made:
            self._server.drop(url)
