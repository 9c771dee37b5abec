"""`callengine serve`, with a way for tests to hold its hub: at SIGUSR1 nothing turns for HOLD_SECONDS."""

from gevent import monkey

monkey.patch_all()

import os
import signal

import gevent
from gevent.monkey import get_original

from callengine.app import CallCenter


def hold() -> None:
    """Sleep natively: no greenlet runs meanwhile, as in an endless loop."""
    get_original("time", "sleep")(float(os.environ["HOLD_SECONDS"]))


if __name__ == "__main__":
    gevent.signal_handler(signal.SIGUSR1, hold)
    CallCenter.from_settings().run()
