"""Where a command does its work: in the running service, or on the database while none runs."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callengine import store
from callengine.api.client import RemoteAdministration
from callengine.api.control import answers
from callengine.callcenter.administration import Administration
from callengine.clock import SystemClock
from callengine.config import Settings, control_socket, load
from callengine.foundation import NODE

Office = Administration | RemoteAdministration


@contextmanager
def office(settings: Settings | None = None) -> Iterator[Office]:
    """The administration to ask; raises `CallCenterError` if there is neither a service nor a database.

    Without `settings` they are read; what is wrong in them does not matter while a service runs.
    """
    path = Path(settings.general.control_socket if settings else control_socket())
    if answers(path):
        yield RemoteAdministration(path)
        return
    settings = settings or load()
    with store.offline(settings) as committer:
        yield Administration(
            engine=committer.engine,
            committer=committer,
            clock=SystemClock(),
            realm=settings.general.registrar_domain,
            node=NODE,
            pause_reasons=settings.agents.pause_reasons,
        )


def who() -> str:
    """The user who runs this command, as events name it; the running service asks the kernel instead."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
