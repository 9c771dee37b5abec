"""Looking: takes the picture of what database, stories, dialogs and media side hold at this moment."""

from __future__ import annotations

from collections.abc import Iterator, Set

from sqlalchemy import Engine

from callengine.callcenter.calls import Call, Calls, Leg
from callengine.callcenter.clearing import Clearing
from callengine.callcenter.queues import Queues
from callengine.callcenter.reconciling.picture import (
    AgentRow,
    CallRow,
    EntryRow,
    KnownAgent,
    KnownLeg,
    LegRow,
    OfferRow,
    Picture,
    QueueRow,
    Story,
)
from callengine.callcenter.roster import Agent, Roster
from callengine.clock import Clock
from callengine.db.engine import reading
from callengine.db.repositories import standings
from callengine.errors import MediaError
from callengine.media.engine import MediaEngine
from callengine.sip.endpoint import Endpoint
from callengine.sip.reception import DialogOwner


class Looking:
    """Looks at one node. `max_call_seconds` is the longest time that a conversation may take."""

    def __init__(
        self,
        *,
        engine: Engine,
        node: str,
        endpoint: Endpoint,
        media: MediaEngine,
        live: Calls,
        clearing: Clearing,
        queues: Queues,
        roster: Roster,
        clock: Clock,
        max_call_seconds: float,
    ) -> None:
        self._engine = engine
        self._node = node
        self._endpoint = endpoint
        self._media = media
        self._live = live
        self._clearing = clearing
        self._queues = queues
        self._roster = roster
        self._clock = clock
        self._max_call_seconds = max_call_seconds

    def picture(self) -> Picture:
        """Raises `DatabaseError`. The media side is asked first, since only that waits (on SQLite)."""
        media = self._media_legs()
        now = self._clock.now()
        with reading(self._engine) as connection:
            rows = standings.read(connection, node=self._node, now=now)
        dialogs = {id(session) for session in self._endpoint.dialogs().values()}
        return Picture(
            now=now,
            max_call_seconds=self._max_call_seconds,
            calls={row[0]: CallRow(*row) for row in rows.calls},
            entries={row[0]: EntryRow(*row) for row in rows.entries},
            offers={row[0]: OfferRow(*row) for row in rows.offers},
            legs={row[0]: LegRow(*row) for row in rows.legs},
            agents={row[0]: AgentRow(*row) for row in rows.agents},
            registered=rows.registered,
            queues={row[0]: QueueRow(*row) for row in rows.queues},
            stories=self._stories(),
            known_legs={leg.id: _known(leg, dialogs) for leg in self.legs()},
            clearing=frozenset(self._clearing.in_hand),
            strange_dialogs=frozenset(self.strange_dialogs()),
            roster={agent.id: _known_agent(agent) for agent in self._roster},
            media=media,
        )

    def legs(self) -> Iterator[Leg]:
        """All legs that this process has in its hands."""
        for call in self._live:
            yield from call.legs
        yield from list(self._clearing.in_hand.values())

    def strange_dialogs(self) -> dict[str, DialogOwner]:
        """The sessions that belong to no leg, by Call-ID and our tag."""
        ours = {id(leg.session) for leg in self.legs()}
        dialogs = self._endpoint.dialogs()
        return {f"{call_id};{tag}": one for (call_id, tag), one in dialogs.items() if id(one) not in ours}

    def _media_legs(self) -> frozenset[str] | None:
        try:
            return frozenset(leg.leg_id for leg in self._media.list())
        except MediaError:
            return None

    def _stories(self) -> dict[str, Story]:
        in_line = {entry.id for queue in self._queues for entry in queue.line}
        return {call.id: _story(call, in_line) for call in self._live}


def _story(call: Call, in_line: set[str]) -> Story:
    entry = call.place
    return Story(
        entry_id=entry.id if entry else None,
        offer_ids=frozenset(offer.id for offer in call.offers),
        is_over=call.is_over,
        is_connected=call.connected_at is not None,
        is_in_line=entry is not None and entry.id in in_line,
        agent_ids=entry.chosen if entry and entry.assigned.is_set() and not call.offers else (),
    )


def _known_agent(agent: Agent) -> KnownAgent:
    return KnownAgent(agent.state, agent.load, agent.held, agent.is_leaving, agent.delayed_until)


def _known(leg: Leg, dialogs: Set[int]) -> KnownLeg:
    session = leg.session
    return KnownLeg(
        is_up=not session.ended.is_set(),
        is_confirmed=session.confirmed.is_set(),
        dialog_is_known=id(session) in dialogs,
    )
