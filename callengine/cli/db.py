"""`callengine db`: the database's schema."""

from __future__ import annotations

import click

from callengine.config import load
from callengine.db import schema


@click.group
def command() -> None:
    """Work on the database."""


@command.command
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the schema up to REVISION, the newest by default; an empty database gets its tables."""
    schema.upgrade(load().database.url, revision)


@command.command
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Bring the schema back to REVISION; `base` removes all tables and what is in them."""
    schema.downgrade(load().database.url, revision)


@command.command
def check() -> None:
    """Say whether the schema is the one that this version needs; exit 1 if not."""
    schema.check(load().database.url)
    click.echo(f"The schema is at {schema.head()}, as it must be.")
