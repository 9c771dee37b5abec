"""What the tests under monkey-patching share: databases, a committer, and the guard over state columns."""

import os
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from gevent import monkey
from sqlalchemy import Connection, Engine, event

from callengine.db.committer import Committer
from callengine.db.engine import make_engine
from callengine.events.types import Event
from tests.fakes import compiled_once, postgresql, sqlite_template
from tests.fakes.clock import FakeClock
from tests.fakes.databases import KINDS, Databases, ServerDatabases, SqliteFiles
from tests.fakes.postgresql import PostgresqlServer
from tests.fakes.state_guard import StateGuard
from tests.fakes.used_databases import UsedDatabases


def pytest_configure() -> None:
    if not monkey.is_module_patched("socket"):
        raise pytest.UsageError("run these with: python -m gevent.monkey --module pytest tests/gevent")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=KINDS,
        help="postgresql: only the tests on PostgreSQL; sqlite: all others. Without it: all.",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever touches a database runs once on each kind, unless it is about one of them."""
    if "database_kind" in metafunc.fixturenames:
        about = metafunc.definition.get_closest_marker("about")
        metafunc.parametrize("database_kind", KINDS if about is None else [about.args[0]])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the half that is not wanted."""
    wanted = config.getoption("--database")
    if wanted is None:
        return
    chosen = {item for item in items if (_kind_of(item) == "postgresql") == (wanted == "postgresql")}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell whoever started several sessions how many tests run on each kind, and have an equal."""
    counts = os.environ.get("TEST_COUNTS")
    if counts is not None:
        kinds = [_kind_of(item) for item in session.items if item.get_closest_marker("about") is None]
        with Path(counts).open("a", encoding="utf-8") as file:
            file.write("".join(f"{kind}\n" for kind in kinds if kind is not None))


def _kind_of(item: pytest.Item) -> str | None:
    """The kind of database that a test runs on; None if it needs none."""
    about = item.get_closest_marker("about")
    if about is not None:
        return str(about.args[0])
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("database_kind")


@pytest.fixture(autouse=True)
def no_kind_is_left_out(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that touches a database, but has not said that it wants one of each kind."""
    touched: set[str] = set()

    def note(connection: Connection) -> None:
        touched.add(connection.dialect.name)

    event.listen(Engine, "engine_connect", note)
    yield
    event.remove(Engine, "engine_connect", note)
    if touched and _kind_of(request.node) is None:
        pytest.fail(f"it touches {', '.join(touched)} alone: take `databases`, or mark it with `about`")


@pytest.fixture(autouse=True, scope="session")
def nothing_is_worked_out_twice() -> Iterator[None]:
    """What a process works out once, and tests would for each of many call centers."""
    with pytest.MonkeyPatch.context() as patch:
        compiled_once.install(patch)
        yield


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
    """A private PostgreSQL server: the one of this run of `scripts/test.sh`, or one of our own."""
    running = os.environ.get(postgresql.VARIABLE)
    if running:
        yield PostgresqlServer(Path(running))
        return
    try:
        server = postgresql.start()
    except postgresql.NotInstalled as error:
        pytest.fail(str(error))
    yield server
    postgresql.stop(server.directory)


@pytest.fixture(scope="session")
def used_databases(postgresql_server: PostgresqlServer) -> UsedDatabases:
    """The databases that tests of this session have used."""
    return UsedDatabases(postgresql_server)


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables: the one of this run of `scripts/test.sh`, or one of our own."""
    made = os.environ.get(sqlite_template.VARIABLE)
    return Path(made) if made else sqlite_template.make(tmp_path_factory.mktemp("template") / "template.db")


@pytest.fixture
def databases(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    """Makes databases: the test runs once on each kind."""
    made: Databases
    if database_kind == "sqlite":
        made = SqliteFiles(tmp_path, request.getfixturevalue("sqlite_file"))
    else:
        made = ServerDatabases(
            request.getfixturevalue("postgresql_server"), request.getfixturevalue("used_databases")
        )
    yield made
    made.close()


@pytest.fixture
def database_url(databases: Databases) -> str:
    """The URL of an empty database: the test runs once on each kind."""
    return databases.new(empty=True)


@pytest.fixture
def migrated_url(databases: Databases) -> str:
    """The URL of a database at the newest revision: the test runs once on each kind."""
    return databases.new()


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    """An engine on a database with all tables and no calls: the test runs once on each kind."""
    made = make_engine(databases.new(), connection_timeout_seconds=5)
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
