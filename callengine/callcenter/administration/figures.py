"""Figures of the past, as an operator asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Engine

from callengine.callcenter.administration.document import Document
from callengine.callcenter.figures.sheet import SERVICE_LEVEL_FORMULA, Scope, Sheet
from callengine.callcenter.reckoning import Reckoned, day_of, reckon
from callengine.clock import Clock
from callengine.db.engine import reading
from callengine.db.repositories import agents, queues
from callengine.errors import AgentNotFound, BadRequest, QueueNotFound


class FigureDesk:
    """`today` gives the figures of the day where a service runs; elsewhere they are read from the log."""

    def __init__(self, *, engine: Engine, clock: Clock, today: Callable[[], Reckoned] | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._today = today

    def show(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        queue: str | None = None,
        agent: str | None = None,
        within: float | None = None,
    ) -> Document:
        """The figures of [since, until): in total, for each queue and for each agent, or of one alone.

        Times are seconds since the epoch; by default from midnight (UTC) until now. `within` is for a service
        level by other seconds than the queues are set to. Raises `BadRequest`, `QueueNotFound`,
        `AgentNotFound`.
        """
        self._check(queue, agent)
        reckoned = self._reckon(since, until, within)
        document: Document = {
            "since": reckoned.since,
            "until": reckoned.until,
            "service_level_formula": SERVICE_LEVEL_FORMULA,
            "events_missing": reckoned.missing,
        }
        sheets = reckoned.sheets
        if queue is not None:
            return document | {"queues": {queue: _of(sheets.queues, queue, Scope.QUEUE)}}
        if agent is not None:
            return document | {"agents": {agent: _of(sheets.agents, agent, Scope.AGENT)}}
        return document | {
            "total": sheets.total.document(),
            "queues": {name: sheet.document() for name, sheet in sorted(sheets.queues.items())},
            "agents": {name: sheet.document() for name, sheet in sorted(sheets.agents.items())},
        }

    def _reckon(self, since: float | None, until: float | None, within: float | None) -> Reckoned:
        now = self._clock.now()
        if since is None and until is None and within is None and self._today is not None:
            return self._today()
        end = now if until is None else min(until, now)
        start = day_of(end) if since is None else since
        if not 0 <= start <= end:
            raise BadRequest("the interval ends before it begins, or lies in the future")
        return reckon(self._engine, start, end, within=within)

    def _check(self, queue: str | None, agent: str | None) -> None:
        with reading(self._engine) as connection:
            if queue is not None and queue not in [each.name for each in queues.read_queues(connection)]:
                raise QueueNotFound(f"there is no queue {queue!r}")
            if agent is not None and agent not in agents.every_name(connection):
                raise AgentNotFound(f"there is no agent {agent!r}")


def _of(sheets: Mapping[str, Sheet], name: str, scope: Scope) -> Document:
    return sheets.get(name, Sheet(scope)).document()
