"""The process behind `warm.py`: has imported what some commands need, and forks for each that is to run.

It has no hub and no thread of its own, so a fork is as good as a process that was started.
"""

import importlib
import json
import os
import signal
import socket
import sys
from typing import Any

from gevent import monkey

from callengine.__main__ import main

_fork = monkey.get_original("os", "fork")
_socket = monkey.get_original("socket", "socket")
_wait = monkey.get_original("os", "waitpid")
_REQUEST_BYTES = 1 << 18


def next_command() -> dict[str, Any]:
    """Fork for each request; returns what is wanted of a fork, in that one."""
    requests = _socket(fileno=os.dup(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, files, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 1)
        if not request:
            os._exit(0)
        (reply,) = files
        if _fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            tell_of_fork(_socket(fileno=reply))
            return dict(json.loads(request))
        os.close(reply)


def tell_of_fork(news: Any) -> None:
    """Fork; returns in the fork, and tells in the other one which process that is and how it ends."""
    pid = _fork()
    if pid == 0:
        news.close()
        return
    news.send(str(pid).encode())
    _, status = _wait(pid, 0)
    news.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def become(command: dict[str, Any]) -> None:
    """Take over what a process is given at its start."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv = ["callengine", *command["arguments"]]
    exec(command["before"], {})


if __name__ == "__main__":
    for name in ("serve", "db", "agents"):
        importlib.import_module(f"callengine.cli.{name}")
    become(next_command())
    main()
