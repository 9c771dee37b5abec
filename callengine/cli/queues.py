"""`callengine queues`: the queues, and who waits in them."""

from __future__ import annotations

import json
import time

import click

from callengine.cli._office import office
from callengine.cli._options import json_option
from callengine.cli._tables import clock_time, duration, table

_OF_NOW = ("id", "name", "waiting", "longest_wait_seconds", "agents", "signed_on", "available", "line")
"""What is told of a queue beside what it is set to."""


@click.group
def command() -> None:
    """Show queues, of the running service or of the database."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show all queues: who waits, for how long, and who could serve them."""
    with office() as administration:
        queues = administration.queues.list_all()
    if as_json:
        click.echo(json.dumps(queues, indent=2))
        return
    rows = [
        (
            queue["name"],
            queue["waiting"],
            duration(queue["longest_wait_seconds"]),
            queue["available"],
            queue["signed_on"],
            queue["agents"],
            queue["strategy"],
            queue["capacity"],
        )
        for queue in queues
    ]
    header = ("QUEUE", "WAITING", "LONGEST", "AVAILABLE", "SIGNED ON", "AGENTS", "STRATEGY", "CAPACITY")
    click.echo(table(header, rows))


@command.command
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one queue: what it is set to, and its callers in the order in which they are served."""
    with office() as administration:
        queue = administration.queues.show(name)
    if as_json:
        click.echo(json.dumps(queue, indent=2))
        return
    click.echo(
        table(("SETTING", "VALUE"), [(key, str(queue[key])) for key in sorted(queue) if key not in _OF_NOW])
    )
    now = time.time()
    rows = [
        (
            number,
            entry["caller_number"],
            entry["state"],
            clock_time(entry["first_arrived_at"]),
            duration(now - entry["first_arrived_at"]),
            entry["rounds"],
            entry["call_id"],
        )
        for number, entry in enumerate(queue["line"], 1)
    ]
    click.echo()
    click.echo(table(("PLACE", "CALLER", "STATE", "SINCE", "WAITED", "OFFERS", "CALL"), rows))
