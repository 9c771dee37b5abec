import json
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, select, text

from callengine.db import revisions, schema
from callengine.db.base import Base
from callengine.db.engine import make_engine
from callengine.db.models import Leg, LogHead, Tenant
from callengine.errors import DatabaseError
from tests.fakes import rows

ROOT = Path(__file__).parents[3]


def tables(url: str) -> set[str]:
    engine = make_engine(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_up_down_and_up_again(database_url: str) -> None:
    assert revisions.current(database_url) is None
    schema.upgrade(database_url)
    assert revisions.current(database_url) == revisions.head()
    schema.check(database_url)
    schema.downgrade(database_url, "base")
    assert revisions.current(database_url) is None
    assert tables(database_url) == {"alembic_version"}
    schema.upgrade(database_url)
    schema.check(database_url)


def test_the_first_rows_are_there(migrated_url: str) -> None:
    with make_engine(migrated_url).connect() as connection:
        assert connection.execute(select(Tenant.id, Tenant.name)).one() == (1, "default")
        assert connection.execute(select(LogHead.id, LogHead.last)).one() == (1, 0)


def test_down_and_up_with_rows(migrated_url: str) -> None:
    engine = make_engine(migrated_url)
    with engine.begin() as connection:
        rows.store_call(connection)
        rows.store(
            connection, Leg, rows.leg(id="2" * 32, peer_leg_id="1" * 32, offer_id="0" * 32, binding_id=1)
        )
    schema.upgrade(engine)
    schema.check(engine)
    with engine.connect() as connection:
        assert len(connection.execute(select(Leg.id)).all()) == 2
    engine.dispose()
    schema.downgrade(migrated_url, "base")
    schema.upgrade(migrated_url)
    schema.check(migrated_url)


@pytest.mark.about("sqlite", "how a file is migrated")
def test_an_engine_keeps_its_foreign_keys(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:{tmp_path / 'a.db'}", max_connections=1)
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.about("sqlite", "a database in memory")
def test_in_memory() -> None:
    engine = make_engine("sqlite://")
    schema.upgrade(engine)
    schema.check(engine)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE agents ADD COLUMN nickname TEXT", "nickname"),
        ("DROP INDEX ix_offers_entry_id", "ix_offers_entry_id"),
        ("CREATE TABLE extra (id INTEGER)", "extra"),
    ],
)
def test_a_schema_that_differs_is_told(migrated_url: str, change: str, said: str) -> None:
    with make_engine(migrated_url).begin() as connection:
        connection.execute(text(change))
    with pytest.raises(DatabaseError, match=said):
        schema.check(migrated_url)


@pytest.mark.about("sqlite", "how a file is migrated")
def test_a_check_that_differs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:{tmp_path / 'a.db'}"
    schema.upgrade(url)
    rule = next(rule for rule in Base.metadata.tables["agents"].constraints if rule.name == "ck_agents_load")
    monkeypatch.setattr(rule, "sqltext", text("load >= 1"))
    with pytest.raises(DatabaseError, match="ck_agents_load"):
        schema.check(url)


def test_an_old_or_empty_database_is_not_served(database_url: str) -> None:
    with pytest.raises(DatabaseError, match=r"empty.*callengine db upgrade"):
        revisions.require_head(database_url)
    schema.upgrade(database_url)
    revisions.require_head(database_url)


@pytest.mark.about("sqlite", "how a file is migrated")
def test_asking_creates_no_file(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'a.db'}"
    assert revisions.current(url) is None
    with pytest.raises(DatabaseError):
        schema.check(url)
    assert list(tmp_path.iterdir()) == []


def refuse_all(url: str, said: str) -> None:
    for ask in (
        schema.upgrade,
        revisions.current,
        schema.check,
        revisions.require_head,
        lambda given: schema.downgrade(given, "base"),
    ):
        with pytest.raises(DatabaseError, match=said) as refused:
            ask(url)
        assert "call_center" in str(refused.value) or "test_" in str(refused.value)


def test_a_foreign_database_is_refused(database_url: str) -> None:
    with make_engine(database_url, enable_wal_mode=None).begin() as connection:
        connection.execute(text("CREATE TABLE customers (id INTEGER)"))
    refuse_all(database_url, "not a database of callengine.*customers")
    assert tables(database_url) == {"customers"}


def test_a_foreign_database_with_alembic_is_refused(database_url: str) -> None:
    with make_engine(database_url, enable_wal_mode=None).begin() as connection:
        connection.execute(text("CREATE TABLE customers (id INTEGER)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    refuse_all(database_url, "of another program")


def test_a_newer_database_is_refused(migrated_url: str) -> None:
    with make_engine(migrated_url, enable_wal_mode=None).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    refuse_all(migrated_url, "9999.*newer")


@pytest.mark.about("sqlite", "how a file is migrated")
def test_a_refused_file_is_untouched_to_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "call_center.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    connection.close()
    before = file.read_bytes()
    refuse_all(f"sqlite:{file}", "customers")
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.about("sqlite", "how a file is migrated")
def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "call_center.db"
    file.write_bytes(b"these are no tables\n" * 100)
    refuse_all(f"sqlite:{file}", "not a database")
    assert file.read_bytes() == b"these are no tables\n" * 100


def test_an_unknown_revision_is_refused(database_url: str) -> None:
    with pytest.raises(DatabaseError, match="7777"):
        schema.upgrade(database_url, "7777")
    assert revisions.current(database_url) is None


def test_the_migrations_are_no_package() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()


@pytest.mark.about("sqlite", "how a file is migrated")
def test_rows_that_refer_to_nothing_stop_a_migration(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'call_center.db'}"
    schema.upgrade(url)
    with make_engine(url, enable_foreign_keys=False).begin() as connection:
        connection.exec_driver_sql("INSERT INTO skills (tenant_id, name) VALUES (9, 'french')")
    with pytest.raises(DatabaseError, match=r"missing ones.*skills"):
        schema.upgrade(url)


ALEMBIC = """
import contextlib, json, sys
from alembic.config import main
for arguments in json.loads(sys.argv[1]):
    with contextlib.suppress(SystemExit):
        main(["-c", sys.argv[2], *arguments])
    print("--", flush=True)
"""


def alembic(*commands: str, url: str, directory: Path) -> list[str]:
    """What Alembic's own program says to each of these commands."""
    settings = (ROOT / "alembic.ini").read_text().replace("%(here)s", str(ROOT))
    file = directory / "alembic.ini"
    file.write_text(settings.replace("[alembic]\n", f"[alembic]\nsqlalchemy.url = {url}\n", 1))
    done = subprocess.run(
        [sys.executable, "-c", ALEMBIC, json.dumps([each.split() for each in commands]), str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout.split("--\n")


def test_plain_alembic_works_in_a_checkout(database_url: str, tmp_path: Path) -> None:
    run = partial(alembic, url=database_url, directory=tmp_path)
    _, checked, current, offline, _ = run("upgrade head", "check", "current", "upgrade head --sql")
    schema.check(database_url)
    assert "No new upgrade operations detected" in checked
    assert revisions.head() in current
    assert "need a database" in offline
    run("downgrade base")
    assert revisions.current(database_url) is None


def test_the_engine_fixture_is_at_head(engine: Engine) -> None:
    schema.check(engine)


def test_the_revisions_are_those_of_alembic() -> None:
    scripts = ScriptDirectory(str(revisions.scripts_directory()))
    assert revisions.known() == [script.revision for script in scripts.walk_revisions()][::-1]
    assert scripts.get_heads() == [revisions.head()]


def test_an_installer_of_another_version_finds_what_it_asks(engine: Engine) -> None:
    assert schema.current(engine) == schema.head()
    assert schema.knows(schema.head())
    assert not schema.knows("another")
