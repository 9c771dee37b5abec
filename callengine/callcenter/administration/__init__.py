"""What an operator can ask for and change, as documents for API and command line.

The same functions serve the running service and the command line beside a database that nobody runs on. Every
document is made of what JSON knows; times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import Engine

from callengine.callcenter.administration.agents import AgentDesk
from callengine.callcenter.administration.calls import CallDesk
from callengine.callcenter.administration.database import DatabaseDesk
from callengine.callcenter.administration.document import Document
from callengine.callcenter.administration.figures import FigureDesk
from callengine.callcenter.administration.lines import LineDesk
from callengine.callcenter.administration.queues import Book, QueueDesk
from callengine.callcenter.calls import Calls
from callengine.callcenter.orders import Orders
from callengine.callcenter.reckoning import Reckoned
from callengine.clock import Clock
from callengine.db.committer import Committer

__all__ = [
    "Administration",
    "AgentDesk",
    "CallDesk",
    "DatabaseDesk",
    "Document",
    "FigureDesk",
    "LineDesk",
    "QueueDesk",
]


def _nobody_cares() -> None:
    """Where no service runs."""


class Administration:
    """`live` are the calls of the running service, None where no service runs; `node` is whose they are.

    `book` holds queues to the rules of the settings; `after_queues_changed` has memory follow their rows.
    `today` gives the figures that the running service keeps.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        committer: Committer,
        clock: Clock,
        realm: str,
        node: str,
        book: Book,
        after_queues_changed: Callable[[], None] = _nobody_cares,
        live: Calls | None = None,
        orders: Orders | None = None,
        pause_reasons: Collection[str] = (),
        today: Callable[[], Reckoned] | None = None,
    ) -> None:
        self.agents = AgentDesk(
            engine=engine, committer=committer, clock=clock, realm=realm, pause_reasons=pause_reasons
        )
        self.queues = QueueDesk(
            engine=engine,
            committer=committer,
            clock=clock,
            node=node,
            book=book,
            after_change=after_queues_changed,
        )
        self.calls = CallDesk(engine=engine, clock=clock, node=node, live=live)
        self.lines = LineDesk(calls=self.calls, live=live, orders=orders)
        self.figures = FigureDesk(engine=engine, clock=clock, today=today)
        self.database = DatabaseDesk(committer)
