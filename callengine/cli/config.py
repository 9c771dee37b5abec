"""`callengine config`: the settings as the service would read them."""

from __future__ import annotations

import json

import click

from callengine.cli._options import json_option
from callengine.config import describe, load
from callengine.queue_book import check_music, check_queues
from callengine.store import stored_queues


@click.group
def command() -> None:
    """Show or check the settings."""


@command.command
@json_option
def show(as_json: bool) -> None:
    """Print every setting with its value and where it was set."""
    settings = load()
    click.echo(describe.as_json(settings) if as_json else describe.as_text(settings))


@command.command
@json_option
def check(as_json: bool) -> None:
    """Say whether the service would start with these settings; exit 1 if not, naming all that is wrong."""
    settings = load()
    check_music(settings)
    check_queues(settings, stored_queues(settings))
    text = f"The settings are good (environment {settings.environment})."
    click.echo(json.dumps({"environment": settings.environment}) if as_json else text)
