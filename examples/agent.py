"""An agent that answers every call after half a second and hangs up after three.

python examples/agent.py NAME PASSWORD HOST:PORT; Ctrl-C un-registers it and ends the program.
"""

from gevent import monkey

monkey.patch_all()

import signal
import sys

import gevent

from callengine.clock import SystemClock
from callengine.softphone import sound
from callengine.softphone.events import EventPrinter
from callengine.softphone.options import PhoneOptions, read_server
from callengine.softphone.phone import Phone

name, password, server = sys.argv[1:]
options = PhoneOptions(
    name=name,
    password=password,
    domain=read_server(server)[0],
    server=read_server(server),
    answer_after=0.5,
    hang_up_after=3.0,
    sound=sound.load("tone:440"),
)


def say(line: str) -> None:
    """Print a line at once, although somebody may read us through a pipe."""
    print(line, flush=True)


phone = Phone(options, printer=EventPrinter(write=say, clock=SystemClock()))
for number in (signal.SIGINT, signal.SIGTERM):
    gevent.signal_handler(number, phone.stop)
sys.exit(phone.run())
