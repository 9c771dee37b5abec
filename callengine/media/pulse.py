"""The pulse of a media process, felt over a connection of its own: who it is, and whether it lives.

Theory of operation. It is asked ten times a second. One that does not answer is looked at in /proc:
stopped, it is frozen (two looks); asleep although a question lies there for it, it is frozen too (five
looks). One that runs, or is ready to and waits for a processor, may have much to do: it has all of the time
that it is granted. What counts is how often we looked, not how long it took: when the whole machine stood
still, so did we.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from callengine.media import control

BEAT_SECONDS = 0.1
"""The pause between two questions, and between two looks at one that does not answer."""

STOPPED, ASLEEP = "T", "S"
"""States of a process (proc(5))."""

STOPPED_LOOKS = 2
ASLEEP_LOOKS = 5

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


def falls_silent(
    connected: socket.socket,
    seconds: float,
    *,
    state: Callable[[], str] = lambda: "",
    on_beat: Callable[[], None] = lambda: None,
) -> bool:
    """Ask again and again; True when it is frozen, or silent for `seconds`, False when the connection ends.

    `state` tells how the process is (`state_of`), `on_beat` is called after each answer and may wait.
    """
    try:
        while True:
            connected.settimeout(BEAT_SECONDS)
            with suppress(TimeoutError):
                if not connected.recv(4096):
                    return False
            connected.sendall(_QUESTION)
            if not _answers(connected, max(2, round(seconds / BEAT_SECONDS)), state):
                return True
            on_beat()
    except TimeoutError:
        return True
    except OSError:
        return False


def state_of(pid: int) -> str:
    """The state of a process, a letter of proc(5); "" when there is none, or it is not to be seen."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return ""


def is_gone(pid: int) -> bool:
    """Whether all of a process has ended, so that its ports are free; it may not be waited for yet."""
    if state_of(pid) not in ("", "Z", "X"):
        return False
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir())) <= 1
    except OSError:
        return True


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


def _answers(connected: socket.socket, looks: int, state: Callable[[], str]) -> bool:
    """Whether there is an answer before it must be taken for frozen.

    Never after one look, since after a pause of this very process the first is over although the answer is
    there.
    """
    connected.settimeout(BEAT_SECONDS)
    stopped = asleep = 0
    for _ in range(looks):
        with suppress(TimeoutError):
            _await_answer(connected)
            return True
        seen = state()
        stopped = stopped + 1 if seen == STOPPED else 0
        asleep = asleep + 1 if seen == ASLEEP else 0
        if stopped >= STOPPED_LOOKS or asleep >= ASLEEP_LOOKS:
            return False
    return False


def _await_answer(connected: socket.socket) -> None:
    while not (answer := connected.recv(4096)).endswith(b"\n"):
        if not answer:
            raise ConnectionResetError("the media process went away")
