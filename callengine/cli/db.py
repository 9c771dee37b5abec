"""`callengine db`: the database: its schema, its copies, its age."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from callengine.api.control import refuse_while_running
from callengine.cli._office import office, who
from callengine.cli._options import json_option
from callengine.config import load
from callengine.db import backup as backups
from callengine.db import restore as restoring
from callengine.db import revisions, schema

_DAY = 86400.0


@click.group
def command() -> None:
    """Work on the database."""


@command.command
@click.argument("revision", default="head")
@json_option
def upgrade(revision: str, as_json: bool) -> None:
    """Bring the schema up to REVISION, the newest by default; an empty database gets its tables."""
    url = _url_while_stopped()
    schema.upgrade(url, revision)
    _say_revision(url, as_json)


@command.command
@click.argument("revision")
@json_option
def downgrade(revision: str, as_json: bool) -> None:
    """Bring the schema back to REVISION; `base` removes all tables and what is in them."""
    url = _url_while_stopped()
    schema.downgrade(url, revision)
    _say_revision(url, as_json)


@command.command
@json_option
def check(as_json: bool) -> None:
    """Say whether schema and file are as they must be; exit 1 if not. The service may run meanwhile."""
    url = load().database.url
    schema.check(url)
    backups.check_integrity(url)
    text = f"The database is sound, and its schema is at {revisions.head()}, as it must be."
    click.echo(json.dumps({"revision": revisions.head()}) if as_json else text)


@command.command
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@json_option
def backup(file: Path, force: bool, as_json: bool) -> None:
    """Copy the database to FILE, while the service runs or not, and check the copy.

    SQLite: a database file. PostgreSQL: a dump for pg_restore.
    """
    made = backups.make_backup(load().database.url, file, replace=force)
    text = f"{made.path} holds the database at revision {made.revision}, {made.bytes} bytes."
    click.echo(json.dumps(asdict(made)) if as_json else text)


@command.command
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def restore(file: Path, as_json: bool) -> None:
    """Put FILE, a backup, in the place of the database, which is kept beside it under a name with the time.

    SQLite only, while no service runs. FILE is checked first; it is copied, and stays.
    """
    url = _url_while_stopped("a backup is restored")
    done = restoring.restore(url, file)
    text = f"{done.path} is restored from {file}, at revision {done.revision}."
    if done.before:
        text += f" The database of before is {done.before}."
    if done.revision != revisions.head():
        text += " `callengine db upgrade` brings it to this version."
    click.echo(json.dumps(asdict(done)) if as_json else text)


@command.command
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    required=True,
    metavar="DAYS",
    help="Calls that ended longer ago are removed, with their legs, offers and events.",
)
@click.option("--dry-run", is_flag=True, help="Only say how many calls that would be.")
@json_option
def prune(days: float, dry_run: bool, as_json: bool) -> None:
    """Remove old calls and events, a few at a time, while the service runs or not."""
    before = time.time() - days * _DAY
    with office() as administration:
        if dry_run:
            count = administration.database.count_old_calls(before=before)
            click.echo(json.dumps({"calls": count}) if as_json else f"{count} calls would be removed.")
            return
        removed = administration.database.prune(before=before, by=who())
    text = f"{removed['calls']} calls and {removed['events']} other events were removed."
    click.echo(json.dumps(removed) if as_json else text)


def _say_revision(url: str, as_json: bool) -> None:
    revision = revisions.current(url)
    if as_json:
        click.echo(json.dumps({"revision": revision}))


def _url_while_stopped(what: str = "the schema is changed") -> str:
    """The database's URL; raises `CallCenterError` while a service runs on it."""
    settings = load()
    refuse_while_running(Path(settings.general.control_socket), what)
    return settings.database.url
