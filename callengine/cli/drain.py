"""`callengine drain`: let the running service take no new calls, finish those it has, and end."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from callengine.api.control import answers, ask
from callengine.cli._options import json_option
from callengine.config import control_socket

_LOOK_EVERY_SECONDS = 0.2


@click.command
@click.option(
    "--within",
    type=click.FloatRange(0, 86400),
    help="Seconds that calls may go on; default: general.drain_seconds.",
)
@click.option("--wait", "is_waiting", is_flag=True, help="Return only when the service has ended.")
@json_option
def command(within: float | None, is_waiting: bool, as_json: bool) -> None:
    """End the running service: no new calls, time for those it has, then BYE for whoever is left."""
    path = Path(control_socket())
    body = {} if within is None else {"seconds": within}
    said = ask(path, "/api/v1/drain", method="POST", body=body)
    text = f"The service drains: {said['calls']} calls may go on for {said['seconds']:g} s, at most."
    click.echo(json.dumps(said) if as_json else text)
    while is_waiting and answers(path):
        time.sleep(_LOOK_EVERY_SECONDS)
