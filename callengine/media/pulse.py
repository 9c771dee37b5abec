"""The pulse of a media process, felt over a connection of its own: who it is, and whether it lives."""

from __future__ import annotations

import socket
from contextlib import suppress

from callengine.media import control

BEAT_SECONDS = 1.0
"""The pause between two questions."""

_QUESTION = control.write_request(1, "totals", {})


def ask(path: str, seconds: float) -> socket.socket:
    """A connection that has answered a request; raises OSError if none does within `seconds`."""
    connected = _connect(path)
    try:
        connected.settimeout(seconds)
        connected.sendall(_QUESTION)
        _await_answer(connected)
        connected.settimeout(None)
    except OSError:
        connected.close()
        raise
    return connected


def falls_silent(connected: socket.socket, seconds: float) -> bool:
    """Ask again and again; True if there is no answer within `seconds`, False when the connection ends."""
    try:
        while True:
            connected.settimeout(BEAT_SECONDS)
            with suppress(TimeoutError):
                if not connected.recv(4096):
                    return False
            connected.settimeout(seconds / 2)
            connected.sendall(_QUESTION)
            if not _answers(connected):
                return True
    except TimeoutError:
        return True
    except OSError:
        return False


def drain(connected: socket.socket) -> None:
    """Wait for the end of the connection."""
    connected.settimeout(None)
    with suppress(OSError):
        while connected.recv(4096):
            pass


def _connect(path: str) -> socket.socket:
    connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connecting.connect(path)
    except OSError:
        connecting.close()
        raise
    return connecting


def _answers(connected: socket.socket) -> bool:
    """Whether there is an answer within twice the socket's timeout.

    Twice, since after a pause of this very process the first is over although the answer is there.
    """
    for _ in range(2):
        with suppress(TimeoutError):
            _await_answer(connected)
            return True
    return False


def _await_answer(connected: socket.socket) -> None:
    while not (answer := connected.recv(4096)).endswith(b"\n"):
        if not answer:
            raise ConnectionResetError("the media process went away")
