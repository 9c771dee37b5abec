"""What the tests under monkey-patching share: databases, a committer, and the guard over state columns."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from gevent import monkey
from sqlalchemy import Engine

from callengine.db import schema
from callengine.db.committer import Committer
from callengine.db.engine import make_engine
from callengine.events.types import Event
from tests.fakes.clock import FakeClock
from tests.fakes.postgresql import PostgresqlServer, binaries
from tests.fakes.state_guard import StateGuard


def pytest_configure() -> None:
    if not monkey.is_module_patched("socket"):
        raise pytest.UsageError("run these with: python -m gevent.monkey --module pytest tests/gevent")


@pytest.fixture(autouse=True)
def state_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[StateGuard]:
    """Fails the test if a state column is changed without an event in the same unit."""
    guard = StateGuard()
    guard.install(monkeypatch)
    yield guard
    guard.remove()
    assert not guard.violations


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A private PostgreSQL server; skips the test where PostgreSQL is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    server = PostgresqlServer(programs)
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'call_center.db'}"
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    return server.new_database()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    schema.upgrade(f"sqlite:{file}")
    return file


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresqlServer) -> str:
    """The name of a PostgreSQL database with all tables, to be copied."""
    url = postgresql_server.new_database()
    schema.upgrade(url)
    return make_engine(url).url.database or ""


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a database with all tables and no calls: the test runs once on each kind."""
    if request.param == "sqlite":
        file = tmp_path / "call_center.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        url = f"sqlite:{file}"
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        url = server.new_database(request.getfixturevalue("postgresql_template"))
    made = make_engine(url, connection_timeout_seconds=5)
    yield made
    made.dispose()


@pytest.fixture
def published() -> list[Event]:
    """What the committer has published, in order."""
    return []


@pytest.fixture
def committer(engine: Engine, clock: FakeClock, published: list[Event]) -> Iterator[Committer]:
    """A committer at work, which lets other greenlets run before each BEGIN and after each COMMIT."""
    started = Committer(engine, clock=clock, publish=published.extend, switch=lambda: gevent.sleep(0))
    started.start()
    yield started
    started.stop()
