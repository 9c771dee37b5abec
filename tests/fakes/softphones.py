"""Softphones that run in this process, and what they have told."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

import gevent

from callengine import greenlets
from callengine.clock import SystemClock
from callengine.softphone.events import EventPrinter
from callengine.softphone.options import PhoneOptions
from callengine.softphone.phone import Phone
from tests.e2e.ports import free_port

HOST = "127.0.0.1"
Event = dict[str, Any]

PHONE_GREENLETS = {"audio_send", "audio_receive", "dialog", "sip_worker", "phone", "registration"}


class Desk:
    """A phone that runs, and what it has told."""

    def __init__(self, name: str, *, server: int, **options: Any) -> None:
        self.lines: list[str] = []
        clock = SystemClock()
        self.phone = Phone(
            PhoneOptions(name=name, domain=HOST, server=(HOST, server), **options),
            printer=EventPrinter(write=self.lines.append, clock=clock, as_json=True),
            clock=clock,
        )
        self.running = greenlets.spawn("phone", self.phone.run)

    def events(self) -> list[Event]:
        """What it has told so far."""
        return [json.loads(line) for line in self.lines]

    def names(self) -> list[str]:
        """The names of what it has told so far."""
        return [event["event"] for event in self.events()]

    def wait_for(self, name: str, count: int = 1) -> Event:
        """The `count`-th event of that name."""
        with gevent.Timeout(10):
            while self.names().count(name) < count:
                gevent.sleep(0.01)
        return [event for event in self.events() if event["event"] == name][count - 1]

    def exit_code(self) -> Any:
        """What `run` has returned, as soon as it does."""
        return self.running.get(timeout=10)


class Office:
    """Phones that end with the `with` block, and must leave no greenlet behind."""

    def __init__(self) -> None:
        self.port = free_port()
        self.desks: list[Desk] = []

    def callee(self, **options: Any) -> Desk:
        """Somebody who takes calls at `port`."""
        return self._open("alice", port=self.port, server=self.port, **options)

    def caller(self, name: str = "5551", **options: Any) -> Desk:
        """Somebody who calls there."""
        return self._open(name, server=self.port, call=f"sip:alice@{HOST}:{self.port}", **options)

    def _open(self, name: str, **options: Any) -> Desk:
        desk = Desk(name, **options)
        self.desks.append(desk)
        gevent.sleep(0.02)
        return desk

    def __enter__(self) -> Office:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for desk in self.desks:
            desk.phone.stop()
            desk.exit_code()
        assert not PHONE_GREENLETS & greenlets.running().keys()
