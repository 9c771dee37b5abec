"""Gives birth to the phones of a chaos run: `python -m tests.e2e.recovery.nursery`.

Standard input brings a line of JSON for each phone that is to be born (`Orders`). Each is a process of its
own, forked from this one, which has everything loaded already: so two hundred of them start within seconds,
and each can be killed or frozen as a phone would be. What they tell goes to standard output, which they
share. They die when this process does, and it ends with its input.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import ctypes  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402

from loguru import logger  # noqa: E402

from tests.e2e.recovery.behaviour import KINDS, Orders  # noqa: E402

_PR_SET_PDEATHSIG = 1
_fork = monkey.get_original("os", "fork")


def _be_phone(orders: Orders, parent: int) -> None:
    """Never returns."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            KINDS[orders.kind](orders).run()
    finally:
        os._exit(1)


def main() -> None:
    """Serve until the end of the input; nothing here waits in a greenlet, so that no hub is forked."""
    logger.remove()
    gc.freeze()
    os.nice(15)  # real phones take no time from the machine that serves them
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    parent = os.getpid()
    for line in open(0, "rb", buffering=0):  # noqa: SIM115
        orders = Orders(**json.loads(line))
        if _fork() == 0:
            os.close(0)
            _be_phone(orders, parent)


if __name__ == "__main__":
    main()
