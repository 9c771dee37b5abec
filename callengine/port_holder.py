"""Which process holds a port of this machine, as far as the kernel tells (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = {"tcp": "0A", "udp": "07"}
"""The state of a socket that others may come to, in /proc/net."""


def holder_of(transport: str, port: int) -> str:
    """The words ` by the process PID (NAME)`, to stand behind an error; none if it cannot be found out."""
    inodes = set(_inodes(transport, port))
    for process in _PROC.glob("[0-9]*") if inodes else ():
        if inodes.intersection(_sockets(process)):
            return f" by the process {process.name} ({_name(process)})"
    return ""


def _inodes(transport: str, port: int) -> Iterator[str]:
    try:
        lines = (_PROC / "net" / transport).read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for fields in map(str.split, lines):
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == _LISTENING[transport]:
            yield fields[9]


def _sockets(process: Path) -> Iterator[str]:
    try:
        entries = list(os.scandir(process / "fd"))
    except OSError:
        return
    for entry in entries:
        try:
            target = os.readlink(entry.path)
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"
