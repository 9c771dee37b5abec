"""What is seen of a service from outside, and how to ask it by hand."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from click.testing import CliRunner

from callengine.app import CallCenter
from callengine.cli import group
from callengine.sip.outgoing_session import OutgoingSession
from tests.e2e.raw_sip import RawSip
from tests.gevent.callcenter.conftest import Desk

MakeDesk = Callable[..., Desk]


def at(desk: Desk, host: str = "127.0.0.1") -> str:
    """Where SIP is spoken, `HOST:PORT`."""
    return f"{host}:{desk.settings.sip.port}"


def register_answer(desk: Desk, host: str = "127.0.0.1") -> str:
    """What a REGISTER without credentials is answered; empty if nobody answers."""
    with RawSip(at(desk, host)) as raw:
        return raw.final_response(raw.request("REGISTER", "alice"), timeout=1.0) or ""


def finish(desk: Desk, session: OutgoingSession) -> None:
    """Hang up, and wait until every phone is quiet."""
    if not session.ended.is_set():
        session.hang_up()
    desk.until("select count(*) from legs where state <> 'ended'", 0)


def call_status(desk: Desk, number: str = "support") -> int:
    """What a call is answered at last; one that is taken is hung up again."""
    session = desk.phone().call(number)
    if session.refused is not None:
        return session.refused[0]
    finish(desk, session)
    return 200


def run_command(desk: Desk, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`callengine ...` with the desk's settings, in this process; end-to-end tests run the program."""
    done = CliRunner().invoke(group, arguments, env=desk.environ)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


@contextmanager
def with_media_process(desk: Desk) -> Iterator[CallCenter]:
    """The call center of a desk that is not open, with a media process as in production."""
    center = CallCenter(desk.settings)
    center.start()
    try:
        yield center
    finally:
        center.stop()


def is_taken(host: str, port: int) -> bool:
    """Whether somebody receives UDP there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
