"""`callengine db`: the database's schema."""

from __future__ import annotations

from pathlib import Path

import click

from callengine.api.control import refuse_while_running
from callengine.config import load
from callengine.db import schema


@click.group
def command() -> None:
    """Work on the database."""


@command.command
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the schema up to REVISION, the newest by default; an empty database gets its tables."""
    schema.upgrade(_url_while_stopped(), revision)


@command.command
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Bring the schema back to REVISION; `base` removes all tables and what is in them."""
    schema.downgrade(_url_while_stopped(), revision)


@command.command
def check() -> None:
    """Say whether the schema is the one that this version needs; exit 1 if not."""
    schema.check(load().database.url)
    click.echo(f"The schema is at {schema.head()}, as it must be.")


def _url_while_stopped() -> str:
    """The database's URL; raises `CallCenterError` while a service runs on it."""
    settings = load()
    refuse_while_running(Path(settings.general.control_socket), "the schema is changed")
    return settings.database.url
