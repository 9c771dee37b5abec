"""`callengine calls`: the calls of now and of before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from callengine.cli._office import office, who
from callengine.cli._options import json_option
from callengine.cli._tables import clock_time, duration, table

_TIMES = ("arrived_at", "queued_at", "answered_at", "connected_at", "ended_at")
_RECORD = (
    "id",
    "state",
    "caller_number",
    "caller_name",
    "dialled",
    "queue",
    "agent",
    *_TIMES,
    "wait_seconds",
    "ring_seconds",
    "talk_seconds",
    "disposition",
    "cause",
    "hung_up_by",
)


@click.group
def command() -> None:
    """Show calls, of the running service or of the database, and end them."""


@command.command("list")
@click.option("--latest", type=click.IntRange(1, 10_000), help="Of all calls, those that arrived last.")
@json_option
def list_(latest: int | None, as_json: bool) -> None:
    """Show the calls that are alive, or with --latest also those that have ended."""
    with office() as administration:
        calls = administration.calls.list_some(latest=latest)
    if as_json:
        click.echo(json.dumps(calls, indent=2))
        return
    rows = [
        (
            call["id"],
            clock_time(call["arrived_at"]),
            call["caller_number"],
            call["dialled"],
            call["queue"],
            call["agent"],
            call["disposition"] or call["state"],
            duration(call["wait_seconds"]),
            duration(call["talk_seconds"]),
        )
        for call in calls
    ]
    header = ("CALL", "ARRIVED", "CALLER", "DIALLED", "QUEUE", "AGENT", "STATE", "WAITED", "TALKED")
    click.echo(table(header, rows))


@command.command
@click.argument("call_id", metavar="ID")
@json_option
def show(call_id: str, as_json: bool) -> None:
    """Show one call: its record, its legs, and all that happened. The first digits of ID will do."""
    with office() as administration:
        call = administration.calls.show(call_id)
    click.echo(json.dumps(call, indent=2) if as_json else _text(call))


@command.command
@click.argument("call_id", metavar="ID")
@json_option
def why(call_id: str, as_json: bool) -> None:
    """Show which agents were considered for a call, and why each was chosen or not; or what it waits for.

    The first digits of ID will do.
    """
    with office() as administration:
        answer = administration.calls.why(call_id)
    click.echo(json.dumps(answer, indent=2) if as_json else _reasons(answer))


@command.command
@click.argument("call_id", metavar="ID")
@json_option
def hangup(call_id: str, as_json: bool) -> None:
    """End a call of the running service: both phones are hung up. The first digits of ID will do."""
    with office() as administration:
        ended = administration.calls.hang_up(call_id, by=who())
    click.echo(json.dumps({"hung_up": ended}) if as_json else f"Call {ended} is being hung up.")


def _text(call: Mapping[str, Any]) -> str:
    record = [(key, clock_time(call[key]) if key in _TIMES else call[key]) for key in _RECORD]
    phones = [
        (
            leg["role"],
            leg["state"],
            f"{leg['transport']}:{leg['host']}:{leg['port']}",
            leg["codec"],
            leg["end_cause"],
        )
        for leg in call["legs"]
    ]
    events = [
        (event["number"], clock_time(event["at"]), event["type"], event["agent"], _words(event["payload"]))
        for event in call["events"]
    ]
    return "\n\n".join(
        (
            table(("RECORD", ""), [(key, None if value is None else str(value)) for key, value in record]),
            table(("LEG", "STATE", "PHONE", "CODEC", "END"), phones),
            table(("EVENT", "TIME", "WHAT", "AGENT", "MORE"), events),
        )
    )


_ASKED = {"offered": "Offered", "ended": "Ended without an agent", "now": "Waits now"}


def _reasons(answer: Mapping[str, Any]) -> str:
    parts = [f"Call {answer['id']}: {answer['disposition'] or answer['state']}"]
    if answer["place"] is not None:
        parts[0] += f", place {answer['place']} in the queue {answer['queue']}"
    for moment in answer["moments"]:
        title = f"{_ASKED[moment['what']]}, {clock_time(moment['at'])}, queue {moment['queue']}"
        if moment["decision"]:
            title += f" ({_words(moment['decision'])})"
        rows = [(each["agent"], ", ".join(each["reasons"]), each.get("result")) for each in moment["agents"]]
        text = f"{title}\n{table(('AGENT', 'WHY', 'RESULT'), rows)}"
        if moment["pruned"]:
            text += f"\nThe log of then was pruned; told by what is known now: {', '.join(moment['pruned'])}"
        parts.append(text)
    if not answer["moments"]:
        parts.append("No agent was considered.")
    return "\n\n".join(parts)


def _words(payload: Mapping[str, Any]) -> str:
    known = ((name, value) for name, value in payload.items() if value is not None)
    return " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in known
    )
