"""The control socket: a Unix socket of mode 0660 on which the running service answers its command line."""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any

from callengine.errors import CallCenterError
from callengine.unix_peer import peer_of

MODE = 0o660


class NotRunning(CallCenterError):
    """No service answers on the control socket."""


def listen(path: Path) -> socket.socket:
    """Bind the socket, in place of one whose service is gone; raises `CallCenterError` if one lives."""
    if (process := who_answers(path)) is not None:
        raise CallCenterError(
            f"another service, process {process}, answers on {path} (general.control_socket)"
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        os.chmod(path, MODE)
        listener.listen()
    except OSError as error:
        listener.close()
        raise CallCenterError(f"the control socket {path} cannot be made: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def answers(path: Path) -> bool:
    """Whether a service listens there."""
    return who_answers(path) is not None


def who_answers(path: Path) -> int | None:
    """The id of the process that listens there, None if nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return None
        return peer_of(probe).pid


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(path: Path, resource: str, *, method: str = "GET", body: object = None, timeout: float = 10.0) -> Any:
    """The JSON answer of the running service; raises `NotRunning`, or `CallCenterError` with its refusal.

    `body` is sent as JSON.
    """
    connection = _Connection(path, timeout)
    try:
        content = None if body is None else json.dumps(body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        connection.request(method, resource, content, headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotRunning(f"no service answers on {path}: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise CallCenterError(str(said.get("message", answer.reason)))
    return said


def refuse_while_running(path: Path, what: str) -> None:
    """Raise `CallCenterError` while a service answers; `what` is done only while none does."""
    if (process := who_answers(path)) is not None:
        raise CallCenterError(
            f"the service is running (process {process} answers on {path}): {what} while it is stopped"
        )
