"""The process behind `warm.py`: has imported what tests and commands need, and forks for each that is to run.

It has no hub and no thread of its own, so a fork is as good as a process that was started. Given a name it
serves all who know that, until a signal ends it; otherwise whoever started it, until that ends.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

from gevent import monkey

from callengine.__main__ import main

_fork = monkey.get_original("os", "fork")
_close = monkey.get_original(
    "os", "close"
)  # the other one closes once the hub has turned, and here none does
_socket = monkey.get_original("socket", "socket")
_wait = monkey.get_original("os", "waitpid")
_REQUEST_BYTES = 1 << 18
_MOST_FILES = 3

_MODULES: tuple[str, ...] = ("callengine.cli.serve", "callengine.cli.db", "callengine.cli.agents")
_MODULES_OF_ALL = (
    *("pytest", "alembic.command", "psycopg"),
    *("callengine.cli.config", "callengine.cli.softphone"),
)


def listen(name: str) -> Any:
    """A socket that others find by `name`; what is asked there meanwhile waits."""
    listener = _socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"\0{name}")
    listener.listen(64)
    return listener


def requests_of_all(listener: Any) -> Iterator[Any]:
    """A connection for each request, without an end."""
    while True:
        connection, _ = listener.accept()
        yield connection


def requests_of_one() -> Iterator[Any]:
    """Always the same connection, standard input."""
    connection = _socket(fileno=os.dup(0))
    while True:
        yield connection


def next_command(connections: Iterator[Any]) -> tuple[dict[str, Any], list[int]]:
    """Fork for each request; returns what is wanted of a fork, and the files for its output, in that one."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for connection in connections:
        request, files, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, _MOST_FILES)
        if not request:
            break
        if _fork() == 0:
            connection.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            tell_of_fork(_socket(fileno=files[0]))
            return dict(json.loads(request)), files[1:]
        for file in files:
            _close(file)
    os._exit(0)


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


def become(command: dict[str, Any], outputs: list[int]) -> None:
    """Take over what a process is given at its start."""
    nothing = os.open(os.devnull, os.O_RDWR)
    output, errors = (outputs[0], outputs[-1]) if outputs else (nothing, nothing)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for file in {nothing, output, errors}:
        _close(file)
    os.environ.clear()
    os.environ.update(command["environment"])
    os.chdir(command["directory"])
    sys.argv = [command["module"], *command["arguments"]]
    exec(command["before"], {})


def run_command(command: dict[str, Any], outputs: list[int]) -> None:
    """Do what is wanted of a fork."""
    become(command, outputs)
    if command["module"] == "callengine":
        main()
    else:
        runpy.run_module(command["module"], run_name="__main__")


def end_with(run: Callable[[], object]) -> NoReturn:
    """Run it and end this process, but do not take apart what was imported: that takes half a second."""
    code: object = None
    try:
        run()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF if isinstance(code, int) else int(code is not None))


def run_forks() -> NoReturn:
    """Import, then fork; what comes after is the fork's."""
    connections = requests_of_one()
    modules = _MODULES
    if len(sys.argv) > 1:
        os.setpgid(0, 0)  # so that it ends together with all that it has started
        connections = requests_of_all(listen(sys.argv[1]))
        modules += _MODULES_OF_ALL
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a fork that looked through all this for garbage would have to copy it
    command, outputs = next_command(connections)
    end_with(lambda: run_command(command, outputs))


if __name__ == "__main__":
    run_forks()
