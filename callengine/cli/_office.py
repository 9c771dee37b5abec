"""Where a command does its work: in the running service, or on the database while none runs."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Union

from callengine.api.client import RemoteAdministration
from callengine.api.control import answers
from callengine.config import Settings, control_socket, load

if TYPE_CHECKING:
    from callengine.callcenter.administration import Administration

Office = Union["Administration", RemoteAdministration]


@contextmanager
def office(settings: Settings | None = None) -> Iterator[Office]:
    """The administration to ask; raises `CallCenterError` if there is neither a service nor a database.

    Without `settings` they are read; what is wrong in them does not matter while a service runs.
    """
    path = Path(settings.general.control_socket if settings else control_socket())
    if answers(path):
        yield RemoteAdministration(path)
        return
    with _on_database(settings or load()) as administration:
        yield administration


@contextmanager
def _on_database(settings: Settings) -> Iterator[Administration]:
    """Imports what works on the database only here: a command beside a running service starts without it."""
    from callengine import store
    from callengine.callcenter.administration import Administration
    from callengine.clock import SystemClock
    from callengine.foundation import NODE
    from callengine.queue_book import QueueBook

    with store.offline(settings) as committer:
        yield Administration(
            engine=committer.engine,
            committer=committer,
            clock=SystemClock(),
            realm=settings.general.registrar_domain,
            node=NODE,
            book=QueueBook(settings),
            pause_reasons=settings.agents.pause_reasons,
        )


def who() -> str:
    """The user who runs this command, as events name it; the running service asks the kernel instead."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
