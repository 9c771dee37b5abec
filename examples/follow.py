"""A reader of the log that misses nothing: python examples/follow.py SECONDS

It keeps the number of the last event that it has seen in a file, and goes on behind it when it comes again.
"""

from gevent import monkey

monkey.patch_all()

import sys
from pathlib import Path

import gevent

from callengine.app import CallCenter
from callengine.events.types import Event

last_seen = Path("last_seen")


def take(event: Event) -> None:
    """It may wait here: whoever gives `after` has a greenlet of its own."""
    print(event.number, event.type, event.agent or "-", flush=True)
    last_seen.write_text(str(event.number))


center = CallCenter.from_settings()
center.subscribe(take, after=int(last_seen.read_text()) if last_seen.exists() else 0)
center.start()
gevent.sleep(float(sys.argv[1]))
center.stop()
