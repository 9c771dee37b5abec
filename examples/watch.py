"""The call center as an object in a program of your own: python examples/watch.py [SECONDS]

It prints each event once it is committed, and the figures at the end.
"""

from gevent import monkey

monkey.patch_all()

import sys

import gevent

from callengine.app import CallCenter
from callengine.config import load
from callengine.events.types import Event


def tell(event: Event) -> None:
    """One line for an event; a subscriber must not wait."""
    print(event.number, event.type, event.queue or "-", event.agent or "-", flush=True)


center = CallCenter(load(overrides={"queues": {"support": {"capacity": 5}}}))
center.subscribe(tell)
center.start()
gevent.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
print(center.statistics()["total_calls"], "calls in all")
center.stop()
