"""`callengine softphone`: a phone without ears and mouth, for agents in tests and demonstrations."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import gevent

from callengine import log
from callengine.clock import SystemClock
from callengine.errors import CallCenterError
from callengine.softphone import options, sound
from callengine.softphone.events import EventPrinter
from callengine.softphone.phone import Phone


class Reading(click.ParamType[Any]):
    """An option whose text is read by a function; what that has against it is a usage error."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except CallCenterError as error:
            self.fail(str(error), param, ctx)


_SERVER = Reading("host:port", options.read_server)
_CODECS = Reading("list", options.read_codecs)
_SOUND = Reading("file|tone:hz", sound.load)
_PRESSES = Reading("digits@seconds", options.read_presses)
_SECONDS = click.FloatRange(0, 86400)


@click.command
@click.argument("name", metavar="NAME[@DOMAIN]")
@click.option("--password", help="The agent's password. Without one the phone does not register.")
@click.option("--server", type=_SERVER, required=True, help="Where to register and to call.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The phone's own port; default: a free one."
)
@click.option(
    "--transport",
    type=click.Choice(["udp", "tcp"]),
    default="udp",
    show_default=True,
    help="How SIP travels.",
)
@click.option(
    "--codecs", type=_CODECS, default="PCMU,PCMA", show_default=True, help="What it speaks, best first."
)
@click.option(
    "--answer-after", type=_SECONDS, default=0.0, help="Ring so many seconds, then answer (or reject)."
)
@click.option("--reject", type=click.IntRange(300, 699), help="Refuse every call with this status.")
@click.option("--hang-up-after", type=_SECONDS, help="End every call after so many seconds of talk.")
@click.option("--hold-after", type=_SECONDS, help="Put the far end on hold after so many seconds of talk.")
@click.option("--call", metavar="URI", help="Call this address, once, and end with the call.")
@click.option(
    "--play",
    "played",
    type=_SOUND,
    metavar="FILE|tone:HZ",
    default=None,
    help="What to say into every call; default: silence.",
)
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    help="WAV file for what is heard; later calls get -2, -3, ...",
)
@click.option(
    "--dtmf", type=_PRESSES, multiple=True, help="Press these keys so many seconds into every call."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of words.")
def command(name: str, **chosen: Any) -> None:
    """Be a phone: register as an agent and take calls, or call somebody.

    It plays and records files; it has no microphone and no loudspeaker. What happens is printed, a line each:
    registered, incoming_call, call_connected, call_held, dtmf, call_terminated, error. SIGINT (Ctrl-C) and
    SIGTERM hang up, un-register and end it.
    """
    log.configure(level="WARNING")
    host, port = chosen["server"]
    try:
        user, domain = options.read_name(name, host=host)
    except CallCenterError as error:
        raise click.BadParameter(str(error), param_hint="NAME[@DOMAIN]") from error
    phone = Phone(
        _options(user, domain, (host, port), chosen),
        printer=EventPrinter(write=click.echo, clock=SystemClock(), as_json=chosen["as_json"]),
    )
    gc.freeze()  # what was loaded until now is never garbage; a pass over it all would be heard as a gap
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, phone.stop)
    raise SystemExit(phone.run())


def _options(name: str, domain: str, server: tuple[str, int], chosen: dict[str, Any]) -> options.PhoneOptions:
    """The options as the phone wants them."""
    same = (
        "password",
        "port",
        "transport",
        "codecs",
        "answer_after",
        "reject",
        "hang_up_after",
        "hold_after",
        "call",
    )
    return options.PhoneOptions(
        name=name,
        domain=domain,
        server=server,
        sound=sound.SILENCE if chosen["played"] is None else chosen["played"],
        record=chosen["record"],
        dtmf=chosen["dtmf"],
        **{key: chosen[key] for key in same},
    )
