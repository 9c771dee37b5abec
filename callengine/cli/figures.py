"""`callengine figures`: what was done in an interval: calls, service level, agents' time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from callengine.cli._office import office
from callengine.cli._options import Time, json_option
from callengine.cli._tables import clock_time, duration, table

_COUNTS = (
    "offered",
    "handled",
    "abandoned",
    "short_abandoned",
    "overflowed",
    "timed_out",
    "rejected",
    "failed",
)
_RATES = ("abandonment_rate", "service_level", "occupancy")
_CALLS = (
    *_COUNTS,
    "abandonment_rate",
    "service_level",
    "average_speed_of_answer_seconds",
    "longest_wait_seconds",
)
_WORK = (
    "offers",
    "handled",
    "average_talk_seconds",
    "average_handling_seconds",
    "occupancy",
    "staffed_seconds",
)


@click.command
@click.option("--since", type=Time(), help="From then on; midnight (UTC) if it is not given.")
@click.option("--until", type=Time(), help="Up to then; now if it is not given.")
@click.option("--queue", metavar="NAME", help="Of this queue alone.")
@click.option("--agent", metavar="NAME", help="Of this agent alone.")
@click.option(
    "--within",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="For the service level; what each queue is set to if it is not given.",
)
@json_option
def command(
    since: float | None,
    until: float | None,
    queue: str | None,
    agent: str | None,
    within: float | None,
    as_json: bool,
) -> None:
    """Show the figures of an interval, of the running service or of the database.

    A TIME is a day or time of the local clock: 2026-01-31, 2026-01-31T08:00, or 08:00 for today.
    """
    if queue is not None and agent is not None:
        raise click.UsageError("--queue and --agent cannot go together")
    with office() as administration:
        document = administration.figures.show(
            since=since, until=until, queue=queue, agent=agent, within=within
        )
    click.echo(json.dumps(document, indent=2) if as_json else _text(document))


def _text(document: Mapping[str, Any]) -> str:
    parts = [f"From {clock_time(document['since'])} to {clock_time(document['until'])}"]
    if document["events_missing"]:
        parts.append(f"Up to {document['events_missing']} events of this time were pruned.")
    queues = dict(document.get("queues", {}))
    if "total" in document:
        queues["in all"] = document["total"]
    if queues:
        parts += [_table("QUEUE", queues, _CALLS), _table("QUEUE", queues, _WORK)]
    agents = document.get("agents", {})
    if agents:
        parts += [_table("AGENT", agents, _WORK), _times(agents)]
    return "\n\n".join(parts)


def _table(first: str, rows: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> str:
    header = (first, *(_heading(name) for name in columns))
    return table(header, [(name, *(_cell(row, key) for key in columns)) for name, row in rows.items()])


def _times(agents: Mapping[str, Mapping[str, Any]]) -> str:
    """The time of each agent in each state, and for each reason of a pause."""
    states = next(iter(agents.values()))["state_seconds"]
    reasons = sorted({reason for row in agents.values() for reason in row["pause_seconds"]})
    header = ("AGENT", *(state.upper() for state in states), *(f"PAUSED: {reason}" for reason in reasons))
    return table(
        header,
        [
            (
                name,
                *(duration(spent) for spent in row["state_seconds"].values()),
                *(duration(row["pause_seconds"].get(reason, 0.0)) for reason in reasons),
            )
            for name, row in agents.items()
        ],
    )


def _heading(name: str) -> str:
    return name.removesuffix("_seconds").replace("average_", "").replace("_", " ").upper()


def _cell(row: Mapping[str, Any], name: str) -> object:
    value = row[name]
    if value is None:
        return None
    if name in _RATES:
        return f"{value:.1%}"
    return duration(value) if name == "staffed_seconds" else value
