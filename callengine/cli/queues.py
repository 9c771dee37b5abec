"""`callengine queues`: the queues, and who waits in them."""

from __future__ import annotations

import json
import time

import click

from callengine.cli._office import office, who
from callengine.cli._options import json_option
from callengine.cli._tables import clock_time, duration, table

_OF_NOW = ("id", "name", "waiting", "longest_wait_seconds", "agents", "signed_on", "available", "line")
"""What is told of a queue beside what it is set to."""


@click.group
def command() -> None:
    """Show queues, of the running service or of the database, and what becomes of who waits in them."""


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


@command.command
@click.argument("name")
@click.option("--set", "given", metavar="KEY=VALUE", multiple=True, help="A setting of it; may be repeated.")
@json_option
def add(name: str, given: tuple[str, ...], as_json: bool) -> None:
    """Define a queue in the database, with the settings' defaults for whatever is not set."""
    with office() as administration:
        administration.queues.add(name, _values(given))
    click.echo(json.dumps({"added": name}) if as_json else f"Queue {name} is added.")


@command.command("set")
@click.argument("name")
@click.argument("given", metavar="KEY=VALUE...", nargs=-1, required=True)
@json_option
def set_(name: str, given: tuple[str, ...], as_json: bool) -> None:
    """Change a queue of the database; calls that wait in it stay."""
    with office() as administration:
        administration.queues.change(name, _values(given))
    click.echo(json.dumps({"changed": name}) if as_json else f"Queue {name} is changed.")


@command.command
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Remove a queue of the database in which nobody waits and to which nothing leads."""
    with office() as administration:
        administration.queues.remove(name)
    click.echo(json.dumps({"removed": name}) if as_json else f"Queue {name} is removed.")


def _values(given: tuple[str, ...]) -> dict[str, str]:
    for each in given:
        if "=" not in each:
            raise click.UsageError(f"{each!r}: a setting is written KEY=VALUE")
    return {key: value for key, _, value in (each.partition("=") for each in given)}


@command.command
@click.argument("call_id", metavar="CALL")
@click.argument("queue")
@json_option
def move(call_id: str, queue: str, as_json: bool) -> None:
    """Move a caller who waits to another queue. The first digits of CALL will do."""
    with office() as administration:
        moved = administration.lines.move(call_id, queue, by=who())
    click.echo(json.dumps({"moved": moved}) if as_json else f"Call {moved} waits in {queue}.")


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("call_id", metavar="CALL")
@click.argument("priority", type=click.IntRange(-1_000_000, 1_000_000))
@json_option
def prioritize(call_id: str, priority: int, as_json: bool) -> None:
    """Make a caller who waits as urgent as PRIORITY; a higher number is more. The first digits will do."""
    with office() as administration:
        changed = administration.lines.prioritize(call_id, priority, by=who())
    click.echo(
        json.dumps({"prioritized": changed}) if as_json else f"Call {changed} has the priority {priority}."
    )


@command.command
@click.argument("call_id", metavar="CALL")
@json_option
def withdraw(call_id: str, as_json: bool) -> None:
    """Take a caller who waits out of its queue: it goes on to the next one, or its call ends."""
    with office() as administration:
        withdrawn = administration.lines.withdraw(call_id, by=who())
    click.echo(
        json.dumps({"withdrawn": withdrawn}) if as_json else f"Call {withdrawn} is taken out of its queue."
    )
