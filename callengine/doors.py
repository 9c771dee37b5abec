"""The doors of the running service: the control socket, taken before anything else, and the HTTP listener."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from flask import Flask
from gevent import socket

from callengine.api import control
from callengine.api.server import serve
from callengine.config import Settings
from callengine.errors import CallCenterError
from callengine.port_holder import holder_of

_BACKLOG = 64


def take_control_socket(settings: Settings, opened: ExitStack) -> socket.socket:
    """First of all: a second service finds it taken, before it touches anything of the first.

    Raises `CallCenterError`.
    """
    path = Path(settings.general.control_socket)
    listener = control.listen(path)
    opened.callback(path.unlink, missing_ok=True)
    opened.callback(listener.close)
    return listener


def open_doors(settings: Settings, app: Flask, control_socket: socket.socket, opened: ExitStack) -> None:
    """Serve the API on the HTTP listener and the control socket; raises `CallCenterError`."""
    for listener in (_listen(settings.api.host, settings.api.port), control_socket):
        opened.callback(serve(listener, app).stop)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        taken = f"{error.strerror}{holder_of('tcp', port)}"
        raise CallCenterError(f"api.host, api.port: {host}:{port} cannot be had: {taken}") from None
    return listener
