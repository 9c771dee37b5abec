"""`callengine status`: the present of the running service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from callengine.api.control import ask
from callengine.config import control_socket


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print the whole document as JSON.")
def command(as_json: bool) -> None:
    """Show calls, queues, agents and resources of the running service."""
    document = ask(Path(control_socket()), "/api/v1/status")
    click.echo(json.dumps(document, indent=2) if as_json else _text(document))


def _text(document: Mapping[str, Any]) -> str:
    rows = [
        ("calls", f"{document['active_calls']} active, {document['total_calls']} in all"),
        (
            "waiting",
            f"{document['total_queued']}, {document['average_wait_time']:.1f} s to answer on average",
        ),
        ("agents", _counts(document["agents"])),
        ("queues", _counts({name: queue["waiting"] for name, queue in document["queues"].items()})),
        ("legs", f"{document['legs']}, {document['ports_in_use']} media ports in use"),
        (
            "sip",
            f"{document['transactions']} transactions, {document['dialogs']} dialogs, "
            f"{document['connections']} connections",
        ),
    ]
    rows += [
        (f"greenlets in {process}", _counts(counts)) for process, counts in document["greenlets"].items()
    ]
    rows.append(("up", f"{document['uptime_seconds']:.0f} s, version {document['version']}"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"
